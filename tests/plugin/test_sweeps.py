"""A marked function becomes a test for each crash point; what passes, what fails, and what a person is told."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from tests.plugin.conftest import Make, Project, Ran

TESTS = """
    import pytest
    from harness.pytest_plugin import durable_sweep

    KEYED = {"charge": "keyed:order_id"}


    @pytest.mark.durable("shop:agent", engine="journal", tools=KEYED)
    def test_payments(durable):
        durable.report.effects("charge").once()
        assert durable.engine == "journal"
        assert durable.fault.startswith("crash@")


    @pytest.mark.durable(subject="shop:agent", engine="none", tools={"charge": "once"}, faults="crash@model#2/before")
    def test_without_an_engine():
        raise RuntimeError("not reached: the run has failed already")


    @pytest.mark.durable(
        subject="shop:agent",
        engine="none",
        tools={"charge": "once"},
        faults=["crash@model#2/before", "crash@model#1/before"],
        expected={"crash@model#2/*": "failed"},
    )
    def test_a_known_limitation():
        pass


    test_quiet = durable_sweep("shop:agent", engine="journal", faults="crash@model#1/after")


    def test_questions(durable):
        report = durable.run("crash@model#2/before", subject="shop:agent", tools=KEYED)
        report.assert_passed()
        report.effects("charge").once().times(1)
        assert report.replayed("model#1")
        assert not report.replayed("model#2")
        assert report.attempts("tool:charge#1") == 1
        assert report.output == durable.run(subject="shop:agent", tools=KEYED).output
        assert report.lives == 2
        assert report.error is None
        assert durable.steps(subject="shop:agent") == ("run", "model#1", "tool:charge#1", "model#2")


    def test_a_difference(durable):
        twice = durable.run("crash@tool:charge#1/between", subject="shop:agent")
        assert twice == durable.run("crash@tool:charge#1/before", subject="shop:agent")


    def test_an_assertion(durable):
        durable.run("crash@model#2/before", subject="shop:agent", engine="none").assert_passed()


    def test_a_step_that_is_not_there(durable):
        durable.run(subject="shop:agent").attempts("tool:chrge#1")


    def test_a_fault_that_is_not_there(durable):
        durable.run("crash@tool:chrge#1/before", subject="shop:agent")


    @pytest.mark.durable("shop:agent", faults="2*error(503)@model#1", tools=KEYED, expected="failed")
    def test_an_outage(durable):
        assert "503" in durable.report.error
"""


@pytest.fixture(scope="module")
def shop(project: Make) -> Project:
    return project({"test_shop.py": TESTS})


@pytest.fixture(scope="module")
def ran(shop: Project) -> Ran:
    """One session that all tests below look at."""
    return shop.pytest("-v", "--durable-report", "told", "--junitxml=junit.xml", "--durable-jobs=2")


def test_each_crash_point_is_a_test_whose_id_is_the_fault_line(ran: Ran) -> None:
    points = [f"{step}/{window}" for step in ("run", "model#1", "tool:charge#1", "model#2")
              for window in ("before", "between", "after")]  # fmt: skip

    for point in points:
        assert f"test_shop.py::test_payments[journal-crash@{point}] PASSED" in ran.out


def test_a_failed_run_fails_its_test_before_the_body(ran: Ran) -> None:
    assert "test_without_an_engine[none-crash@model#2/before] FAILED" in ran.out
    assert "not reached" not in ran.out


def test_a_failure_shows_lives_finding_owner_remedy_and_the_line_that_does_it_again(ran: Ran) -> None:
    told = section(ran, "test_without_an_engine")

    assert "life 1" in told
    assert "life 2" in told
    assert "<- TWICE" in told
    assert "who:    configuration" in told
    assert "do:     run the agent under a durable engine" in told
    assert "replay: harness run shop:agent --engine none --fault 'crash@model#2/before' --tools charge=once" in told


@pytest.mark.parametrize("test", ["test_without_an_engine", "test_an_assertion", "test_a_step_that_is_not_there"])
def test_no_frame_of_the_harness_is_in_a_traceback(ran: Ran, test: str) -> None:
    told = section(ran, test)

    assert "harness/plugin" not in told
    assert "harness/runner" not in told
    assert "traceback entries are hidden" not in told


def test_an_expected_failure_passes(ran: Ran) -> None:
    assert "test_a_known_limitation[none-crash@model#2/before] PASSED" in ran.out
    assert "test_a_known_limitation[none-crash@model#1/before] PASSED" in ran.out
    assert "test_an_outage[journal-2*error(503)@model#1] PASSED" in ran.out


def test_a_sweep_without_a_body_is_a_test_of_the_module_that_makes_it(ran: Ran) -> None:
    assert "test_shop.py::test_quiet[journal-crash@model#1/after] PASSED" in ran.out


def test_a_report_answers_questions(ran: Ran) -> None:
    assert "test_questions PASSED" in ran.out


def test_unequal_reports_are_told_apart_by_what_can_be_seen(ran: Ran) -> None:
    told = section(ran, "test_a_difference")

    assert "attempts('tool:charge#1'):" in told
    assert "left:  2" in told
    assert "right: 1" in told


def test_a_question_about_a_step_that_is_not_there_names_the_nearest(ran: Ran) -> None:
    assert "did you mean 'tool:charge#1'?" in section(ran, "test_a_step_that_is_not_there")


def test_a_fault_at_a_step_that_is_not_there_names_the_nearest(ran: Ran) -> None:
    assert "Did you mean 'tool:charge#1'" in section(ran, "test_a_fault_that_is_not_there")


def test_the_summary_counts_runs_crashes_and_crash_points(ran: Ran) -> None:
    told = ran.out.partition("= durable =")[2]

    assert "23 runs, 20 crashes" in told
    assert "crash points: 14 of 20 tried (70 %)" in told
    assert "error: tool:charge of shop:agent under none (2 runs)" in told
    assert "as expected though not passed: 2" in told


def test_the_report_folder_has_a_summary_for_ci_and_every_run_folder(ran: Ran) -> None:
    content = json.loads((ran.folder / "told" / "report.json").read_text())
    summary = (ran.folder / "told" / "summary.md").read_text()

    assert summary.startswith("## Durable tests: something is wrong")
    assert "| `shop:agent` | none | 2 of 8 |" in summary
    assert all((ran.folder / run["folder"] / "journal.jsonl").exists() for run in content["runs"])


def test_junit_has_the_engine_the_fault_and_the_replay_line(ran: Ran) -> None:
    cases = {case.get("name"): case for case in ET.parse(ran.folder / "junit.xml").iter("testcase")}
    case = cases["test_without_an_engine[none-crash@model#2/before]"]
    said = {each.get("name"): each.get("value") for each in case.iter("property")}

    assert said["durable_engine"] == "none"
    assert said["durable_fault"] == "crash@model#2/before"
    assert str(said["durable_replay"]).startswith("harness run shop:agent")
    (failure,) = case.iter("failure")
    assert "\n" not in str(failure.get("message"))
    assert "replay: harness run shop:agent" in str(failure.text)


def section(ran: Ran, test: str) -> str:
    """What pytest printed of one failure."""
    parts = ran.out.split("\n_____")
    return next(part for part in parts if test in part.splitlines()[0])
