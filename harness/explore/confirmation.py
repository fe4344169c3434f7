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
    excused: set[str] = set()
    for judged in done:
        if all(finding.group in seen for finding in blaming(judged)):
            continue
        cold = again(judged)
        if judged.status is Status.FAILED and cold.status is Status.PASSED:
            excused.add(judged.plan)
        groups = {finding.group for finding in blaming(cold)}
        seen |= {each.group: each.group in groups for each in blaming(judged) if each.group not in seen}
    return [marked(judged, seen, excused=judged.plan in excused) for judged in done]


def unconfirmed(done: Sequence[RunReport]) -> list[RunReport]:
    """The same reports where nothing could be seen again, because a person interrupted: what blames others says so."""

    def mark(finding: Finding) -> Finding:
        if not finding.blames_others or finding.confirmed:
            return finding
        return replace(finding, message=f"{finding.message} (not confirmed in cold interpreters: interrupted before)")

    def told(verdict: Verdict) -> Verdict:
        return replace(verdict, findings=tuple(map(mark, verdict.findings)))

    return [replace(judged, verdicts=tuple(map(told, judged.verdicts))) for judged in done]


def blaming(judged: RunReport) -> list[Finding]:
    """The findings of a report that an engine or integration is to answer for."""
    return [finding for finding in judged.findings if finding.blames_others]


def marked(judged: RunReport, seen: dict[Group, bool], *, excused: bool = False) -> RunReport:
    """The report with what cold interpreters showed: a kind of finding that they did not is a note to us.

    `excused`: the same run passed in cold interpreters, so that nothing that failed it here may stand.
    """

    def mark(finding: Finding) -> Finding:
        accused = finding.group in seen and finding.blames_others
        failing = excused and finding.severity is Severity.ERROR
        if not (accused or failing):
            return finding
        if accused and seen[finding.group] and not failing:
            return replace(finding, confirmed="cold")
        return replace(
            finding,
            owner=Owner.HARNESS,
            severity=Severity.NOTE,
            message=f"{finding.message} (seen in forked processes only, not in cold ones)",
            remedy="see that the subject keeps nothing outside its runs that two at a time can spoil (a file, a port),"
            " run it with `--cold`, and report it to us if the two still differ",
        )

    verdicts = tuple(_remade(verdict, tuple(map(mark, verdict.findings))) for verdict in judged.verdicts)
    return replace(judged, verdicts=verdicts)


def _remade(verdict: Verdict, findings: tuple[Finding, ...]) -> Verdict:
    harmless = all(finding.severity is not Severity.ERROR for finding in findings)
    if verdict.status is Status.FAILED and findings != verdict.findings and harmless:
        return Verdict.unknown(verdict.check, "what failed was not seen again in cold interpreters", findings)
    return replace(verdict, findings=findings)
