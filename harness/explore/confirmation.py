"""Confirmation: what is said against an engine or an integration is seen once more in cold interpreters first.

Forked siblings share their hash seed, addresses and import-time state, which real restarts do not. What only forks show
is a warm/cold difference: ours to explain, not the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.verdict import Finding, Owner, RunReport, Severity, Status, Verdict

Group = tuple[str, str, str, str]


def confirmed(done: Sequence[RunReport], again: Callable[[RunReport], RunReport]) -> list[RunReport]:
    """The same reports, with every finding that blames an engine or integration marked as seen cold or not.

    `again` does a run once more in cold interpreters; it is asked once for each kind of finding.
    """
    seen: dict[Group, bool] = {}
    for judged in done:
        if all(finding.group in seen for finding in blaming(judged)):
            continue
        cold = {finding.group for finding in blaming(again(judged))}
        seen |= {each.group: each.group in cold for each in blaming(judged) if each.group not in seen}
    return [marked(judged, seen) for judged in done]


def blaming(judged: RunReport) -> list[Finding]:
    """The findings of a report that an engine or integration is to answer for."""
    return [finding for finding in judged.findings if finding.owner in (Owner.ENGINE, Owner.INTEGRATION)]


def marked(judged: RunReport, seen: dict[Group, bool]) -> RunReport:
    """The report with what cold interpreters showed: a kind of finding that they did not is a note to us."""

    def mark(finding: Finding) -> Finding:
        if finding.group not in seen or finding.owner not in (Owner.ENGINE, Owner.INTEGRATION):
            return finding
        if seen[finding.group]:
            return replace(finding, confirmed="cold")
        return replace(
            finding,
            owner=Owner.HARNESS,
            severity=Severity.NOTE,
            message=f"{finding.message} (seen in forked processes only, not in cold ones)",
            remedy="run it with `--cold`, and report it to us if the two still differ",
        )

    verdicts = tuple(_remade(verdict, tuple(map(mark, verdict.findings))) for verdict in judged.verdicts)
    return replace(judged, verdicts=verdicts)


def _remade(verdict: Verdict, findings: tuple[Finding, ...]) -> Verdict:
    harmless = all(finding.severity is not Severity.ERROR for finding in findings)
    if verdict.status is Status.FAILED and findings != verdict.findings and harmless:
        return Verdict.unknown(verdict.check, "what failed was not seen again in cold interpreters", findings)
    return replace(verdict, findings=findings)
