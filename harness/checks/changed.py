"""Effects that say something else after a crash: another amount is as wrong as another charge."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile

from harness.checks.base import Case
from harness.checks.memory import otherwise
from harness.checks.values import Mismatch
from harness.checks.words import evidence, titled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity

NAME = "effects"


def changed(case: Case) -> Iterator[Finding]:
    """The first such effect of each tool that ran once, in a later life, and was asked for the same thing.

    What a body that ran again says is the business of its key.
    """
    for step, runs in case.history.by_step.items():
        apart = len(runs) > 1 or runs[0].incarnation < 2 or case.injected or step not in case.baseline.steps
        if apart or StepId.parse(step).kind != "tool" or any(case.differences(f"{step}.arguments")):
            continue
        places = takewhile(case.baseline.facts.__contains__, (f"{step}.effect[{number}]" for number in count()))
        found = next((each for place in places for each in case.differences(place)), None)
        if found is None:
            continue
        why, remedy = otherwise(case, runs[0])
        where = Mismatch(found.path.removeprefix(f"{step}."), found.left, found.right)
        yield Finding(
            check=NAME,
            rule="effect-differs",
            step=step,
            severity=Severity.ERROR,
            owner=Owner.TOOL,
            message=f"{titled(step)} itself did something else than without faults, {where}{why}",
            remedy=remedy,
            incarnation=runs[0].incarnation,
            events=evidence(*runs),
        )
