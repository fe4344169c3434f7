"""How verdicts combine, and what a report says of them."""

from __future__ import annotations

import json
from itertools import permutations

import pytest

from harness.verdict import (
    EXIT_CODES,
    EngineSweep,
    Finding,
    Owner,
    RunReport,
    Severity,
    Status,
    SweepReport,
    Verdict,
    worst,
)

P, F, U = Status.PASSED, Status.FAILED, Status.UNKNOWN


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [((), U), ((P,), P), ((P, U), U), ((U, F), F), ((P, F), F), ((P, U, F), F), ((P, P), P)],
)
def test_failed_beats_unknown_beats_passed_in_any_order(statuses, expected):
    assert {worst(order) for order in permutations(statuses)} == {expected}


@pytest.mark.parametrize(("ran", "status"), [((P,), U), ((P, F), F), ((), U)], ids=["passed", "failed", "nothing"])
def test_a_sweep_that_was_interrupted_proves_nothing_but_what_failed(ran, status):
    runs = tuple(RunReport("dbos", "s:a", "-", (Verdict("effects", one),), 1, "f") for one in ran)
    sweep = EngineSweep("dbos", "step", runs=runs, partial=True)
    untried = EngineSweep("prefect", "task", partial=True, unavailable="interrupted")
    assert sweep.status is SweepReport("s:a", (sweep, untried)).status is status


def test_exit_codes_are_the_documented_ones():
    assert EXIT_CODES == {P: 0, F: 1, U: 3}


def a_finding(severity: Severity = Severity.ERROR, step: str | None = "tool:charge#1", **values: object) -> Finding:
    given = {"check": "effects", "rule": "lost", "owner": Owner.ENGINE, "message": "m", "remedy": "r"} | values
    return Finding(step=step, severity=severity, **given)


@pytest.mark.parametrize(
    ("severities", "status", "strictly"),
    [
        ([], P, P),
        ([Severity.NOTE], P, P),
        ([Severity.WARNING], P, F),
        ([Severity.ERROR], F, F),
        ([Severity.NOTE, Severity.WARNING, Severity.ERROR], F, F),
    ],
)
def test_a_verdict_is_as_bad_as_its_worst_finding(severities, status, strictly):
    findings = [a_finding(severity) for severity in severities]
    assert Verdict.of("effects", findings).status is status
    assert Verdict.of("effects", findings, strict=True).status is strictly


def test_an_unknown_says_why():
    verdict = Verdict.unknown("effects", "torn", [a_finding()])
    assert (verdict.status, verdict.reason, len(verdict.findings)) == (U, "torn", 1)
    assert verdict.to_json() == {"check": "effects", "status": "unknown", "reason": "torn"}


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        pytest.param({"step": "tool:charge#1"}, {"step": "tool:charge#2"}, True, id="another number"),
        pytest.param({"step": "tool:charge#1"}, {"step": "tool:charge#1+1"}, True, id="a re-issue"),
        pytest.param({"message": "a"}, {"message": "b"}, True, id="other words"),
        pytest.param({"step": "tool:charge#1"}, {"step": "tool:refund#1"}, False, id="another tool"),
        pytest.param({"step": "tool:charge#1"}, {"step": "tool:a#1.tool:charge#1"}, False, id="inside another"),
        pytest.param({"step": None}, {"step": "run"}, False, id="no step"),
        pytest.param({"rule": "a"}, {"rule": "b"}, False, id="another rule"),
        pytest.param({"check": "a"}, {"check": "b"}, False, id="another check"),
        pytest.param({"owner": Owner.TOOL}, {"owner": Owner.ENGINE}, False, id="another owner"),
    ],
)
def test_findings_of_one_cause_are_one_group(one, other, together):
    assert (a_finding(**one).group == a_finding(**other).group) is together


def a_run(*verdicts: Verdict, plan: str = "no fault", **values: object) -> RunReport:
    return RunReport("dbos", "a:b", plan, verdicts, incarnations=2, folder="f", **values)


def test_a_run_is_as_bad_as_its_worst_check_and_keeps_every_reason():
    report = a_run(Verdict.of("effects", [a_finding()]), Verdict.unknown("resume", "torn"), Verdict.of("usage", []))
    assert report.status is F
    assert report.reasons == ("torn",)
    assert len(report.findings) == 1


def test_a_run_that_nothing_was_checked_of_is_unknown():
    assert a_run().status is U


def test_a_run_is_one_json_document():
    document = json.loads(json.dumps(a_run(Verdict.of("effects", [a_finding()])).to_json()))
    assert {"engine", "plan", "status", "incarnations", "checks"} <= document.keys()
    assert document["findings"][0]["severity"] == "error"
    assert document["findings"][0]["owner"] == "engine"
    assert {"check", "rule", "step", "severity", "owner", "message", "remedy", "replay"} <= document["findings"][
        0
    ].keys()


def a_sweep(*runs: RunReport, **values: object) -> SweepReport:
    return SweepReport("a:b", (EngineSweep("dbos", "step", runs=runs, possible=len(runs), **values),), 1.23456)


def test_findings_of_a_sweep_are_grouped_by_cause_and_errors_come_first():
    warned = a_run(Verdict.of("effects", [a_finding(Severity.WARNING, rule="warned")]))
    failed = [a_run(Verdict.of("effects", [a_finding(step=f"tool:charge#{number}")])) for number in (1, 2)]
    groups = list(a_sweep(warned, *failed).groups.values())
    assert [[finding.rule for finding in group] for group in groups] == [["lost", "lost"], ["warned"]]


def test_a_sweep_counts_its_runs():
    crash = "crash@model#1/after"
    passed = a_run(Verdict.of("a", []), plan=crash, crashes=1)
    failed = a_run(Verdict.of("a", [a_finding()]), plan=f"{crash}; crash@model#2/after", crashes=2)
    document = json.loads(json.dumps(a_sweep(passed, failed).to_json()))
    assert document["status"] == "failed"
    totals = {"possible": 2, "run": 2, "crashes": 3, "passed": 1, "failed": 1, "unknown": 0, "seconds": 1.235}
    assert document["totals"] == totals


def test_a_sweep_finds_the_run_of_a_cell():
    here = a_run(Verdict.of("a", []), cell=("model#1", "before"))
    sweep = a_sweep(here).engines[0]
    assert sweep.at("model#1", "before") is here
    assert sweep.at("model#1", "after") is None


def test_an_engine_that_refused_or_was_not_there_does_not_make_a_sweep_unknown():
    passed = EngineSweep("dbos", "step", runs=(a_run(Verdict.of("a", [])),))
    refused = EngineSweep("temporal", "activity", refused="no streaming")
    missing = EngineSweep("prefect", "task", unavailable="not installed")
    assert SweepReport("a:b", (passed, refused, missing)).status is P
    assert SweepReport("a:b", (refused, missing)).status is U
    assert SweepReport("a:b", (passed, EngineSweep("none", "unit"))).status is U
