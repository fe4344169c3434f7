"""The strategy of whole scenarios: engine, faults, conversation.

A fault is placed by how many rounds of the conversation come before it and after it, drawn before the rounds
themselves. So a round that a failure does not need can be left out and the fault stays where it was, which is what lets
Hypothesis shrink a conversation and a plan together: fewest faults first, then the earliest step, then the simplest
action and window, then the shortest conversation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from harness.explore.properties.conversations import ROUNDS, calling, endings, script_of
from harness.explore.properties.offered import Offer, offer_of, path_of
from harness.explore.properties.plans import Strike, by_round, strikes
from harness.explore.properties.trials import Unfit, fair
from harness.faults import Fault, FaultPlan
from harness.history import History
from harness.scenario import Scenario
from harness.subjects.script import Turn
from harness.subjects.script_yaml import to_data

SLOTS = 5
"""How many steps of one round can be told apart: its request, its calls, and what else is recorded there."""


@dataclass(frozen=True)
class Place:
    """Where and how a fault strikes, before the steps are known: rounds after the last fault, step of the round."""

    rounds: int
    slot: int
    strike: Strike


def scenarios(
    subject: Any,
    engines: Sequence[str] = ("journal",),
    *,
    max_faults: int = 2,
    rounds: int = ROUNDS,
    actions: Sequence[str] = ("crash",),
    **given: Any,
) -> st.SearchStrategy[Scenario]:
    """Scenarios of a subject: a conversation that fits it, and one to `max_faults` faults at steps that it then has.

    `subject` is an import path, or an agent that a module's variable holds. `given` are other fields of the scenario:
    `tools`, `deps`, `world`, `prompt`, `options`, …; a `script` fixes the conversation. The engines are tried from the
    first on. Conversations that the agent cannot have are left out. Raises `UsageError`, when it is first drawn from,
    for a subject or an engine that cannot be used.
    """
    base = [Scenario.make(subject=path_of(subject), engine=engine, **given) for engine in engines]
    return _scenarios(base, strikes(actions), max_faults, rounds)


@st.composite
def _scenarios(draw: st.DrawFn, bases: list[Scenario], kinds: tuple[Strike, ...], most: int, longest: int) -> Scenario:
    scenario = bases[draw(st.integers(0, len(bases) - 1))]
    places = [_place(draw, kinds, longest) for _ in range(draw(st.integers(1, most)))]
    if scenario.script is None:
        before = sum(place.rounds for place in places)
        turns = _turns(draw, offer_of(scenario), min(before, longest), longest)
        scenario = scenario.model_copy(update={"script": to_data(script_of(offer_of(scenario), turns))})
    try:
        history = fair(scenario).history
    except Unfit:
        reject()
    return scenario.with_plan(FaultPlan(tuple(_faults(places, history))))


def _place(draw: st.DrawFn, kinds: tuple[Strike, ...], longest: int) -> Place:
    rounds, slot = draw(st.integers(0, longest)), draw(st.integers(0, SLOTS - 1))
    return Place(rounds, slot, kinds[draw(st.integers(0, len(kinds) - 1))])


def _turns(draw: st.DrawFn, offer: Offer, before: int, longest: int) -> list[Turn]:
    """As many rounds as the faults need, and some after; the last one is the ending."""
    after = draw(st.integers(0, longest - before))
    called = [draw(calling(offer)) for _ in range(before + after)] if offer.tools else []
    return [*called, draw(endings(offer))]


def _faults(places: list[Place], history: History) -> list[Fault]:
    """The faults of a plan at the steps of a history. What is past the end is at the end."""
    rounds, recorded = by_round(history), history.recorded_steps()
    at, faults = 0, []
    for life, place in enumerate(places, 1):
        at = min(at + place.rounds, len(rounds) - 1)
        step = rounds[at][min(place.slot, len(rounds[at]) - 1)]
        faults.append(place.strike.at(step, recorded=step in recorded, incarnation=life))
    return faults
