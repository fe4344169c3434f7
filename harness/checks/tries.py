"""Declared attempts: an engine that tries a unit more often than its own configuration says has broken its word.

The engine itself says the number when it opens the unit, so nobody reads a configuration here. Most engines count anew
in every life, because the count dies with the process that made it; one whose server counts over all lives goes on with
its numbers, and then the number alone tells. A unit may also be tried anew in one life (a flow that is retried runs its
failed tasks once more, a child workflow its activities): each time begins with attempt 1, though the first of them may
have begun in the life before, and has as many tries as the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise

from harness.checks.account import steps_of_units
from harness.checks.base import Case
from harness.checks.words import lines, times, titled
from harness.history import History, UnitTried, spelled
from harness.verdict import Finding, Owner, Severity

RULE = "too-many"


def too_many(case: Case, check: str) -> Iterator[Finding]:
    """One finding for each step that was tried more often, in one life or by the engine's own number, than declared."""
    told: set[str] = set()
    for tried in _units(case.history):
        over = _over(tried)
        step = _step(case, tried[0])
        if over is None or step in told:
            continue
        told.add(step)
        yield _finding(case, check, step, tried, over)


def _units(history: History) -> Iterable[list[UnitTried]]:
    """The attempts at each unit in each life."""
    units: dict[tuple[int, int, int, str], list[UnitTried]] = defaultdict(list)
    for tried in history.of(UnitTried):
        units[tried.pid, tried.incarnation, tried.invocation, tried.unit].append(tried)
    return units.values()


def _over(tried: list[UnitTried]) -> tuple[int, int] | None:
    """How many attempts were made of how many that were declared; None if not more."""
    begun_anew = sum(one.attempt == 1 or one.attempt < before.attempt for before, one in pairwise(tried))
    made, rounds = len(tried), 1 + begun_anew
    last = max(tried, key=lambda one: one.attempt)
    if not last.tries:
        return None
    if made > rounds * last.tries:
        return made, rounds * last.tries
    return (last.attempt, last.tries) if last.attempt > last.tries else None


def _step(case: Case, tried: UnitTried) -> str:
    """The step that a unit records. If no attempt got as far as its body, the fault-free run knows whose it is."""
    if (step := steps_of_units(case.history).get((tried.invocation, tried.unit))) is not None:
        return step
    usual = case.baseline.history
    namesakes = [one for one in usual.of(UnitTried) if (one.invocation, one.step) == (tried.invocation, tried.step)]
    known = steps_of_units(usual)
    found = [known[one.invocation, one.unit] for one in namesakes if (one.invocation, one.unit) in known]
    return found[0] if found else spelled(tried.step, tried.invocation)


def _finding(case: Case, check: str, step: str, tried: list[UnitTried], over: tuple[int, int]) -> Finding:
    engine, unit = case.contract.engine, case.contract.unit
    made, declared = over
    return Finding(
        check=check,
        rule=RULE,
        step=step,
        severity=Severity.ERROR,
        owner=Owner.ENGINE,
        message=f"{titled(step)} was tried {times(made)} by life {tried[-1].incarnation}, and {engine} itself says that"
        f" this {unit} is tried {times(declared)} at most",
        remedy=f"report it to {engine} with this run folder: it goes on trying after the last attempt that it declares",
        incarnation=tried[-1].incarnation,
        events=lines(*tried),
    )
