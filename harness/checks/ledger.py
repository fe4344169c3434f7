"""The replay ledger: for each step how often its body ran, its record was used, or neither; and what was paid twice.

*Replayed* is inferred, because nothing runs when a result is reused: recorded earlier, body not entered again, and a
later step advanced. *Orphaned* is a record that nothing ever went on from.
"""

from __future__ import annotations

from typing import Any

from harness.checks.base import Case
from harness.checks.repeats import Before, repeats
from harness.history import Execution, Outcome, StepLeft
from harness.steps import KINDS, StepId
from harness.verdict import Ledger, LedgerLine


def ledger(case: Case) -> Ledger:
    """Take stock of a run."""
    kinds = tuple(kind for kind in KINDS if kind != "run")
    again = {
        step: [pair.later for pair in pairs if pair.before is not Before.RAISED]
        for step, pairs in repeats(case, *kinds).items()
    }
    requests = [run for run in case.history.executions if _is_request(run)]
    paid_again = [run for runs in again.values() for run in runs if _is_request(run)]
    steps = [step for step in case.history.steps if StepId.parse(step).kind in kinds]
    return Ledger(
        lines=tuple(_line(case, step, len(again.get(step, ()))) for step in steps),
        requests=len(requests),
        tokens=sum(map(tokens_of, requests)),
        requests_again=len(paid_again),
        tokens_again=sum(map(tokens_of, paid_again)),
    )


def _is_request(run: Execution) -> bool:
    return StepId.parse(run.step).kind == "model"


def _line(case: Case, step: str, re_executed: int) -> LedgerLine:
    runs = case.history.by_step[step]
    # How a body raised can be recorded, too: a tool that asks for other arguments is not called again for it.
    uses = [_uses(case, step, run) for run in runs if run.recorded]
    return LedgerLine(
        step=step,
        executed=len(runs),
        replayed=sum(lives for lives, _used in uses),
        re_executed=re_executed,
        indeterminate=sum(_is_indeterminate(case, step, run) for run in runs),
        orphaned=sum(not used for _lives, used in uses),
    )


def _is_indeterminate(case: Case, step: str, run: Execution) -> bool:
    """Whether a life ended between the body and its record. Without a record, only a body that never left counts."""
    ended = any(death.incarnation == run.incarnation for death in case.history.deaths())
    return ended and (run.left is None or (run.finished and case.is_recorded(step) and not run.recorded))


def _uses(case: Case, step: str, run: Execution) -> tuple[int, bool]:
    """In how many later lives the record was replayed, and whether anything at all went on from it."""
    commit = run.commit_left.seq if run.commit_left else run.entered.seq
    again = next((other for other in case.history.by_step[step] if other.entered.seq > commit), None)
    lives = {
        life
        for life, seq in _advances(case, step, run.entered.invocation)
        if seq > commit and (again is None or seq < again.entered.seq)
    }
    retried = again is not None and not run.finished  # another try goes on from a failure
    return len(lives - {run.incarnation}), bool(lives) or retried


def _advances(case: Case, step: str, invocation: int) -> list[tuple[int, int]]:
    """Where the run got past a step: lives and lines of bodies that come after it, and of outcomes."""
    order = list(dict.fromkeys([*case.baseline.steps, *case.history.steps]))
    later = set(order[order.index(step) + 1 :])
    bodies = [
        (run.incarnation, run.entered.seq)
        for other, runs in case.history.by_step.items()
        if other in later and StepId.parse(other).kind != "run"
        for run in runs
        if run.entered.invocation == invocation
    ]
    ends = [(end.incarnation, end.seq) for end in case.history.of(Outcome) if end.invocation == invocation]
    return bodies + ends


def tokens_of(run: Execution) -> int:
    """What a model request cost, by the usage in its response. Other bodies cost nothing."""
    if not _is_request(run):
        return 0
    result = run.left.result if isinstance(run.left, StepLeft) else None
    return tokens_in(result.get("usage") if isinstance(result, dict) else None)


def tokens_in(usage: Any) -> int:
    """The tokens of an account, of a response's or of a whole run's. There may be none."""
    if not isinstance(usage, dict):
        return 0
    return sum(int(usage.get(name) or 0) for name in ("input_tokens", "output_tokens"))
