"""Bodies that ran again, and what was known of the earlier body when the later one was entered.

Four cases decide everything. *Recorded*: the engine had said that the result is durable. *Finished*: the body had
returned and the engine does not record such a step. *In flight*: entered, and nothing more is certain, of it or of the
recorded body around it. *Raised*: the body, or the answer on its way back, had failed, so a new attempt is a retry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from harness.checks.base import Case, during, place
from harness.history import Execution, StepEntered, spelled
from harness.steps import StepId


class Before(IntEnum):
    """What had become of the earlier body, the least excusable last."""

    RAISED = 1
    IN_FLIGHT = 2
    FINISHED = 3
    RECORDED = 4

    @property
    def certain(self) -> bool:
        """Whether the earlier body had its result, so that there was something to keep."""
        return self >= Before.FINISHED


@dataclass(frozen=True)
class Repeat:
    """One body that ran after another one of the same step. `runs` are all bodies of that step."""

    step: str
    earlier: Execution
    later: Execution
    before: Before
    runs: tuple[Execution, ...]

    @property
    def same_life(self) -> bool:
        """Whether the process that ran the earlier body ran the later one too: a retry, not a recovery."""
        return self.earlier.entered.pid == self.later.entered.pid and self.earlier.incarnation == self.later.incarnation

    @property
    def is_retry(self) -> bool:
        """Whether the later body makes up for a failure that somebody knew of, not for one that a death swallowed."""
        return self.before is Before.RAISED and (self.same_life or self.earlier.recorded)


def repeats(case: Case, *kinds: str) -> dict[str, tuple[Repeat, ...]]:
    """Per step of these kinds, each body that was not the first, beside the least excusable of those before it."""
    found = {step: tuple(_pairs(case, step, runs)) for step, runs in case.history.by_step.items()}
    return {step: pairs for step, pairs in found.items() if pairs and StepId.parse(step).kind in kinds}


def _pairs(case: Case, step: str, runs: tuple[Execution, ...]) -> Iterator[Repeat]:
    for index, later in enumerate(runs[1:], 1):
        ranked = [(_before(case, step, one, later), one) for one in runs[:index] if not _asked_leave(one)]
        if not ranked:
            continue
        worst = max(before for before, _earlier in ranked)
        earlier = [earlier for before, earlier in ranked if before is worst][-1]
        yield Repeat(step, earlier, later, worst, runs)


def _asked_leave(run: Execution) -> bool:
    """Whether a tool did no more than to ask whether it may: with the answer it is called once more, by design."""
    return run.left is not None and (run.left.error or "").partition(":")[0] == "ApprovalRequired"


def _before(case: Case, step: str, earlier: Execution, later: Execution) -> Before:
    left, asked = earlier.left, _asked(case, earlier, later)
    if left is None or left.seq > asked:
        return Before.IN_FLIGHT
    if left.outcome != "ok":
        return Before.RAISED
    if answer_lost(case, earlier, later):
        return Before.IN_FLIGHT
    if case.is_recorded(step):
        return Before.RECORDED if _is_kept(earlier, asked) else Before.IN_FLIGHT
    outer = _recorded_around(case, earlier)
    return Before.FINISHED if outer is None or _is_kept(outer, asked) else Before.IN_FLIGHT


def _asked(case: Case, earlier: Execution, later: Execution) -> int:
    """The line of the journal at which the engine decided to run the later body: records after it came too late.

    That is where the body was entered, or the recorded one around it. A process that stood still just before, while a
    second owner took the run, had decided before it stood still.
    """
    outer = _recorded_around(case, later)
    bodies = [later] if outer is None or _is_around(outer, earlier) else [later, outer]
    return min(_stood(case, body) for body in bodies)


def _stood(case: Case, run: Execution) -> int:
    entered, pid = run.entered.seq, run.entered.pid
    if not case.paused:
        return entered
    bodies = [body.entered for body in case.history.by_step.get(place(run), ()) if body.entered.pid == pid]
    before = max((body.seq for body in bodies if body.seq < entered), default=0)
    here = [fired.seq for fired in case.paused if (fired.pid, fired.step, fired.window) == (pid, place(run), "before")]
    return min((seq for seq in here if before < seq < entered), default=entered)


def _is_kept(run: Execution, until: int) -> bool:
    return run.commit_left is not None and run.commit_left.seq < until


def _recorded_around(case: Case, run: Execution) -> Execution | None:
    """The body around this one that the engine records: with it, and not before, all that ran inside it is kept."""
    path = StepId.parse(run.step).path
    for length in range(len(path) - 1, 0, -1):
        outer = spelled(str(StepId(path[:length])), run.entered.invocation)
        if path[length - 1].kind == "run" or not case.is_recorded(outer):
            continue
        bodies = case.history.by_step.get(outer, ())
        around = next((body for body in bodies if _is_around(body, run)), None)
        if around is None or not _has_its_own(around):
            return around
    return None


def _has_its_own(run: Execution) -> bool:
    """Whether a unit is a workflow that a workflow called: what is in it is kept by itself, or not at all."""
    return StepId.parse(run.step).kind == "step" and isinstance(run.entered, StepEntered)


def _is_around(body: Execution, run: Execution) -> bool:
    return during(body, run.entered.seq, run.entered.pid, run.entered.invocation)


def answer_lost(case: Case, run: Execution, later: Execution | None = None) -> bool:
    """Whether a fault kept the caller from a body's answer, so that what was made durable is a failure.

    A body that answers late (`slow`) lost its answer only if somebody stopped waiting: it then runs again at once.
    """
    left = run.left
    if left is None:
        return False
    until = min((event.seq for event in (run.commit_entered, later and later.entered) if event), default=None)
    for fired, fault in case.injected:
        here = fired.step == place(run) and fired.window == "between" and fired.pid == run.entered.pid
        impatient = later is not None and later.entered.pid == run.entered.pid
        lost = fault.action in ("lost", "hang") or (fault.action == "slow" and impatient)
        if here and lost and left.seq < fired.seq and (until is None or fired.seq < until):
            return True
    return False


def inner(case: Case, run: Execution) -> tuple[Execution, ...]:
    """The bodies that ran inside a body, at any depth."""
    within = run.step + "."
    return tuple(other for other in case.history.executions if other.step.startswith(within) and _is_around(run, other))
