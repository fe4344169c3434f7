"""What only forks show is ours to explain; what cold interpreters show too is said against the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.explore.confirmation import confirmed, unconfirmed
from harness.verdict import Finding, Owner, RunReport, Severity, Status, Verdict
from tests.report.samples import a_finding, a_run

ACCUSED = replace(a_finding(), owner=Owner.ENGINE, severity=Severity.ERROR)
OWN = replace(a_finding(), owner=Owner.TOOL, severity=Severity.ERROR)


def judged(*findings: object) -> RunReport:
    return replace(a_run(), verdicts=(Verdict.of("resume", list(findings)),))  # type: ignore[arg-type]


@pytest.mark.parametrize("owner", [Owner.ENGINE, Owner.INTEGRATION])
def test_what_is_seen_cold_too_stands(owner: Owner) -> None:
    warm = judged(replace(ACCUSED, owner=owner))

    [report] = confirmed([warm], lambda run: run)

    assert report.status is Status.FAILED
    assert [(each.owner, each.confirmed) for each in report.findings] == [(owner, "cold")]


def test_what_is_seen_in_forks_only_is_a_note_to_us_and_leaves_the_verdict_open() -> None:
    [report] = confirmed([judged(ACCUSED)], lambda _run: judged())

    [finding] = report.findings
    assert report.status is Status.UNKNOWN
    assert (finding.owner, finding.severity) == (Owner.HARNESS, Severity.NOTE)
    assert "seen in forked processes only" in finding.message


def test_a_finding_that_accuses_no_engine_is_not_run_again() -> None:
    def again(_run: RunReport) -> RunReport:
        raise AssertionError("nobody asked for this")

    assert confirmed([judged(OWN), judged()], again) == [judged(OWN), judged()]


def test_each_kind_of_finding_is_run_again_once() -> None:
    asked = []
    other = replace(ACCUSED, rule="another-rule")

    def again(run: RunReport) -> RunReport:
        asked.append(run)
        return run

    confirmed([judged(ACCUSED), judged(ACCUSED), judged(ACCUSED, other)], again)

    assert asked == [judged(ACCUSED), judged(ACCUSED, other)]


def test_a_run_that_passes_cold_is_not_failed_by_anything_that_only_forks_showed() -> None:
    stuck = replace(judged(ACCUSED), verdicts=(*judged(ACCUSED).verdicts, Verdict.of("completion", [OWN])))

    [report] = confirmed([stuck], lambda _run: judged())

    assert report.status is Status.UNKNOWN
    assert {each.severity for each in report.findings} == {Severity.NOTE}


@pytest.mark.parametrize("owner", [Owner.ENGINE, Owner.INTEGRATION])
def test_what_could_not_be_seen_again_before_an_interruption_says_so_and_stands(owner: Owner) -> None:
    [report] = unconfirmed([judged(replace(ACCUSED, owner=owner))])

    [finding] = report.findings
    assert (report.status, finding.owner, finding.confirmed) == (Status.FAILED, owner, "")
    assert finding.message == f"{ACCUSED.message} (not confirmed in cold interpreters: interrupted before)"


@pytest.mark.parametrize("finding", [OWN, replace(ACCUSED, confirmed="cold")], ids=["accuses nobody", "seen cold"])
def test_what_needs_no_confirmation_is_told_as_ever(finding: Finding) -> None:
    assert unconfirmed([judged(finding)]) == [judged(finding)]
