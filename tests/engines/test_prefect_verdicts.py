"""What a person is told about Prefect's two promises: results are used again, and a failed flow is tried again."""

from __future__ import annotations

from pathlib import Path

from harness.explore.sweep import run
from harness.scenario import Scenario
from harness.verdict import Owner, RunReport, Severity, Status


def judged(tmp_path: Path, subject: str, fault: str, **options: object) -> RunReport:
    scenario = Scenario.make(subject=subject, engine="prefect", faults=fault, options=options)
    (report,) = run(scenario, out=tmp_path).runs
    return report


def test_results_that_are_not_persisted_are_a_finding_about_the_configuration(tmp_path: Path) -> None:
    report = judged(tmp_path, "fixtures.agents.prefect_unpersisted:agent", "crash@model#2/before")
    found = {finding.check: finding for finding in report.findings}
    assert report.status is Status.FAILED
    assert {(check, finding.rule, finding.step) for check, finding in found.items()} == {
        ("effects", "finished-ran-again", "tool:charge#1"),
        ("usage", "bought-again", "model#1"),
    }
    assert {(finding.owner, finding.severity) for finding in found.values()} == {(Owner.CONFIGURATION, Severity.ERROR)}
    persist = "called in a task with `persist_result=True` and a cache policy, which keeps the result"
    assert found["effects"].remedy == f"have `charge` {persist}"
    assert found["usage"].remedy == f"have every model request {persist}"
    assert report.ledger is not None
    assert (report.ledger.requests, report.ledger.requests_again) == (3, 1)


def test_a_flow_that_is_retried_after_a_failure_repeats_no_finished_task(tmp_path: Path) -> None:
    report = judged(tmp_path, "fixtures.agents.payments:agent", "2*error(503)@model#3", flow_retries=2)
    assert (report.status, report.findings, report.incarnations) == (Status.PASSED, (), 1)
    assert report.ledger is not None
    assert {line.step: line.re_executed for line in report.ledger.lines if line.re_executed} == {}
    attempts = {unit.step: unit.attempts for unit in report.account}
    assert attempts.pop("run") == attempts.pop("model#3") == 3
    assert set(attempts.values()) == {1}
