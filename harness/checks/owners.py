"""A scenario that is about the errors of some owners only: what others must answer for does not fail it.

Without retries a lost answer rightly ends a run. Whoever searches for mistakes of the engine among such runs says so in
`owners`, and the file that is left of a mistake passes once that is mended.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from harness.checks.base import INCOMPLETE
from harness.verdict import Finding, Owner, Severity, Status, Verdict


def held_against(owners: Collection[Owner], verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts with what is not theirs as notes; what only follows from an error among that is passed over.

    Such are a failure that another check has told, and that a run which ended early cannot be compared as a whole.
    """
    noted = [replace(each, findings=tuple(_noted(owners, found) for found in each.findings)) for each in verdicts]
    errors = (found for each in verdicts for found in each.findings if found.severity is Severity.ERROR)
    if all(found.owner in owners for found in errors):
        return noted
    return [Verdict.of(each.check, each.findings) if _follows(each) else each for each in noted]


def _noted(owners: Collection[Owner], found: Finding) -> Finding:
    if found.owner in owners or found.severity is Severity.NOTE:
        return found
    words = f"{found.message} (no failure here: the scenario is about what {' and '.join(owners)} must answer for)"
    return replace(found, severity=Severity.NOTE, message=words)


def _follows(verdict: Verdict) -> bool:
    return verdict.status is Status.FAILED or verdict.reason.startswith(INCOMPLETE)
