"""Which findings of a run are mere consequences of another: one fault that several checks see from other sides."""

from __future__ import annotations

from collections.abc import Iterable

from harness.verdict import Finding, Severity

UNUSED = ("resume", "recorded-ran-again")
OF_AN_UNUSED_RECORD = (("effects", "recorded-ran-again"), ("cache", "missed"))
"""Checks and rules that see the same from other sides: an effect that happened twice, a key."""
PRICE = ("usage", "bought-again")


def own(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those findings of one run that are no mere consequence of another: a record that was not used has many."""
    found = tuple(findings)
    again = {finding.step for finding in found if (finding.check, finding.rule) == UNUSED}
    return tuple(finding for finding in found if finding.step not in again or not _follows(finding))


def _follows(finding: Finding) -> bool:
    rule = finding.check, finding.rule
    return rule in OF_AN_UNUSED_RECORD or (rule == PRICE and finding.severity is Severity.NOTE)
