"""The last look at a failure: is there anything one step simpler that fails, too?

Hypothesis shrinks the numbers that a scenario was drawn from, and gives up where two of them would have to change at
once: a call that is left out in front of a fault moves the fault. Here the scenario itself is made smaller, in the
order in which a person would: a fault less, an earlier moment, a turn or a call less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.explore.properties.plans import Point, points, strikes
from harness.explore.properties.reproduction import DoesNotSurvive
from harness.explore.properties.trials import Unfit, fair
from harness.faults import Fault, FaultPlan
from harness.scenario import Scenario
from harness.subjects.automatic import TEXT
from harness.subjects.script import Call, Conversation, Script, Turn
from harness.subjects.script_sources import load_script
from harness.subjects.script_yaml import to_data

MOST = 150
"""How many scenarios are tried at most."""


def simplest(scenario: Scenario, fails: Callable[[Scenario], bool], *, shorten: bool) -> Scenario:
    """A scenario of which nothing that is one step simpler fails, unless `MOST` tries were not enough to see.

    `scenario` fails itself. With `shorten` its conversation is made up, so that it may be another one.
    """
    tried: set[str] = {scenario.model_dump_json()}
    found: Scenario | None = scenario
    while found is not None:
        scenario, found = found, None
        for candidate in _smaller(scenario, shorten=shorten):
            key = candidate.model_dump_json()
            if key in tried:
                continue
            if len(tried) > MOST:
                return scenario
            tried.add(key)
            if fails(candidate):
                found = candidate
                break
    return scenario


def _smaller(scenario: Scenario, *, shorten: bool) -> Iterator[Scenario]:
    """Everything that is one step simpler, the greatest step first."""
    for plan in [*_fewer(scenario.plan.faults), *_earlier(scenario)]:
        yield scenario.with_plan(FaultPlan(plan))
    if shorten and scenario.script is not None:
        for script in _cut(load_script(scenario.script)):
            yield from _moved(scenario, scenario.model_copy(update={"script": to_data(script)}))


Faults = tuple[Fault, ...]


def _fewer(faults: Faults) -> Iterator[Faults]:
    """Without one of the faults. Those behind it strike a life earlier."""
    for left_out in range(len(faults)):
        kept = faults[:left_out] + faults[left_out + 1 :]
        yield tuple(replace(fault, incarnation=life) for life, fault in enumerate(kept, 1))


def _earlier(scenario: Scenario) -> Iterator[Faults]:
    """With one fault at an earlier moment, but no earlier than the fault before it."""
    faults = scenario.plan.faults
    for index, fault in enumerate(faults):
        moments = _moments(scenario, fault)
        first = _place(moments, faults[index - 1]) if index else 0
        for step, strike in moments[first : _place(moments, fault)]:
            yield (*faults[:index], replace(fault, step=step, window=strike.window), *faults[index + 1 :])


def _moved(before: Scenario, scenario: Scenario) -> Iterator[Scenario]:
    """A shorter conversation with its faults at the same steps; or as much earlier as it is shorter."""
    try:
        steps = fair(scenario).history.steps
    except Unfit:
        return
    except DoesNotSurvive as failed:
        yield failed.scenario
        return
    faults = before.plan.faults
    if all(fault.step in steps for fault in faults):
        yield scenario
    moved = []
    for fault in faults:
        old, new = _moments(before, fault), _moments(scenario, fault)
        step, strike = new[max(0, _place(old, fault) - len(old) + len(new))]
        moved.append(replace(fault, step=step, window=strike.window))
    yield scenario.with_plan(FaultPlan(tuple(moved)))


def _moments(scenario: Scenario, fault: Fault) -> list[Point]:
    """Where a fault with this action can strike, in the order of time."""
    return points(fair(scenario).history, strikes((fault.action,)))


def _place(moments: Sequence[Point], fault: Fault) -> int:
    """The place of a fault among them; the end, if it is none of them."""
    where = [(step, strike.window) for step, strike in moments]
    return where.index((fault.step, fault.window)) if (fault.step, fault.window) in where else len(where)


def _cut(script: Script) -> Iterator[Script]:
    """The script with a little less in it, if it is one conversation of one agent."""
    if not script.agents and len(script.others) == 1:
        yield from (Script(agents={}, others=(talk,)) for talk in _less(script.others[0]))
    if not script.others and [len(runs) for runs in script.agents.values()] == [1]:
        ((agent, (talk,)),) = script.agents.items()
        yield from (Script(agents={agent: (less,)}) for less in _less(talk))


def _less(talk: Conversation) -> Iterator[Conversation]:
    """Without a turn; or with a smaller one. The last turn is the ending, which stays."""
    *called, ending = talk.turns
    for index, turn in enumerate(called):
        yield Conversation((*called[:index], *called[index + 1 :], ending))
        for smaller in _smaller_turns(turn):
            yield Conversation((*called[:index], smaller, *called[index + 1 :], ending))
    if ending.text is not None and ending != Turn(text=TEXT):
        yield Conversation((*called, Turn(text=TEXT)))


def _smaller_turns(turn: Turn) -> Iterator[Turn]:
    for index, call in enumerate(turn.calls):
        others = turn.calls[:index], turn.calls[index + 1 :]
        if len(turn.calls) > 1:
            yield replace(turn, calls=(*others[0], *others[1]))
        if put_right := _put_right(call):
            yield replace(turn, calls=(*others[0], put_right, *others[1]))
    if turn.text is not None:
        yield replace(turn, text=None)


def _put_right(call: Call) -> Call | None:
    """A call that is made right at once, where it was rejected first."""
    answers = call.on_retry[0].calls if call.on_retry else ()
    return answers[0] if len(answers) == 1 else None
