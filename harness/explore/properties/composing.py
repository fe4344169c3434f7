"""The strategy of whole scenarios: engine, faults, conversation.

Where a fault strikes is drawn before the conversation, as a number: 0 is the first thing that can go wrong in any run,
and what is past the end counts from the start again. So Hypothesis shrinks to the fewest faults first, then to the
earliest step, then to the simplest action and window, then to the shortest conversation; and a turn that is left out
behind a fault leaves the fault where it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from harness.explore.properties.asked import at_least, base, names, plainly
from harness.explore.properties.benches import opened_for, stuck_in
from harness.explore.properties.conversations import ROUNDS, calling, endings, script_of
from harness.explore.properties.offered import Offer, offer_of, point_out_idle
from harness.explore.properties.plans import Strike, points, strikes
from harness.explore.properties.reproduction import DoesNotSurvive
from harness.explore.properties.trials import Guess, Unfit, fair
from harness.faults import Fault, FaultPlan
from harness.history import History
from harness.scenario import Scenario
from harness.subjects.script import Turn
from harness.subjects.script_yaml import to_data

POINTS = 48
"""How far into a conversation a fault is aimed: the windows of some sixteen steps."""


@plainly
def scenarios(
    subject: Any,
    engines: Sequence[str] | str = ("journal",),
    *,
    max_faults: int = 2,
    rounds: int = ROUNDS,
    actions: Sequence[str] | str = ("crash",),
    aim: bool = False,
    **given: Any,
) -> st.SearchStrategy[Scenario]:
    """Scenarios of a subject: a conversation that fits it, and one to `max_faults` faults at steps that it then has.

    `subject` is an import path, or an agent that a module's variable holds. `given` are other fields of the scenario:
    `tools`, `deps`, `world`, `prompt`, `options`, …; a `script` fixes the conversation. The engines are tried from the
    first on. Made-up conversations that the agent cannot have are left out; one that fails without any fault although
    the agent can have it comes without faults. With `aim` so are, every second time,
    scenarios whose faults would strike where others have struck: more is reached, and the same test run twice in one
    process draws other scenarios. Raises `UsageError` for arguments that make no sense and, when it is first drawn
    from, for a subject, an engine or a `script` that cannot be used.
    """
    bases = [base(subject, engine, given, drawn=["faults"]) for engine in names("engines", engines)]
    most, longest = at_least(1, "max_faults", max_faults), at_least(0, "rounds", rounds)
    return _scenarios(bases, strikes(actions), most, longest, aim=aim)


@st.composite
@plainly
def _scenarios(
    draw: st.DrawFn, bases: list[Scenario], kinds: tuple[Strike, ...], most: int, longest: int, *, aim: bool
) -> Scenario:
    scenario = bases[draw(st.integers(0, len(bases) - 1))]
    made_up = scenario.script is None
    places = [draw(st.integers(0, POINTS - 1)) for _ in range(draw(st.integers(1, most)))]
    guess = None
    if made_up:
        offer = offer_of(scenario)
        point_out_idle(scenario, offer.history, offer.outputs)
        turns = _turns(draw, offer, longest)
        scenario = scenario.model_copy(update={"script": to_data(script_of(offer, turns))})
        opened = opened_for(scenario)
        opened.made_up.add(json.dumps(scenario.script))
        if (stuck := stuck_in(opened)) is not None and stuck.script != scenario.script:
            reject()
        if (foreseen := opened.foresight.history(turns)) is not None:
            guess = Guess(foreseen, _under(scenario, places, kinds, foreseen))
    if aim and guess is not None:  # before anything runs
        _go_elsewhere(guess.scenario, guess.history)
    try:
        history = fair(scenario, guess).history
    except Unfit:
        if not made_up:
            raise  # there is no other to draw
        reject()
    except DoesNotSurvive as failed:
        return failed.scenario
    if not made_up:
        point_out_idle(scenario, history)
    found = _under(scenario, places, kinds, history)
    if aim and guess is None:
        _go_elsewhere(found, history)
    return found


def _go_elsewhere(scenario: Scenario, history: History) -> None:
    """Give up an example that would strike where others have struck."""
    if not opened_for(scenario).reach.wants(scenario, history):
        reject()


def _turns(draw: st.DrawFn, offer: Offer, longest: int) -> list[Turn]:
    """Turns that call tools, then the ending."""
    called = draw(st.lists(calling(offer), max_size=longest)) if offer.tools else []
    return [*called, draw(endings(offer))]


def _under(scenario: Scenario, places: list[int], kinds: tuple[Strike, ...], history: History) -> Scenario:
    """The scenario with faults at the steps of a history. Each place counts from the fault before it."""
    known, recorded = points(history, kinds), history.recorded_steps()
    at = 0
    faults: list[Fault] = []
    for life, place in enumerate(places, 1):
        at += place % (len(known) - at)
        step, strike = known[at]
        faults.append(strike.at(step, recorded=step in recorded, incarnation=life))
    return scenario.with_plan(FaultPlan(tuple(faults)))
