"""What a fault-free run fails with, although it comes to its end: no crash is to blame for it.

It is told once, with a line that does it again without a fault, and held against no crash that finds it once more.
"""

from __future__ import annotations

from dataclasses import replace

from harness.verdict import Finding, RunReport, Severity, Status, Verdict

NOTED = "what the fault-free run fails with is told once: the map shows what crashes add to it"
_TOLD = "the fault-free run fails with it, too"
Same = tuple[str | None, ...]


def failing(judged: RunReport, *, strict: bool) -> tuple[Finding, ...]:
    """The findings that a run fails with."""
    failed = [verdict for verdict in judged.verdicts if verdict.status is Status.FAILED]
    return tuple(each for verdict in failed for each in verdict.findings if _fails(each, strict=strict))


def besides(judged: RunReport, usual: tuple[Finding, ...], *, strict: bool) -> RunReport:
    """A run without what the fault-free run fails with as well."""
    known = {_same(finding) for finding in usual}
    verdicts = tuple(_without(verdict, known, strict=strict) for verdict in judged.verdicts)
    return replace(judged, verdicts=verdicts)


def _without(verdict: Verdict, known: set[Same], *, strict: bool) -> Verdict:
    left = tuple(finding for finding in verdict.findings if _same(finding) not in known)
    if left == verdict.findings:
        return verdict
    # A check that gives a reason has failed for more than its findings.
    excused = not verdict.reason and not any(_fails(finding, strict=strict) for finding in left)
    if verdict.status is Status.FAILED and excused:
        return Verdict(verdict.check, Status.PASSED, left, _TOLD)
    return replace(verdict, findings=left)


def _fails(finding: Finding, *, strict: bool) -> bool:
    return finding.severity is Severity.ERROR or (strict and finding.severity is Severity.WARNING)


def _same(finding: Finding) -> Same:
    return (*finding.group, finding.step, finding.severity)
