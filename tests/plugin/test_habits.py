"""What people do with any other test they also do with durable ones: classes, parameters, xfail, warnings as errors."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Make, Project, Ran

TESTS = """
    import pytest
    from pydantic_ai import Agent
    from harness.pytest_plugin import durable_sweep

    POINT = "crash@model#1/after"
    own = Agent(name="own")

    @own.tool_plain
    def greet() -> str:
        return "hello"

    test_an_agent_of_the_test_file = durable_sweep(own, engine="journal", faults=POINT)

    class TestSwept:
        test_in_a_class = durable_sweep("shop:agent", engine="journal", faults=POINT)

    @pytest.mark.durable("shop:agent", engines=["none"], faults=POINT)
    class TestMarked:
        @pytest.mark.durable(engine="journal")
        def test_says_another_engine(self, durable):
            assert durable.report.passed

        @staticmethod
        def test_static():
            pass

    @pytest.mark.parametrize("n", [1, 2], ids=["[one]", "two words"])
    @pytest.mark.durable("shop:agent", engine="journal", faults=[POINT, POINT])
    def test_with_parameters(n, durable_engine, durable):
        assert (n, durable_engine, durable.fault) in [(1, "journal", POINT), (2, "journal", POINT)]

    @pytest.mark.xfail(reason="known", strict=True)
    @pytest.mark.durable("shop:agent", engine="none", faults="crash@model#2/before", tools={"charge": "once"})
    def test_known():
        pass
"""
STRICT = ("-W", "error", "--strict-markers", "--strict-config", "--import-mode=importlib", "--rootdir=.")
REPEATS = """
    from _pytest.runner import runtestprotocol

    def pytest_runtest_protocol(item, nextitem):
        runtestprotocol(item, nextitem=nextitem, log=False)
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            item.ihook.pytest_runtest_logreport(report=report)
        return True
"""
FOLDERS = """
    import pathlib
    import pytest

    @pytest.mark.durable("shop:agent", engine="journal", faults="crash@model#1/after")
    def test_repeated(durable):
        with pathlib.Path("folders").open("a") as told:
            print(durable.report.judged.folder, file=told)
"""


@pytest.fixture(scope="module")
def shop(project: Make) -> Project:
    return project({"tests/test_habits.py": TESTS})


@pytest.fixture(scope="module")
def ran(shop: Project) -> Ran:
    """One session that all tests below look at: warnings are errors, and so is whatever nobody has registered."""
    return shop.pytest("-v", *STRICT, "--durable-report=told", "tests")


@pytest.mark.parametrize(
    "test",
    [
        "test_an_agent_of_the_test_file[journal-crash@model#1/after] PASSED",
        "TestSwept::test_in_a_class[journal-crash@model#1/after] PASSED",
        "TestMarked::test_says_another_engine[journal-crash@model#1/after] PASSED",
        "TestMarked::test_static[none-crash@model#1/after] PASSED",
        "test_with_parameters[journal-crash@model#1/after-[one]] PASSED",
        "test_with_parameters[journal-crash@model#1/after-two words] PASSED",
        "test_known[none-crash@model#2/before] XFAIL",
    ],
)
def test_a_durable_test_is_like_any_other(ran: Ran, test: str) -> None:
    assert f"tests/test_habits.py::{test}" in ran.out


def test_nothing_warns_and_a_fault_that_is_named_twice_is_tried_once(ran: Ran) -> None:
    assert (ran.code, ran.count("passed"), ran.count("xfailed")) == (0, 6, 1), ran.out


def test_a_failure_that_pytest_expects_is_nothing_wrong_in_the_report(ran: Ran) -> None:
    runs = json.loads((ran.folder / "told" / "report.json").read_text())["runs"]

    assert {run["expected"] for run in runs if "test_known" in run["test"]} == {"failed"}
    assert "something is wrong" not in (ran.folder / "told" / "summary.md").read_text()


def test_a_sweep_is_an_error_and_no_pass_in_a_session_without_the_plugin(shop: Project, ran: Ran) -> None:
    without = shop.pytest("tests", "-k", "in_a_class or of_the", plugin=False)

    assert ran.code == 0
    assert without.count("errors") == 2, without.out
    assert "fixture 'durable_case' not found" in without.out


def test_a_cache_that_cannot_be_written_and_a_missing_terminal_stop_nothing(shop: Project, ran: Ran) -> None:
    file = shop.folder / "shop.py"
    quiet = shop.pytest("-o", f"cache_dir={file}/cache", "-p", "no:terminal", "--durable-report=quiet", "tests")

    assert ran.code == quiet.code == 0, quiet.out
    assert len(json.loads((shop.folder / "quiet" / "report.json").read_text())["runs"]) == 7


def test_a_plan_of_the_set_up_runs_nothing(shop: Project, ran: Ran) -> None:
    planned = shop.pytest("--setup-plan", "--durable-report=planned", "tests", "-k", "in_a_class")

    assert ran.code == planned.code == 0
    assert "TestSwept::test_in_a_class[journal-crash@model#1/after]" in planned.out
    assert not (shop.folder / "planned").exists()


def test_whoever_repeats_a_test_gets_another_run(project: Make) -> None:
    made = project({"conftest.py": REPEATS, "test_repeats.py": FOLDERS})

    assert made.pytest().code == 0
    assert len(set((made.folder / "folders").read_text().split())) == 2
