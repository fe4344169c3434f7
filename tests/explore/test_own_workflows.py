"""Workflows and flows of a person's own are swept as agents are: called as they are, crashed, and recovered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.explore.sweep import run, sweep
from harness.scenario import Scenario
from harness.verdict import LedgerLine, Owner, RunReport, Severity, Status, SweepReport

DBOS = "fixtures.workflows.dbos_orders"
PREFECT = "fixtures.workflows.prefect_orders"


def swept(subject: str, engine: str, out: Path, **more: Any) -> SweepReport:
    return sweep(Scenario.make(subject=subject, engine=engine, **more), [engine], out=out, jobs=2)


def steps(report: SweepReport) -> list[str]:
    return [row.step for row in report.engines[0].rows]


def lines(report: RunReport) -> tuple[LedgerLine, ...]:
    """What became of each step of a run."""
    assert report.ledger is not None
    return report.ledger.lines


def errors(report: SweepReport) -> dict[str, set[tuple[str, str]]]:
    """Where a crash showed an error, by the step and window of the crash."""
    return {
        f"{run.cell[0]}/{run.cell[1]}": {(finding.step or "", finding.rule) for finding in found}
        for run in report.runs
        if run.cell and (found := [one for one in run.findings if one.severity is Severity.ERROR])
    }


@pytest.mark.engine(name="dbos")
def test_what_a_dbos_workflow_does_outside_its_steps_is_found_to_happen_twice(tmp_path: Path) -> None:
    report = swept(f"{DBOS}:settle", "dbos", tmp_path)

    assert steps(report) == ["run", "step:reserve#1", "model#1", "step:ship#1"]
    assert errors(report).keys() == {"run/between"}
    [finding] = {finding.message: finding for finding in report.findings}.values()
    assert "the effect `letter` happened twice" in finding.message
    assert finding.owner is Owner.CONFIGURATION


@pytest.mark.engine(name="dbos")
def test_workflows_that_a_dbos_workflow_calls_are_steps_with_steps_inside(tmp_path: Path) -> None:
    report = swept(f"{DBOS}:parcels", "dbos", tmp_path, deps=3)

    children = ["step:pack#1", "step:pack#1.step:ship#1", "step:pack#2", "step:pack#2.step:ship#1"]
    assert sorted(steps(report)) == sorted(["run", *children])
    assert (report.status, report.findings) == (Status.PASSED, ())


@pytest.mark.engine(name="dbos")
def test_a_child_that_waits_in_a_queue_of_the_program_is_taken_from_there(tmp_path: Path) -> None:
    options = {"startup": f"{DBOS}:startup"}
    fault = "crash@step:pack#1.step:ship#1/between"
    scenario = Scenario.make(subject=f"{DBOS}:queued", engine="dbos", deps=3, options=options, faults=fault)
    report = run(scenario, out=tmp_path)

    [crashed] = [one for one in report.runs if one.crashes]
    assert (crashed.status, crashed.incarnations) == (Status.PASSED, 2)


@pytest.mark.engine(name="dbos")
@pytest.mark.parametrize("step", ["step:pack#1", "step:pack#1.step:ship#1"])
def test_children_are_counted_as_they_are_asked_for_whichever_begins_first(step: str, tmp_path: Path) -> None:
    options = {"startup": f"{DBOS}:startup"}
    fault = f"crash@{step}/after"
    scenario = Scenario.make(subject=f"{DBOS}:overtaken", engine="dbos", deps=3, options=options, faults=fault)
    report = run(scenario, out=tmp_path)

    [crashed] = [one for one in report.runs if one.crashes]
    assert (crashed.status, crashed.findings, crashed.incarnations) == (Status.PASSED, (), 2)


@pytest.mark.engine(name="dbos")
def test_a_queue_that_nobody_has_registered_is_named(tmp_path: Path) -> None:
    [report] = run(Scenario.make(subject=f"{DBOS}:queued", engine="dbos", deps=3, stall=3), out=tmp_path).runs

    [finding] = report.findings
    assert finding.rule == "waits-in-queue"
    assert "`pack` waits in the queue 'parcels'" in finding.message
    assert "-o startup=MODULE:FUNCTION" in finding.remedy


@pytest.mark.engine(name="dbos")
def test_an_agent_without_an_engine_in_a_durable_workflow_is_asked_twice(tmp_path: Path) -> None:
    report = swept(f"{DBOS}:careless", "dbos", tmp_path)

    assert errors(report)["model#1/between"] == {("model#1", "bought-again")}
    [remedy] = {finding.remedy for finding in report.findings}
    assert remedy == "give the agent `DBOSDurability()` as a capability, so that its requests are steps"


@pytest.mark.engine(name="prefect")
def test_a_flow_whose_results_are_kept_survives_every_crash(tmp_path: Path) -> None:
    report = swept(f"{PREFECT}:settle", "prefect", tmp_path)

    assert steps(report) == ["run", "step:reserve#1", "model#1", "step:ship#1"]
    assert errors(report) == {}
    assert {(finding.step, finding.severity) for finding in report.findings} == {("step:ship#1", Severity.WARNING)}


@pytest.mark.engine(name="prefect")
def test_a_flow_that_is_no_coroutine_is_recovered_and_may_return_nothing(tmp_path: Path) -> None:
    report = swept(f"{PREFECT}:returned", "prefect", tmp_path, deps={"order": 3})

    assert steps(report) == ["run", "step:ship#1"]
    assert report.status is Status.PASSED
    assert {run.incarnations for run in report.runs} == {2}


@pytest.mark.engine(name="prefect")
def test_tasks_are_counted_as_a_flow_asks_for_them_whichever_begins_first(tmp_path: Path) -> None:
    scenario = Scenario.make(subject=f"{PREFECT}:overtaken", engine="prefect", deps=3, faults="crash@step:pack#1/after")
    report = run(scenario, out=tmp_path)

    [crashed] = [one for one in report.runs if one.crashes]
    packed = [(line.step, line.executed, line.replayed) for line in lines(crashed) if "pack" in line.step]
    assert sorted(packed) == [("step:pack#1", 1, 1), ("step:pack#2", 1, 1)]
    assert (crashed.status, crashed.findings) == (Status.PASSED, ())


@pytest.mark.engine(name="prefect")
@pytest.mark.parametrize("last", [2, 3])
def test_tasks_keep_their_numbers_when_a_flow_before_them_has_finished_and_is_not_run_again(
    last: int, tmp_path: Path
) -> None:
    fault = f"crash@step:ship#{last}/before"
    scenario = Scenario.make(subject=f"{PREFECT}:parcels", engine="prefect", deps={"order": 3}, faults=fault)
    report = run(scenario, out=tmp_path)

    [crashed] = [one for one in report.runs if one.crashes]
    shipped = [(line.step, line.executed, line.re_executed) for line in lines(crashed) if "ship" in line.step]
    assert sorted(shipped) == [(f"step:ship#{number}", 1, 0) for number in (1, 2, 3)]
    assert (crashed.status, crashed.incarnations) == (Status.PASSED, 2)


@pytest.mark.engine(name="prefect")
def test_tasks_keep_their_numbers_when_a_task_before_them_that_asked_for_one_is_not_run_again(tmp_path: Path) -> None:
    fault = "crash@step:ship#2/before"
    scenario = Scenario.make(subject=f"{PREFECT}:errands", engine="prefect", deps={"order": 3}, faults=fault)
    report = run(scenario, out=tmp_path)

    [crashed] = [one for one in report.runs if one.crashes]
    shipped = {line.step: (line.executed, line.replayed) for line in lines(crashed) if "ship" in line.step}
    within = "step:hand_over#1.step:ship#1"
    assert shipped == {"step:ship#1": (1, 1), within: (1, 1), "step:ship#2": (1, 0)}
    assert (crashed.status, crashed.incarnations) == (Status.PASSED, 2)


@pytest.mark.engine(name="prefect")
def test_the_attempts_at_a_task_whose_result_nobody_keeps_are_one_step(tmp_path: Path) -> None:
    [report] = run(Scenario.make(subject=f"{PREFECT}:stubborn", engine="prefect", deps=3), out=tmp_path).runs

    assert [(line.step, line.executed) for line in lines(report)] == [("step:reach#1", 2), ("step:reach#2", 2)]


@pytest.mark.engine(name="prefect")
def test_tasks_whose_results_nobody_keeps_are_steps_without_a_record(tmp_path: Path) -> None:
    report = swept(f"{PREFECT}:careless", "prefect", tmp_path, deps=3)

    assert steps(report) == ["run", "step:ship#1", "step:ship#2"]
    assert errors(report)["step:ship#2/before"] == {("step:ship#1", "finished-ran-again")}
    [remedy] = {finding.remedy for finding in report.findings if finding.severity is Severity.ERROR}
    assert "have `ship` called in a task with `persist_result=True`" in remedy


OF_ITS_NEIGHBOUR = [
    pytest.param(DBOS, "OverDBOS", marks=pytest.mark.engine(name="dbos"), id="dbos"),
    pytest.param(PREFECT, "OverPrefect", marks=pytest.mark.engine(name="prefect"), id="prefect"),
]


@pytest.mark.parametrize(("module", "engine"), OF_ITS_NEIGHBOUR)
def test_an_engine_that_gives_a_step_the_record_of_another_is_not_excused_by_the_workflow(
    module: str, engine: str, tmp_path: Path
) -> None:
    engine, fault = f"tests.explore.neighbours:{engine}", "crash@step:ship#1/after"
    report = run(Scenario.make(subject=f"{module}:settle", engine=engine, faults=fault), out=tmp_path)

    [crashed] = [one for one in report.runs if one.crashes]
    told = {(finding.rule, finding.owner) for finding in crashed.findings if finding.severity is Severity.ERROR}
    assert told == {("output-differs", Owner.ENGINE)}


@pytest.mark.engine(name="dbos")
def test_a_workflow_may_be_named_by_its_file(tmp_path: Path) -> None:
    scenario = Scenario.make(subject="fixtures/workflows/dbos_orders.py:careless", engine="dbos")
    [report] = run(scenario, out=tmp_path).runs

    assert (report.status, report.incarnations) == (Status.PASSED, 1)


REFUSED = {
    "of another engine": (f"{DBOS}:settle", "journal", "'settle' is a DBOS workflow; run it under --engine dbos"),
    "without durability": (f"{PREFECT}:settle", "none", "'settle' is a Prefect flow; run it under --engine prefect"),
    "a step": (f"{DBOS}:reserve", "dbos", "'reserve' is a DBOS step, which is recovered with its workflow only"),
}


@pytest.mark.parametrize(("subject", "engine", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_what_an_engine_cannot_recover_is_not_run(subject: str, engine: str, says: str, tmp_path: Path) -> None:
    report = swept(subject, engine, tmp_path)

    assert says in str(report.engines[0].refused)
    assert (report.runs, report.status) == ((), Status.UNKNOWN)


@pytest.mark.engine(name="dbos")
def test_a_workflow_that_cannot_be_called_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^`parcels` needs order; give it as `--deps`, in JSON: --deps '\{\"order\": …\}'$"
    ):
        swept(f"{DBOS}:parcels", "dbos", tmp_path)
