"""What fails without a fault is told once and of no crash; what a crash adds to it stays where it was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.explore import faultless
from harness.explore import sweep as exploring
from harness.faults import NO_FAULT
from harness.scenario import Scenario
from harness.verdict import Finding, Severity, Status, Verdict
from tests.report.samples import a_finding, a_run

USUAL = replace(a_finding(), rule="key-shared", severity=Severity.ERROR)
OTHER = replace(USUAL, rule="key-changed")
WARNING = replace(USUAL, rule="in-flight-ran-again", severity=Severity.WARNING)
TWO_CHARGES = [
    {"call": "charge", "args": {"order_id": "a", "cents": 5}},
    {"call": "charge", "args": {"order_id": "a", "cents": 6}},
    {"call": "send_receipt", "args": {"email": "ada@example.com", "order_id": "a"}},
    "done",
]


@pytest.mark.parametrize(
    ("found", "reason", "status", "left"),
    [
        pytest.param([USUAL], "", Status.PASSED, [], id="nothing else"),
        pytest.param([USUAL, OTHER], "", Status.FAILED, [OTHER], id="another finding"),
        pytest.param([USUAL, WARNING], "", Status.PASSED, [WARNING], id="a warning"),
        pytest.param([USUAL], "a key changed, which `effects` tells", Status.FAILED, [], id="another reason"),
        pytest.param([replace(USUAL, step="tool:charge#2")], "", Status.FAILED, None, id="another step"),
        pytest.param([WARNING], "", Status.PASSED, None, id="none of it"),
    ],
)
def test_a_crash_answers_for_what_it_adds(
    found: list[Finding], reason: str, status: Status, left: list[Finding] | None
) -> None:
    verdict = replace(Verdict.of("idempotency_keys", found), reason=reason)

    judged = faultless.besides(replace(a_run(), verdicts=(verdict,)), (USUAL,), strict=False)

    assert (judged.status, list(judged.findings)) == (status, found if left is None else left)


@pytest.mark.parametrize("strict", [False, True])
def test_a_warning_is_told_once_where_warnings_fail(strict: bool) -> None:
    run = replace(a_run(), verdicts=(Verdict.of("effects", [WARNING], strict=strict),))

    usual = faultless.failing(run, strict=strict)

    assert usual == ((WARNING,) if strict else ())
    assert faultless.besides(run, usual, strict=strict).status is Status.PASSED


@pytest.mark.parametrize(("engine", "red"), [("journal", set()), ("none", {"effects"})])
def test_a_sweep_tells_what_fails_without_a_fault_once_and_what_crashes_add_beside_it(
    tmp_path: Path, engine: str, red: set[str]
) -> None:
    tools = {"charge": "keyed:order_id", "send_receipt": "keyed:order_id" if engine == "journal" else "once"}
    scenario = Scenario.make(
        subject="fixtures.agents.payments:agent", engine=engine, script=TWO_CHARGES, tools=tools, stall=2.0
    )

    swept = exploring.sweep(scenario, [engine], out=tmp_path, jobs=2)

    (one,) = swept.engines
    shared = [(run.plan, finding) for run in one.runs for finding in run.findings if finding.rule == "key-shared"]
    assert [plan for plan, _finding in shared] == [str(NO_FAULT)]
    assert "--fault" not in shared[0][1].replay
    assert swept.status is Status.FAILED
    in_cells = [finding for run in one.runs if run.cell for finding in run.findings]
    assert {finding.check for finding in in_cells if finding.severity is Severity.ERROR} == red
    assert {run.status for run in one.runs if run.cell} == ({Status.PASSED, Status.FAILED} if red else {Status.PASSED})
    assert faultless.NOTED in one.notes
    shown, _history = exploring.show(Path(one.runs[0].folder))
    assert [finding.rule for finding in shown.findings] == ["key-shared"]
