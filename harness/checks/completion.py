"""Completion: the run ends, and ends as it does without faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.checks.base import Case, family, place
from harness.checks.memory import forgotten
from harness.checks.words import lines, titled, titled_body
from harness.history import Event, Execution, Outcome, Paced, ProcessEnded, RunEnded, UnitLeft, spelled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity, Status, Verdict

NAME = "completion"


def completion(case: Case) -> Verdict:
    """Every invocation has an outcome, and it is the baseline's."""
    ended = case.history.of(RunEnded)
    if not ended and not _all_ended(case):
        return Verdict.unknown(NAME, _what_is_missing(case))
    if ended and ended[-1].how == "stuck" and not _all_ended(case):
        reason = f"the run never ended ({ended[-1].reason or 'no progress'}); the check of liveness says why"
        return Verdict(NAME, Status.FAILED, (), reason)
    if ended and ended[-1].how == "limit" and _only_crashes(case):
        return Verdict.unknown(NAME, f"the run was stopped by a limit of the harness: {ended[-1].reason}")
    findings = [*_unended(case, ended[-1] if ended else None)]
    for invocation in case.baseline.history.outcomes:
        findings += _compared(case, invocation)
    if not findings and not case.baseline.history.outcomes:
        return Verdict.unknown(NAME, "the fault-free run has no outcome, so there is nothing to compare with")
    return Verdict.of(NAME, findings)


def _all_ended(case: Case) -> bool:
    return case.baseline.history.outcomes.keys() <= case.history.outcomes.keys()


def _what_is_missing(case: Case) -> str:
    last = case.history.events[-1] if case.history.events else None
    seen = f"it ends at line {last.seq} ({type(last).__name__})" if last else "it is empty"
    torn = ", and its last line is torn" if case.history.torn else ""
    return f"the journal does not say how the run ended: {seen}{torn}; no outcome and no end of the run follow"


def _only_crashes(case: Case) -> bool:
    """Whether every life was ended by the plan: then the plan asked for more lives than the run was given."""
    ends = case.history.of(ProcessEnded)
    return bool(ends) and all(end.cause == "crash" for end in ends)


def _unended(case: Case, ended: RunEnded | None) -> Iterator[Finding]:
    if ended is None or ended.how == "finished":
        return
    for invocation in case.baseline.history.outcomes:
        if invocation not in case.history.outcomes:
            yield _unended_finding(case, ended, invocation)
            return


_ENDS = {
    "limit": (
        "crash-loop",
        Owner.ENGINE,
        "the run did not end within its lives, and its processes died without a planned crash",
        "look at the output of the last life in the run folder: recovery itself fails",
    ),
    "broken": (
        "process-ended",
        Owner.CONFIGURATION,
        "the process ended by itself before the run had an outcome",
        "look at the output in the run folder: the subject or its world ended the process",
    ),
}
"""Rule, owner, what happened and remedy, by how the run ended."""
_OTHERWISE = ("no-outcome", Owner.ENGINE, "the run ended without an outcome", "look at the output in the run folder")


def _unended_finding(case: Case, ended: RunEnded, invocation: int) -> Finding:
    rule, owner, what, remedy = _ENDS.get(ended.how, _OTHERWISE)
    message = f"{what} ({ended.reason})" if ended.reason else what
    return _finding(case, rule, owner, message, remedy, invocation, ended)


def _compared(case: Case, invocation: int) -> Iterator[Finding]:
    """One invocation beside the baseline's."""
    expected, outcome = case.baseline.history.outcomes[invocation], case.history.outcomes.get(invocation)
    if outcome is None:
        yield from _no_outcome(case, invocation)
    elif outcome.status == "error":
        yield from _failed(case, expected, outcome)
    elif expected.status == "error":
        message = f"the run succeeded, and without faults it fails with {_said(expected)}"
        remedy = f"find out where {case.contract.engine} dropped the error"
        yield _finding(case, "error-vanished", Owner.ENGINE, message, remedy, invocation, outcome)
    else:
        yield from _other_output(case, outcome)


def _no_outcome(case: Case, invocation: int) -> Iterator[Finding]:
    ends = case.history.of(RunEnded)
    if any(end.how != "finished" for end in ends):
        return  # told already
    message = f"invocation {invocation} has no outcome although the run is over: nobody picked it up"
    remedy = f"find out why {case.contract.engine} did not recover the run ({case.contract.recovery})"
    yield _finding(case, "no-outcome", Owner.ENGINE, message, remedy, invocation, *ends)


def _failed(case: Case, expected: Outcome, outcome: Outcome) -> Iterator[Finding]:
    invocation = outcome.invocation
    if _same_error(case, expected, outcome):
        if not case.scenario.faults:
            message = f"the run fails without any fault{where(case, outcome)}: {_said(outcome)}"
            remedy = "make the fault-free run succeed first: look at the agent's set-up, deps, prompt and script"
            yield _finding(case, "baseline-failed", Owner.CONFIGURATION, message, remedy, invocation, outcome)
        return
    if paced := _outlasted(case, outcome):
        message = (
            f"waits of {paced.waits:g} s within a limit of {paced.limit:g} s, and the run failed with {_said(outcome)}"
        )
        remedy = "give the limit the room that the waits need, or wait for less or less often"
        yield _finding(case, "outlasted", Owner.CONFIGURATION, message, remedy, invocation, outcome)
        return
    if case.injected:
        yield _unretried(case, outcome)
        return
    message = f"the run failed with {_said(outcome)}, and without faults it {_ends(expected)}"
    if told := _failed_by_forgetting(case):
        run, why, remedy = told
        found = _finding(case, "failed", Owner.TOOL, f"{message}; {why}", remedy, invocation, outcome)
        yield replace(found, step=place(run))
    elif is_refusal(outcome):
        remedy = f"change what {case.contract.engine} refuses, in its own words above"
        yield _finding(case, "refused", Owner.CONFIGURATION, message, remedy, invocation, outcome)
    else:
        remedy = f"find out why the run cannot go on after a crash under {case.contract.engine}"
        yield _finding(case, "failed", Owner.ENGINE, message, remedy, invocation, outcome)


def _outlasted(case: Case, outcome: Outcome) -> Paced | None:
    """The waits that a limit ended: with no limit divided, this run ended in another way."""
    before = case.history.of(Paced)
    failed = outcome.error_type or "an error"
    return next((paced for paced in before if paced.ended.get(str(outcome.invocation), failed) != failed), None)


def is_refusal(outcome: Outcome) -> bool:
    """Whether pydantic-ai refuses what the agent is or does; an engine may have wrapped that in an error of its own."""
    return outcome.error_type == "UserError" or " UserError: " in (outcome.error or "")


def _failed_by_forgetting(case: Case) -> tuple[Execution, str, str] | None:
    """The last tool that raised here and returns without faults, if it lacked what died with an earlier life."""
    usual = case.baseline.history.by_step
    for run in reversed(_bodies(case)):
        returns = any(body.finished for body in usual.get(family(place(run)), ()))
        if run.left is None or run.left.outcome == "ok" or StepId.parse(run.step).kind != "tool" or not returns:
            continue
        missed = forgotten(case, run)
        return (run, f"{titled_body(run)} raised {run.left.error}{missed[0]}", missed[1]) if missed else None
    return None


def where(case: Case, outcome: Outcome) -> str:
    """The body that raised what ended the run, or returned what the engine could not record: the end of a clause."""
    if raised := raised_in(case, outcome):
        return f", in the body of {titled_body(raised)}"
    if last := withheld(case):
        return f", when {titled_body(last)} had returned and {case.contract.engine} was to record its result"
    return ""


def raised_in(case: Case, outcome: Outcome) -> Execution | None:
    """The innermost body that raised what ended the run."""
    bodies = [run for run in _bodies(case) if run.left and (run.left.error or "").startswith(f"{outcome.error_type}:")]
    return min(bodies, key=lambda run: run.left.seq if run.left else 0, default=None)


def withheld(case: Case) -> Execution | None:
    """The body that returned last, if its engine was to record that and did not: its result cannot be encoded."""
    last = next(reversed(_bodies(case)), None)
    return last if last and last.entered.unit and last.finished and not last.recorded else None


def keeping(case: Case, run: Execution) -> tuple[Owner, str]:
    """Who can see to it that what a body returned is recorded, and how: what a model answers is nobody's to choose."""
    engine, step = case.contract.engine, place(run)
    if StepId.parse(step).kind != "model":
        return Owner.CONFIGURATION, f"let {titled(step)} return what {engine} can record"
    inside = next((left for left in case.history.of(UnitLeft) if _is_around(left, run) and left.outcome != "ok"), None)
    if inside is not None:
        return Owner.CONFIGURATION, f"find out what raised beside the request of `{step}`: {inside.error}"
    return Owner.ENGINE, f"let {engine} record whatever a model may answer, as `{step}` does here"


def _is_around(left: UnitLeft, run: Execution) -> bool:
    entered = run.entered
    return (left.unit, left.pid, left.invocation) == (entered.unit, entered.pid, entered.invocation)


def _bodies(case: Case) -> list[Execution]:
    return [run for run in case.history.executions if run.left and StepId.parse(run.step).kind != "run"]


def _same_error(case: Case, expected: Outcome, outcome: Outcome) -> bool:
    same = (expected.status, expected.error_type) == (outcome.status, outcome.error_type)
    return same and not list(case.differences(f"outcome#{outcome.invocation}.error"))


_STRUCK = {"error": "failed", "lost": "lost its answer", "hang": "hung", "slow": "was slow", "delay": "was late"}


def _unretried(case: Case, outcome: Outcome) -> Finding:
    """The fault surfaced: whoever configured the retries has to say whether it should be survived."""
    fired, fault = case.injected[-1]
    count = sum(1 for event, _fault in case.injected if event.step == fired.step)
    message = (
        f"`{fired.step}` {_STRUCK[fault.action]} ({fault}, fired {count} of {fault.times}), nothing made up for it, and"
        f" the run failed with {_said(outcome)}"
    )
    remedy = f"configure retries for `{fired.step}`, more than {count}, if such a failure is to be survived"
    if fault.action == "hang":
        remedy += f"; they need a timeout of its own, not one of the whole run: {case.contract.timeout_for(fired.step)}"
    owner, invocation = Owner.CONFIGURATION, outcome.invocation
    return replace(_finding(case, "not-retried", owner, message, remedy, invocation, fired, outcome), step=fired.step)


def _other_output(case: Case, outcome: Outcome) -> Iterator[Finding]:
    difference = next(iter(case.differences(f"outcome#{outcome.invocation}.output")), None)
    if difference is None:
        return
    message = f"the run's output is not what it is without faults: {difference}"
    remedy = "compare the messages of both runs: the first one that differs shows where they part"
    if next(iter(case.differences(f"outcome#{outcome.invocation}.messages")), None) is None:
        remedy = f"find out what {case.contract.engine} made of the run's result: the messages are the same"
    found = _finding(case, "output-differs", Owner.ENGINE, message, remedy, outcome.invocation, outcome)
    seen = next((fault for _event, fault in case.injected), None)
    if seen is not None:
        message += f" (the agent saw {seen}, which may explain it)"
        remedy = "see that the agent is meant to answer like this after such a failure"
        found = replace(found, message=message, remedy=remedy, severity=Severity.NOTE, owner=Owner.CONFIGURATION)
    yield found


def _said(outcome: Outcome) -> str:
    return f"{outcome.error_type or 'an error'}: {outcome.error}"


def _ends(expected: Outcome) -> str:
    return "ends well" if expected.status == "ok" else f"fails with {_said(expected)}"


def _finding(
    case: Case, rule: str, owner: Owner, message: str, remedy: str, invocation: int, *events: Event
) -> Finding:
    return Finding(
        check=NAME,
        rule=rule,
        step=spelled("run", invocation),
        severity=Severity.ERROR,
        owner=owner,
        message=message,
        remedy=remedy,
        incarnation=case.history.incarnations or None,
        events=lines(*events),
    )
