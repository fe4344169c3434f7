"""Cache: what was recorded for equal inputs is used, and what was recorded for other inputs is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.checks.base import Case, family, message_parts, place
from harness.checks.prompts import varying_prompt
from harness.checks.repeats import Before, Repeat, repeats
from harness.checks.reused import reused
from harness.checks.values import shown
from harness.checks.words import evidence, life, lines, titled
from harness.history import Execution, History, StepEntered, StepLeft, UnitAnswered, UnitAsked, UnitLeft, spelled
from harness.scenario import Invocation
from harness.steps import KINDS, StepId
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "cache"
_JUDGED = tuple(kind for kind in KINDS if kind not in ("run", "step"))
"""That a person's own unit ran again, `resume` tells: few engines say what it was given. See `reused` for the rest."""


def cache(case: Case) -> Verdict:
    """No recorded result missed, none shared between steps or runs that asked for different things."""
    return Verdict.of(NAME, [*_missed(case), *_key_shared(case), *_shared(case), *reused(case)])


def _missed(case: Case) -> Iterator[Finding]:
    """The same step with the same arguments, recorded under one key and asked for under another."""
    if varying_prompt(case):
        return  # then it was not the same that was asked
    for pairs in repeats(case, *_JUDGED).values():
        missed = next((pair for pair in pairs if pair.before is Before.RECORDED and _same_input_other_key(pair)), None)
        if missed is not None:
            yield _miss(case, missed)


def _same_input_other_key(pair: Repeat) -> bool:
    one, other = pair.earlier.entered, pair.later.entered
    return one.unit != other.unit and pair.earlier.arguments == pair.later.arguments


def _miss(case: Case, pair: Repeat) -> Finding:
    one, other = pair.earlier.entered.unit, pair.later.entered.unit
    asked = f"its key was {one}, and then {other}" if other else "it ran as if no key was asked for"
    key = f"the key of the {case.contract.unit}"
    remedy = f"make {key} depend on its inputs only" if other else f"ask for {key} before the body runs, in every life"
    return Finding(
        check=NAME,
        rule="missed",
        step=pair.step,
        severity=Severity.ERROR,
        owner=Owner.INTEGRATION if other else Owner.ENGINE,
        message=f"the result of {titled(pair.step)} that {case.contract.engine} recorded in {life(pair.earlier)} was"
        f" not reused in {life(pair.later)}, though its arguments are the same: {asked}",
        remedy=remedy,
        incarnation=pair.later.incarnation,
        events=evidence(pair.earlier, pair.later),
    )


def _key_shared(case: Case) -> Iterator[Finding]:
    """Two steps of one life that asked for different things under one key: a crash makes one the other's result."""
    owners: dict[tuple[int, int, str], Execution] = {}
    told: set[str] = set()
    for run in case.history.executions:
        unit = run.entered.unit
        if unit is None or not isinstance(run.entered, StepEntered):
            continue
        first = owners.setdefault((run.entered.invocation, run.entered.pid, unit), run)
        if family(first.step) != family(run.step) and first.arguments != run.arguments and unit not in told:
            told.add(unit)
            yield _key_sharing(case, first, run)


def _key_sharing(case: Case, first: Execution, other: Execution) -> Finding:
    chosen = any(event.unit == other.entered.unit for event in case.history.of(UnitAsked))
    whose = f"the {case.contract.keyed_by} of" if chosen else "the key of"
    return Finding(
        check=NAME,
        rule="key-shared",
        step=place(other),
        severity=Severity.ERROR,
        owner=Owner.CONFIGURATION if chosen else Owner.INTEGRATION,
        message=f"`{place(first)}` and `{place(other)}` ran in {life(other)} with different arguments under one key,"
        f" {other.entered.unit}: after a crash the one is given the result of the other",
        remedy=f"put what tells two steps apart into {whose} the {case.contract.unit}",
        incarnation=other.incarnation,
        events=evidence(first, other),
    )


def _shared(case: Case) -> Iterator[Finding]:
    """Steps of a later invocation whose bodies never ran, although an earlier one with other inputs ran them."""
    runs = case.scenario.runs
    for number in range(2, len(runs) + 1):
        outcome = case.history.outcomes.get(number)
        for earlier in range(1, number):
            ignored = _differing(runs[earlier - 1], runs[number - 1])
            taken = _taken(case, earlier, number)
            if outcome is not None and outcome.status == "ok" and ignored and taken:
                yield _sharing(case, taken, (earlier, number), ignored)
                break


def _taken(case: Case, earlier: int, number: int) -> list[str]:
    """Recorded steps that the earlier invocation ran, and the later one got past without running.

    Two conversations may differ, so only what this one must have had counts: a request before one that ran (all of
    them, if none ran and there is an outcome), a call that was asked for before one. Nor does a call whose answer is
    none that the earlier one got.
    """
    ran = {
        at: [run.step for run in case.history.executions if run.entered.invocation == at] for at in (earlier, number)
    }
    own = ran[number]
    last = max((StepId.parse(step).path[0].number for step in own if _is_request(step)), default=None)
    requests = [step for step in ran[earlier] if _is_request(step)]
    passed = [step for step in requests if last is None or StepId.parse(step).path[0].number < last]
    asked = [
        call
        for left in case.history.of(StepLeft)
        if left.invocation == number and _is_request(left.step) and StepId.parse(left.step).path[0].number != last
        for call in left.calls
        if call in ran[earlier]
    ]
    taken = [step for step in dict.fromkeys([*passed, *asked]) if step not in own and f"{step}+1" not in own]
    return [
        step
        for step in taken
        if case.is_recorded(spelled(step, earlier)) and _alike(case.history, step, earlier, number)
    ]


def _alike(history: History, step: str, earlier: int, number: int) -> bool:
    """Whether the messages of two invocations have the same result of a call, as far as both have one."""
    one, other = _results(history, earlier, step), _results(history, number, step)
    at = StepId.parse(step).path[0].number - 1
    return one[at : at + 1] == other[at : at + 1] or not (one[at:] and other[at:])


def _results(history: History, number: int, step: str) -> list[Any]:
    """What the messages of an invocation have of the results of this step's tool, in their order."""
    parts, tool = message_parts(history.outcomes.get(number)), StepId.parse(step).path[0]
    returned = [part for part in parts if part.get("part_kind") == "tool-return"]
    return [part.get("content") for part in returned if (tool.kind, tool.name) == ("tool", part.get("tool_name"))]


def _is_request(step: str) -> bool:
    """Whether a step is a model request of the outermost agent, said for the first time."""
    path = StepId.parse(step).path
    return len(path) == 1 and path[0].kind == "model" and not path[0].reissue


def _differing(one: Invocation, other: Invocation) -> dict[str, tuple[Any, Any]]:
    """The inputs in which two invocations differ, by field."""
    left, right = one.model_dump(), other.model_dump()
    return {name: (left[name], right[name]) for name in left if left[name] != right[name]}


def _sharing(case: Case, taken: list[str], numbers: tuple[int, int], ignored: dict[str, tuple[Any, Any]]) -> Finding:
    earlier, number = numbers
    owner, remedy = _who_shared(case, taken, numbers, ignored)
    fields = ", ".join(f"`{name}` ({shown(one, 30)} and {shown(other, 30)})" for name, (one, other) in ignored.items())
    return Finding(
        check=NAME,
        rule="shared",
        step=spelled(taken[0], number),
        severity=Severity.ERROR,
        owner=owner,
        message=f"invocation {number} was given what invocation {earlier} had asked for: {', '.join(taken)} never ran"
        f" in it, though the two differ in {fields}",
        remedy=remedy,
        incarnation=case.history.outcomes[number].incarnation,
        events=lines(case.history.outcomes[number]),
    )


def _who_shared(case: Case, taken: list[str], numbers: tuple[int, int], ignored: Iterable[str]) -> tuple[Owner, str]:
    """Who gave a run what is another one's: the engine that answered it, unless somebody else has a say in the keys.

    That is whoever chose the key of a cache, or of a unit of their own. Where the engine was not seen to answer,
    something of the agent's own may have.
    """
    earlier, number = numbers
    bodies = [run.entered for run in case.history.executions]
    given = {body.unit for body in bodies if body.invocation == earlier and body.step in taken}
    if any(event.found and event.invocation == number and event.unit in given for event in case.history.of(UnitAsked)):
        left_out = " and ".join(f"`{name}`" for name in ignored)
        return Owner.CONFIGURATION, f"let the {case.contract.keyed_by} of {titled(taken[0])} tell {left_out} apart"
    chosen = case.contract.caches or any(isinstance(body, StepEntered) and body.own for body in bodies)
    if chosen or not _answered_without_body(case.history, number):
        left_out = " and ".join(f"`{name}`" for name in ignored)
        return Owner.INTEGRATION, f"put {left_out} into the cache key, or switch the cache off"
    return Owner.ENGINE, (
        f"find out why {case.contract.engine} looks among the records of invocation {earlier} for what invocation"
        f" {number} asks for: each has its own"
    )


def _answered_without_body(history: History, number: int) -> bool:
    """Whether the engine has answered, in this invocation, for a unit of which no body in it has returned."""
    bodies: list[StepLeft | UnitLeft] = [*history.of(StepLeft), *history.of(UnitLeft)]
    returned = {body.unit for body in bodies if body.invocation == number and body.outcome == "ok"}
    return any(event.invocation == number and event.unit not in returned for event in history.of(UnitAnswered))
