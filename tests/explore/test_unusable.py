"""Fault-free runs that cannot be compared with say why, in real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.explore import sweep as exploring
from harness.explore import written
from harness.scenario import Scenario
from harness.verdict import Finding, Status

ENDS = [
    pytest.param(
        "waits", "waits-for-ever", ("body of `wait`", "never returned", "the stacks are in line"), id="a body hangs"
    ),
    pytest.param("leaves", "baseline-failed", ("ended by itself with code 3", "that of `leave`"), id="os._exit"),
    pytest.param("exits", "baseline-failed", ("ended by itself with code 1", "no configuration"), id="sys.exit"),
    pytest.param("faults", "baseline-failed", ("ended by SIGSEGV", "that of `fault`"), id="a signal"),
    pytest.param("raises", "baseline-failed", ("in the body of `fail`: ValueError: no such order",), id="an exception"),
    pytest.param("keeps", "baseline-failed", ("when `session` had returned", "record its result"), id="no record"),
]


def found(agent: str, out: Path) -> Finding:
    scenario = Scenario.make(subject=f"tests.explore.enders:{agent}", engine="journal", stall=1.5)
    report = exploring.sweep(scenario, ["journal"], out=out)
    assert report.status is Status.FAILED
    (finding,) = report.findings
    return finding


@pytest.mark.parametrize(("agent", "rule", "said"), ENDS)
def test_a_fault_free_run_that_does_not_end_well_says_why(
    tmp_path: Path, agent: str, rule: str, said: tuple[str, ...]
) -> None:
    finding = found(agent, tmp_path)

    assert finding.rule == rule
    assert [text for text in said if text not in finding.message] == []
    assert "no outcome was written" not in finding.message
    shown, _history = exploring.show(max(tmp_path.glob("*/journal/*-baseline")))
    assert [(told.rule, told.remedy) for told in shown.findings] == [(rule, finding.remedy)]


def test_a_run_is_of_the_engine_that_its_sweep_is_of_also_where_a_path_names_it(tmp_path: Path) -> None:
    scenario = Scenario.make(subject="tests.explore.enders:raises", engine="fixtures.engines.repeats_tools:Engine")

    (swept,) = exploring.run(scenario, out=tmp_path).engines

    assert [run.engine for run in swept.runs] == [swept.engine] == ["repeats_tools"]


def test_a_script_that_cannot_be_made_because_deps_are_missing_says_that_they_are(tmp_path: Path) -> None:
    scenario = Scenario.make(subject="tests.explore.enders:needs", engine="none")
    with pytest.raises(UsageError, match="deps of type Customer and none were given; it needs name"):
        written.script(scenario, out=tmp_path)
