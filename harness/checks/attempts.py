"""Attempts: a body is tried again as often as was declared, and only because it failed in a way that can pass."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from harness.checks.base import Case, family, place
from harness.checks.tries import too_many
from harness.checks.words import evidence, life, lines, times, titled
from harness.faults import Fault
from harness.history import Event, Execution, FaultFired, StepLeft
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "attempts"
PERMANENT = frozenset({"UserError", "UsageLimitExceeded", "NotImplementedError"})
"""Exceptions that say that the same attempt will fail again."""
PASSING = frozenset({408, 409, 425, 429})
"""The HTTP statuses below 500 that another attempt may overcome."""


def attempts(case: Case) -> Verdict:
    """No more attempts than declared, no retry of what cannot succeed, and no attempt that nothing explains."""
    return Verdict.of(NAME, [*too_many(case, NAME), *_hopeless(case), *_unexplained(case)])


# Retries of what cannot succeed.


def _hopeless(case: Case) -> Iterator[Finding]:
    told: set[str] = set()
    for failed, step, error in _permanent_failures(case):
        again = _next_attempt(case, step, failed)
        if again is None or step in told or _is_another_model(case, again):
            continue
        told.add(step)
        yield Finding(
            check=NAME,
            rule="hopeless-retry",
            step=step,
            severity=Severity.ERROR,
            owner=Owner.CONFIGURATION,
            message=f"{titled(step)} failed with {error}, which no retry can mend, and was tried again at once",
            remedy=f"take {error} out of what is retried at `{step}`",
            incarnation=failed.incarnation,
            events=lines(failed, again.entered if isinstance(again, Execution) else again),
        )


def _permanent_failures(case: Case) -> Iterator[tuple[Event, str, str]]:
    """Failures that another attempt cannot overcome, injected or the body's own: event, step, name."""
    for fired, fault in case.injected:
        if fault.action == "error" and fault.argument and _is_permanent(fault.argument):
            yield fired, fired.step, fault.argument
    for run in case.history.executions:
        error = run.left.error if isinstance(run.left, StepLeft) else None
        if error and run.left and _is_permanent(error):
            yield run.left, place(run), error.partition(":")[0]


def _is_permanent(error: str) -> bool:
    """Whether an error, by its spelling in a fault or in the journal, will come again."""
    status = re.search(r"^(\d{3})$|status_code: (\d{3})", error)
    if status:
        code = int(status[1] or status[2])
        return 400 <= code < 500 and code not in PASSING
    return error.partition(":")[0].strip().rpartition(".")[2] in PERMANENT


def _next_attempt(case: Case, step: str, failed: Event) -> Execution | FaultFired | None:
    """What was tried at the step after a failure in the same process."""
    bodies = [run for run in case.history.by_step.get(step, ()) if _follows(run.entered, failed)]
    faults = [fired for fired, fault in case.injected if fired.step == step and _follows(fired, failed)]
    return next(iter(bodies), None) or next(iter(faults), None)


def _follows(event: Event, failed: Event) -> bool:
    return event.seq > failed.seq and event.pid == failed.pid


def _is_another_model(case: Case, again: Execution | FaultFired) -> bool:
    """A fallback asks another model: that is no retry."""
    if not isinstance(again, Execution) or StepId.parse(again.step).kind != "model":
        return False
    usual = case.baseline.history.by_step.get(place(again), ())
    return bool(usual) and usual[0].arguments != again.arguments


# Attempts that nothing explains.


def _unexplained(case: Case) -> Iterator[Finding]:
    if _is_explained(case):
        return
    told: list[str] = []
    for step, runs in case.history.by_step.items():
        if StepId.parse(step).kind == "run" or any(_is_inside(step, outer) for outer in told):
            continue
        usual = max((len(lived) for lived in _by_life(case.baseline.history.by_step.get(step, ()))), default=1)
        for lived in _by_life(runs):
            if len(lived) > usual and (pair := _tried_again(lived)):
                told.append(step)
                yield _extra(step, lived, pair)
                break


def _by_life(runs: tuple[Execution, ...]) -> list[list[Execution]]:
    lives: dict[tuple[int, int], list[Execution]] = defaultdict(list)
    for run in runs:
        lives[run.entered.pid, run.incarnation].append(run)
    return list(lives.values())


def _tried_again(lived: list[Execution]) -> tuple[Execution, Execution] | None:
    """Two bodies of one life of which the first failed or was given up. One that had returned is no attempt."""
    for one, other in pairwise(lived):
        if one.left is None or one.left.outcome != "ok" or one.left.seq > other.entered.seq:
            return one, other
    return None


def _is_explained(case: Case) -> bool:
    """Whether somebody saw a failure of ours: handed up, and cancelling what runs beside, it may explain any retry."""
    faults = (Fault.parse(fired.fault) for fired in case.history.fired)
    return any(fault.action != "crash" or fault.argument == "server" for fault in faults)


def _is_inside(step: str, outer: str) -> bool:
    return family(step).startswith(family(outer) + ".")


def _extra(step: str, lived: list[Execution], pair: tuple[Execution, Execution]) -> Finding:
    one, other = pair
    gave_up = one.left is None or one.left.outcome == "ok" or one.left.seq > other.entered.seq
    if gave_up:
        why, owner = "nobody waited for it to return", Owner.CONFIGURATION
        remedy = f"give `{step}` a timeout that its body can keep"
        if one.entered.effective:
            remedy += ", or run with `--time-scale 1`: times are still divided here"
    else:
        why, owner = f"it failed with {one.left.error if one.left else 'nothing'}", Owner.TOOL
        remedy = f"find out why `{step}` fails in a run that is recovered: without faults it does not"
    return Finding(
        check=NAME,
        rule="given-up" if gave_up else "failed-by-itself",
        step=step,
        severity=Severity.WARNING,
        owner=owner,
        message=f"{titled(step)} was tried {times(len(lived))} in {life(other)}, and no fault explains it: {why}",
        remedy=remedy,
        incarnation=other.incarnation,
        events=evidence(one, other),
    )
