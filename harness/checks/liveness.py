"""Liveness: a run that waits or retries for ever is a finding in seconds, not a job that is killed in the night."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from harness.checks.base import Case, place
from harness.checks.completion import keeping
from harness.checks.words import life, lines, titled
from harness.history import EngineRecord, Event, Execution, ProcessEnded, RunEnded, spelled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "liveness"
ENDLESS = 5
"""So many attempts in one life, and no end, are taken for endless."""


def liveness(case: Case) -> Verdict:
    """Judge how the run ended: only the watchdog's word makes a run stuck."""
    ended = case.history.of(RunEnded)
    if ended and ended[-1].how == "stuck":
        return Verdict.of(NAME, [_stuck(case, ended[-1])])
    if not ended and not case.completed:
        return Verdict.unknown(NAME, "the journal does not say how the run ended")
    return Verdict.of(NAME, [])


def _stuck(case: Case, ended: RunEnded) -> Finding:
    """Why nothing went on: the first explanation that the history bears out."""
    return next(found for explain in _EXPLANATIONS if (found := explain(case, ended)) is not None)


def _retries_for_ever(case: Case, ended: RunEnded) -> Finding | None:
    endless = _endless(case)
    if endless is None:
        return None
    step, count = endless
    what, remedy = f"{titled(step)} was tried {count} times and never given up", f"limit the attempts of `{step}`"
    return _finding(case, "retries-for-ever", step, Owner.CONFIGURATION, what, remedy, ended)


def _no_timeout(case: Case, ended: RunEnded) -> Finding | None:
    """A planned hang says of timeouts that none is known to be there, or that one passed and changed nothing."""
    fired = next((event for event, fault in reversed(case.injected) if fault.action == "hang"), None)
    if fired is None:
        return None
    step, way = fired.step, case.contract.timeout_for(fired.step)
    what, remedy = f"`{step}` hung, and nothing ended it", f"give `{step}` a timeout: {way}"
    if fired.wait:
        what = f"`{step}` hung, and a timeout around it passed after {fired.wait:.3g} seconds and ended nothing"
        why = "a timeout cannot interrupt a thread, nor a body that takes no notice of being cancelled"
        remedy = f"make the body of `{step}` one that can be ended: {why}; or give it a timeout of its own: {way}"
    return _finding(case, "no-timeout", step, Owner.CONFIGURATION, what, remedy, ended, fired)


def _never_recorded(case: Case, ended: RunEnded) -> Finding | None:
    unkept = _unkept(case)
    if not unkept:
        return None
    step = place(unkept[-1])
    what = f"the body of {titled(step)} returned {len(unkept)} times, and its result was never recorded"
    what += _why(case, unkept[-1])
    owner, remedy = keeping(case, unkept[-1])
    remedy += f", and limit the attempts of `{step}`"
    return _finding(case, "never-recorded", step, owner, what, remedy, ended, unkept[-1].left)


def _waits_for_ever(case: Case, ended: RunEnded) -> Finding | None:
    waiting = _waiting(case)
    if waiting is None:
        return None
    step = place(waiting)
    what = f"the body of {titled(step)}, entered in {life(waiting)}, never returned"
    way = case.contract.timeout_for(step)
    remedy = f"give `{step}` a timeout: {way}; if it only takes long, wait longer for it (`--stall SECONDS`)"
    return _finding(case, "waits-for-ever", step, Owner.CONFIGURATION, what, remedy, ended, waiting.entered)


def _never_begins(case: Case, ended: RunEnded) -> Finding | None:
    failing = _failing(case)
    if failing is None:
        return None
    what = (
        f"no body was running: {failing.name} was tried {failing.attempts} times, and failed each time before its"
        f" body began, last with {failing.detail['last_failure']}"
    )
    remedy = f"mend what {case.contract.engine} says there of {failing.name}"
    return _finding(case, "never-begins", spelled("run", ended.invocation), Owner.CONFIGURATION, what, remedy, ended)


def _waits_in_queue(case: Case, ended: RunEnded) -> Finding | None:
    waiting = [record for record in case.history.of(EngineRecord) if record.status == "queued"]
    if not waiting:
        return None
    name, queue, remedy = waiting[0].name, waiting[0].detail.get("queue"), case.contract.remedy_for_queues
    what = f"no body was running: `{name}` waits in the queue {queue!r}, and nothing takes it from there"
    step = spelled("run", ended.invocation)
    return _finding(case, "waits-in-queue", step, Owner.CONFIGURATION, what, remedy, ended)


def _nothing_runs(case: Case, ended: RunEnded) -> Finding:
    what = "no body was running: the engine waited for something that did not come"
    remedy = (
        f"look at the state of {case.contract.engine} and at the stacks for what it waits for; if the machine was only"
        " busy, wait longer for it (`--stall SECONDS`)"
    )
    return _finding(case, "nothing-runs", spelled("run", ended.invocation), Owner.ENGINE, what, remedy, ended)


_EXPLANATIONS: tuple[Callable[[Case, RunEnded], Finding | None], ...] = (
    _retries_for_ever,
    _no_timeout,
    _never_recorded,
    _waits_for_ever,
    _never_begins,
    _waits_in_queue,
    _nothing_runs,
)
"""From the most telling one to the last resort, which always has something to say."""


def _endless(case: Case) -> tuple[str, int] | None:
    """The step that was attempted most in the last life, if that is too often. A fault before a body is an attempt."""
    last = max((event.incarnation for event in case.history), default=0)
    tried = Counter(place(run) for run in case.history.executions if run.incarnation == last and not run.finished)
    tried.update(fired.step for fired, fault in case.injected if fired.incarnation == last and fault.action == "error")
    tried = Counter({step: count for step, count in tried.items() if StepId.parse(step).kind != "run"})
    step, count = max(tried.items(), key=lambda item: item[1], default=("", 0))
    return (step, count) if count >= ENDLESS else None


def _unkept(case: Case) -> list[Execution]:
    """The bodies of the step that returned most in the last life, if that is too often and none was recorded.

    A result that cannot be encoded fails after the body: the engine takes that for a failed attempt.
    """
    last = max((event.incarnation for event in case.history), default=0)
    returned: dict[str, list[Execution]] = defaultdict(list)
    for run in case.history.executions:
        if run.incarnation == last and run.finished and run.entered.unit and StepId.parse(run.step).kind != "run":
            returned[place(run)].append(run)
    never = [runs for runs in returned.values() if len(runs) >= ENDLESS and not any(run.recorded for run in runs)]
    return max(never, key=len, default=[])


def _waiting(case: Case) -> Execution | None:
    """The innermost body of the last life that has not returned."""
    last = max((event.incarnation for event in case.history), default=0)
    open_ = [run for run in case.history.executions if run.incarnation == last and run.left is None]
    open_ = [run for run in open_ if StepId.parse(run.step).kind != "run"]
    return max(open_, key=lambda run: (len(StepId.parse(run.step).path), run.entered.seq), default=None)


def _failing(case: Case) -> EngineRecord | None:
    """The unit that the engine tries again and again, without any body of ours: by what it says itself."""
    ran = {run.entered.unit for run in case.history.executions}
    tried = [record for record in case.history.of(EngineRecord) if (record.attempts or 0) >= ENDLESS]
    failed = [one for one in tried if one.unit not in ran and one.status != "recorded" and "last_failure" in one.detail]
    return failed[-1] if failed else None


def _finding(case: Case, rule: str, step: str, owner: Owner, what: str, remedy: str, *events: Event | None) -> Finding:
    ends = [end for end in case.history.of(ProcessEnded) if end.cause == "hang"]
    reason = next((event.reason for event in events if isinstance(event, RunEnded) and event.reason), "")
    stacks = next((f"; the stacks are in line {end.seq} of the journal" for end in ends if end.stacks), "")
    return Finding(
        check=NAME,
        rule=rule,
        step=step,
        severity=Severity.ERROR,
        owner=owner,
        message=f"{what}{f' ({reason})' if reason else ''}{_state(case)}{stacks}",
        remedy=remedy,
        incarnation=case.history.incarnations or None,
        events=lines(*events, *ends),
    )


def _why(case: Case, run: Execution) -> str:
    """What the engine says went wrong with the unit of this body."""
    mine = [record for record in case.history.of(EngineRecord) if record.unit == run.entered.unit]
    said = next((record.detail["last_failure"] for record in mine if record.detail.get("last_failure")), None)
    return f": {said}" if said else ""


def _state(case: Case) -> str:
    """What the engine itself says of the last units that it knows."""
    records = case.history.of(EngineRecord)[-3:]
    told = [
        f"{record.name} {record.status}" + (f", attempt {record.attempts}" if record.attempts else "")
        for record in records
    ]
    return f"; {case.contract.engine} says: {'; '.join(told)}" if told else ""
