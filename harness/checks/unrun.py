"""Calls that the model asked for and nobody ran, although the run went on: the engine used another result.

Or something of the agent's own answered in place of the tool (a quota, a cache, a wrapper that asks somebody), which is
its own affair: then the engine was never asked. Where that cannot be seen, because no call of the tool goes through a
toolset of the engine's, or that is a dynamic one, it is taken to be so if the answer is none that another call of the
tool was given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.checks.base import Case, family, message_parts
from harness.checks.reused import rightly_reused
from harness.checks.words import plural, titled
from harness.history import CallAnswered, Execution, History, StepEntered, StepLeft, UnitAsked, located, spelled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity

NAME = "effects"


@dataclass(frozen=True)
class Answer:
    """What the messages of a run say of a call: what it was asked with, and what it was answered."""

    arguments: Any
    content: Any


def never_ran(case: Case, known: list[str]) -> Iterator[Finding]:
    """A finding for each such call; `known` are those that are told otherwise.

    The baseline may have the same fault, so it is no help. A call that its tool refused is asked for again; one that
    came with the final output is rightly left out; a tool that neither ran nor was asked of the engine has no body.
    """
    asked = _asked(case.history)
    ran = {family(step) for step in case.history.steps}
    answered = _through_the_engine(case.history)
    through = {family(step) for step, event in answered.items() if not event.dynamic}
    unsure = {family(step) for step in answered} - through
    runnable = {StepId.parse(step).unnumbered for step in ran | set(case.baseline.steps)}
    watched = {StepId.parse(step).unnumbered for step in through}  # of these, every answer of the engine's is seen
    cached = rightly_reused(case.history)
    for step in asked:
        name = StepId.parse(step).unnumbered
        if step in cached:
            continue
        if step in ran or step in known or f"{step}+1" in case.history.steps:
            continue
        if name not in runnable | watched:
            if step in unsure:
                yield _answered_somewhere(case, step, asked[step])
            continue
        answer = _answer(case, step, asked)
        alike = answer is None or _answered_alike(case, name, answer)
        if step in through or (alike and name not in watched):
            yield _another_ones(case, step, answer, asked[step])
        else:
            yield _answered_instead(step, asked[step])


def _another_ones(case: Case, step: str, answer: Answer | None, events: tuple[int, ...]) -> Finding:
    owner, remedy = _who_shared(case, step, answer)
    message = (
        f"the model asked for {titled(step)} (`{step}`), the run went on as if it had been done, and its body never"
    )
    return Finding(
        check=NAME,
        rule="asked-never-ran",
        step=step,
        severity=Severity.ERROR,
        owner=owner,
        message=f"{message} ran",
        remedy=remedy,
        events=events,
    )


def _answered_instead(step: str, events: tuple[int, ...]) -> Finding:
    return Finding(
        check=NAME,
        rule="answered-instead",
        step=step,
        severity=Severity.NOTE,
        owner=Owner.TOOL,
        message=f"the model asked for {titled(step)} (`{step}`), and something of the agent's own answered in its"
        " place: its body never ran",
        remedy=f"see that what answers for {titled(step)} decides the same in every life, if it counts or remembers",
        events=events,
    )


def _answered_somewhere(case: Case, step: str, events: tuple[int, ...]) -> Finding:
    return Finding(
        check=NAME,
        rule="answered-unseen",
        step=step,
        severity=Severity.WARNING,
        owner=Owner.CONFIGURATION,
        message=f"the model asked for {titled(step)} (`{step}`), and its body never ran, in no run: what answered is"
        f" {case.contract.engine}, or something of the agent's own in the dynamic toolset, where nobody can see it",
        remedy=f"give the agent the toolset of {titled(step)} itself instead of a function that makes it, to see who"
        " answers",
        events=events,
    )


def _through_the_engine(history: History) -> dict[str, CallAnswered]:
    """The tool calls that a toolset of the engine's has answered."""
    return {spelled(event.step, event.invocation): event for event in history.of(CallAnswered)}


def _who_shared(case: Case, step: str, answer: Answer | None) -> tuple[Owner, str]:
    """Who took another result for this call's: whoever chose the key of its unit, be the unit theirs or not."""
    name, unit, answered = StepId.parse(step).unnumbered, case.contract.unit, _through_the_engine(case.history)
    entered = [run.entered for run in _namesakes(case, name)]
    own = any(isinstance(one, StepEntered) and (one.own or one.within) for one in entered)
    asked = [event for event in case.history.of(UnitAsked) if event.found and event.step]
    chosen = step in {spelled(event.step or "", event.invocation) for event in asked}
    if own or chosen or (step in answered and answered[step].own):
        told = f"let the {case.contract.keyed_by} of the {unit} behind {titled(step)} depend on all its arguments"
        ignored = _ignored(case, name, answer)
        return Owner.CONFIGURATION, f"{told} ({', '.join(ignored)} is left out)" if ignored else told
    owner, engine = Owner.ENGINE if case.contract.claims("tool") else Owner.INTEGRATION, case.contract.engine
    if answer is not None and not any(_is_result(run, answer.content) for run in _tools(case.history)):
        return owner, f"find out what {engine} took for the result of `{step}`"
    return owner, f"compare the keys of the {plural(unit)} in {engine}: two calls share one"


def _ignored(case: Case, name: str, answer: Answer | None) -> list[str]:
    """The arguments in which a call differs from the one whose result it was given."""
    if answer is None or not isinstance(answer.arguments, dict):
        return []
    givers = [run.arguments for run in _namesakes(case, name) if _is_result(run, answer.content)]
    giver = next((arguments for arguments in givers if isinstance(arguments, dict)), {})
    return [f"`{key}`" for key, value in answer.arguments.items() if key in giver and giver[key] != value]


def _answered_alike(case: Case, name: str, answer: Answer) -> bool:
    return any(_is_result(run, answer.content) for run in _namesakes(case, name))


def _namesakes(case: Case, name: str) -> list[Execution]:
    return [run for run in case.history.executions if StepId.parse(run.step).unnumbered == name]


def _tools(history: History) -> list[Execution]:
    return [run for run in history.executions if StepId.parse(run.step).kind == "tool"]


def _is_result(run: Execution, content: Any) -> bool:
    """Whether a body returned this; what it wraps for the model counts as well."""
    result = run.left.result if isinstance(run.left, StepLeft) else None
    return run.finished and (result == content or (isinstance(result, dict) and content in result.values()))


def _answer(case: Case, step: str, asked: dict[str, tuple[int, ...]]) -> Answer | None:
    """What the messages say of a call that never ran: the calls of its tool that no body claims, in their order.

    None for a call of an agent inside a tool, whose messages nobody sees.
    """
    number, name = located(step)[0], StepId.parse(step).name
    parts, ran = message_parts(case.history.outcomes.get(number)), {family(each) for each in case.history.steps}
    claimed = {event.call for event in case.history.of(StepEntered) if event.invocation == number}
    free = [part for part in parts if _is(part, "tool-call", name) and part.get("tool_call_id") not in claimed]
    mine = [one for one in asked if one not in ran and (located(one)[0], StepId.parse(one).name) == (number, name)]
    place = mine.index(step)
    if len(StepId.parse(located(step)[1]).path) > 1 or place >= len(free):
        return None
    call = free[place].get("tool_call_id")
    said = next((part for part in parts if _is(part, "tool-return", name) and part.get("tool_call_id") == call), None)
    return Answer(_values(free[place].get("args")), said.get("content")) if said else None


def _is(part: dict[str, Any], kind: str, name: str | None) -> bool:
    return (part.get("part_kind"), part.get("tool_name")) == (kind, name)


def _values(arguments: Any) -> Any:
    """The arguments of a call, which a model may have said as text."""
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return arguments


def _asked(history: History) -> dict[str, tuple[int, ...]]:
    """Tool steps asked for by a model request that was followed by another one of the same agent run."""
    asked: dict[str, tuple[int, ...]] = {}
    ran = {run.step for run in history.executions}
    requests = [event for event in history.of(StepLeft) if StepId.parse(event.step).kind == "model" and event.calls]
    for left in requests:
        # A request that was asked again had a call refused: then any of its calls may rightly not have run.
        if _next_request(left.step) in ran and f"{left.step}+1" not in ran:
            asked.update({spelled(call, left.invocation): (left.seq,) for call in left.calls if "+" not in call})
    return asked


def _next_request(step: str) -> str:
    path = StepId.parse(step).path
    last = path[-1]
    return str(StepId((*path[:-1], type(last)(last.kind, last.name, last.number + 1))))
