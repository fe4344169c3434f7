"""An engine that is missing or refuses is told with its reason, and is an error where it is required."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Make, Project, Ran

ENGINES = """
    from harness.engines.journal.engine import JournalEngine

    class Missing(JournalEngine):
        name = "missing"

        def problems(self, options):
            return ["the package is not installed: pip install missing-engine"]

    class Dying(JournalEngine):
        name = "dying"

        def session(self, options, folder):
            raise RuntimeError("the server fell over")
"""
TESTS = """
    import pytest

    @pytest.mark.durable("shop:agent", engines=["theirs:Missing", "journal"], faults="crash@model#1/after")
    def test_chosen(durable):
        durable.report.assert_passed()

    @pytest.mark.durable("shop:agent", engine="theirs:Missing")
    def test_swept():
        pass

    @pytest.mark.durable("shop:agent", engine="theirs:Dying")
    def test_dies():
        pass

    def test_runs_under_it(durable):
        durable.run(subject="shop:agent", engine="theirs:Missing")

    def test_asks(durable, durable_engine):
        assert durable.run("crash@model#1/after", subject="shop:agent").engine == durable_engine
"""
REQUIRED = "--durable-require: a required engine cannot be used here: theirs:Missing: the package is not installed"
PICKY = """
    from harness.engines.base import Unsupported
    from harness.engines.journal.engine import JournalEngine
    from harness.engines.journal.worker import JournalWorker

    class Engine(JournalEngine):
        name = "picky"
        worker = "picky:Worker"

    class Worker(JournalWorker):
        def bind(self, case):
            return Unsupported("it sells")
"""
REFUSED = """
    import pytest

    @pytest.mark.durable("shop:agent", engine="picky:Engine")
    def test_swept():
        pass
"""
SCENARIO = """
    why: because it shows that a missing engine is told
    subject: shop:agent
    faults: crash@model#1/after
    expected: {journal: passed, theirs:Missing: passed, none: failed}
"""


@pytest.fixture(scope="module")
def shop(project: Make) -> Project:
    return project({"theirs.py": ENGINES, "test_shop.py": TESTS, "scenarios/missing.yaml": SCENARIO})


@pytest.fixture(scope="module")
def ran(shop: Project) -> Ran:
    return shop.pytest("-v", "-rs")


def test_an_engine_that_dies_in_collection_is_one_error_and_stops_no_other_test(ran: Ran) -> None:
    told = ran.out.partition("ERROR at setup of test_dies[theirs:Dying-baseline]")[2].partition("\n____")[0]

    assert "engine 'theirs:Dying' itself failed: RuntimeError: the server fell over" in told
    assert "theirs.py" in told
    assert "harness/" not in told
    assert ran.count("error") == 1


def test_a_missing_engine_is_a_skip_with_its_reason(ran: Ran) -> None:
    assert "test_swept[theirs:Missing-missing] SKIPPED" in ran.out
    assert "test_chosen[theirs:Missing-crash@model#1/after] SKIPPED" in ran.out
    assert "test_chosen[journal-crash@model#1/after] PASSED" in ran.out
    assert "test_runs_under_it SKIPPED" in ran.out
    assert "missing.yaml::theirs:Missing SKIPPED" in ran.out
    assert "missing: theirs:Missing: engine 'missing' cannot be used here: the package is not installed" in ran.out


def test_a_scenario_that_comes_to_something_else_says_what_was_expected_and_why_it_matters(shop: Project) -> None:
    ran = shop.pytest("scenarios", "-k", "none")

    assert ran.count("failed") == 1
    assert "missing.yaml:4 because it shows that a missing engine is told" in ran.out
    assert "crash@model#1/after under none: PASSED, and was expected to be failed" in ran.out
    assert "replay: harness run scenarios/missing.yaml --engine none" in ran.out


def test_scenarios_that_follow_each_other_are_run_engine_by_engine(project: Make) -> None:
    both = SCENARIO.replace(", theirs:Missing: passed", "")
    made = project({"scenarios/a.yaml": both, "scenarios/b.yaml": both, "test_z.py": "def test_z(): pass\n"})

    order = [line for line in made.pytest("--collect-only", "-q").out.splitlines() if "::" in line]

    files = [("a", "journal"), ("b", "journal"), ("a", "none"), ("b", "none")]
    assert order == [*(f"scenarios/{name}.yaml::{engine}" for name, engine in files), "test_z.py::test_z"]


def test_a_required_engine_that_is_missing_ends_the_session_with_one_sentence(shop: Project) -> None:
    ran = shop.pytest("--durable-require", "theirs:Missing")

    assert ran.code == pytest.ExitCode.INTERRUPTED
    assert ran.out.count(REQUIRED) == ran.count("error") == 1
    assert "harness/" not in ran.out


def test_workers_say_once_that_a_required_engine_is_missing(shop: Project) -> None:
    ran = shop.pytest("-n1", "--durable-require", "theirs:Missing", "test_shop.py")

    assert ran.code != pytest.ExitCode.OK
    told = ran.out.partition("= ERRORS =")[2].partition("short test summary")[0]
    assert told.count(REQUIRED) == ran.count("error") == 1
    assert "harness/" not in told
    assert "pluggy" not in told


def test_a_required_engine_that_refuses_the_subject_is_an_error(project: Make) -> None:
    made = project({"picky.py": PICKY, "test_shop.py": REFUSED})

    ran = made.pytest("--durable-require", "picky:Engine")

    assert ran.count("error") == 1
    assert "engine 'picky:Engine' is required: engine 'picky:Engine' does not take shop:agent: it sells" in ran.out
    assert "harness/" not in ran.out


def test_engines_can_be_chosen_for_a_session(shop: Project) -> None:
    ran = shop.pytest("-v", "--durable-engines", "journal")

    assert "theirs:Missing-" not in ran.out
    assert "test_swept[no-engine] SKIPPED" in ran.out
    assert "test_asks[journal] PASSED" in ran.out
    assert "missing.yaml::journal PASSED" in ran.out
