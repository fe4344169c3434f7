"""Conversation: messages, tools and arguments are those of the fault-free run, whatever happened underneath.

A crash that the model or the person can see in the messages has changed what the agent will say next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.checks.base import INCOMPLETE, Case, place
from harness.checks.memory import otherwise
from harness.checks.values import ABSENT, Mismatch
from harness.checks.words import evidence, lines, times, titled
from harness.history import Execution, History, StepEntered, StepLeft, spelled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "conversation"


def conversation(case: Case) -> Verdict:
    """Judge a run that completed; one that did not is the business of `completion`."""
    if not case.completed:
        return Verdict.unknown(NAME, f"{INCOMPLETE}, so there is no whole conversation to compare")
    messages = [finding for invocation in case.history.outcomes for finding in _messages(case, invocation)]
    findings = [*messages, *_steps(case), *_arguments(case)]
    # Where a fault explains that the conversation took another way, the first difference tells it all.
    return Verdict.of(NAME, findings[:1] if case.injected else findings)


def _messages(case: Case, invocation: int) -> Iterator[Finding]:
    base = f"outcome#{invocation}.messages"
    found = next(iter(case.differences(base)), None)
    if found is None:
        return
    where = Mismatch(found.path.removeprefix(f"outcome#{invocation}."), found.left, found.right)
    answered = _answered_so(case, invocation, found)
    if answered is not None:
        yield _other_answer(case, answered, where)
        return
    yield _finding(
        case,
        rule=_rule(found),
        step=spelled("run", invocation),
        message=f"the messages part from those of the fault-free run at {where}",
        events=lines(case.history.outcomes[invocation]),
    )


def _answered_so(case: Case, invocation: int, found: Mismatch) -> Execution | None:
    """The tool body that itself returned what the messages show where they part; None if that came from elsewhere."""
    at = re.search(r"\.messages\[(\d+)\]\.parts\[(\d+)\]\.content", found.path)
    messages = case.history.outcomes[invocation].messages
    part = _at(messages, int(at[1]), int(at[2])) if at else {}
    for run in reversed(case.history.executions):
        entered, left = run.entered, run.left
        if not (isinstance(entered, StepEntered) and isinstance(left, StepLeft) and entered.call):
            continue
        if (entered.call, entered.invocation) == (part.get("tool_call_id"), invocation):
            return run if left.result == part.get("content") else None
    return None


def _at(messages: Any, message: int, part: int) -> dict[str, Any]:
    try:
        found = messages[message]["parts"][part]
    except (IndexError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _other_answer(case: Case, run: Execution, where: Mismatch) -> Finding:
    """A tool that answered otherwise: it had run before, or has lost its memory, or its answers vary anyway."""
    step, runs = place(run), case.history.by_step[place(run)]
    why, remedy = _why_otherwise(case, run, titled(step))
    return Finding(
        check=NAME,
        rule="answer-differs",
        step=step,
        severity=Severity.ERROR if why and not case.injected else Severity.WARNING,
        owner=Owner.TOOL,
        message=f"{titled(step)} itself answered otherwise than without faults, {where}{why}",
        remedy=remedy,
        incarnation=run.incarnation,
        events=evidence(*runs),
    )


def _why_otherwise(case: Case, run: Execution, name: str) -> tuple[str, str]:
    """What the crash has to do with an answer, if anything, and the remedy."""
    runs = case.history.by_step[place(run)]
    if len(runs) > 1:
        told = f": it ran {times(len(runs))}, and the agent was told the last answer"
        return told, f"let {name} answer a repeated call as it answered the first"
    return otherwise(case, run)


def _rule(found: Mismatch) -> str:
    """What kind of difference it is, by where it stands."""
    if found.left is ABSENT:
        return "messages-added"
    if found.right is ABSENT:
        return "messages-missing"
    return "messages-differ"


def _steps(case: Case) -> Iterator[Finding]:
    """Requests and calls that the fault-free run has not: the conversation took another way, here or inside a tool."""
    for step in case.history.steps:
        if step in case.baseline.steps or StepId.parse(step).kind not in ("model", "tool"):
            continue
        yield _finding(
            case,
            rule="new-step",
            step=step,
            message=f"`{step}` ran, and the fault-free run has no such step",
            events=evidence(case.history.by_step[step][0]),
        )


def _arguments(case: Case) -> Iterator[Finding]:
    """Tools called with other arguments, inside other tools too, whose calls no message shows."""
    for step in case.history.steps:
        if StepId.parse(step).kind != "tool" or step not in case.baseline.steps:
            continue
        found = next(iter(case.differences(f"{step}.arguments")), None)
        if found is not None:
            where = Mismatch(found.path.removeprefix(f"{step}."), found.left, found.right)
            yield _finding(
                case,
                rule="arguments-differ",
                step=step,
                message=f"{titled(step)} was called otherwise than in the fault-free run: {where}",
                events=evidence(case.history.by_step[step][0]),
            )


def _finding(case: Case, *, rule: str, step: str, message: str, events: tuple[int, ...]) -> Finding:
    """A finding, or a note where a fault that its caller saw may rightly have changed the conversation."""
    seen = next((fault for _fired, fault in case.injected), None)
    because = f" (the agent saw {seen}, which may explain it)" if seen else ""
    mend = f"find out what {case.contract.engine} gave the agent in place of what it had recorded"
    return Finding(
        check=NAME,
        rule=rule,
        step=step,
        severity=Severity.NOTE if seen else Severity.ERROR,
        owner=_owner(case),
        message=message + because,
        remedy="see that the agent is meant to go on like this after such a failure" if seen else mend,
        incarnation=case.history.incarnations or None,
        events=events,
    )


def _owner(case: Case) -> Owner:
    """An engine that keeps the model's answers answers for them; without one, nobody but the set-up does."""
    if case.injected:
        return Owner.CONFIGURATION
    return Owner.ENGINE if _keeps_answers(case.baseline.history) else Owner.CONFIGURATION


def _keeps_answers(history: History) -> bool:
    return any(StepId.parse(step).kind == "model" for step in history.recorded_steps())
