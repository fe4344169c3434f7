"""`expected` says what a fault must come to: the fault as a person writes it, or a glob over faults."""

from __future__ import annotations

import pytest

from harness.faults import NO_FAULT, FaultPlan
from harness.plugin.marker import Wanted
from harness.scenario import Scenario
from harness.verdict import Status
from tests.plugin.conftest import Make

CHARGE, DELETE, BOTH = (
    "crash@tool:charge#1/between",
    "crash@tool:löschen#1/between",
    "crash@model#1/after;crash@*/before",
)
RUNS = """
    from harness.pytest_plugin import durable_sweep

    AGENT = {"subject": "shop:agent", "tools": {"charge": "once"}}
    FAULT = "2*error(503)@model#1/before;crash@model#2"

    test_swept = durable_sweep(**AGENT, engine="none", faults=FAULT, expected={FAULT: "failed"})


    def test_under_another_engine_than_the_tests_own(durable):
        assert durable.engine == "journal"
        durable.run("crash@model#2", **AGENT, engine="none", expected={"none:crash@model#2": "failed"})
        durable.run("crash@model#2", **AGENT, engine="none", expected={"journal:*": "passed", "*": "failed"})
"""


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (CHARGE, CHARGE),
        (DELETE, DELETE),
        ("crash@tool:l%C3%B6schen#1/between", DELETE),
        ("dbos:crash@tool:docs.search#1/after", "crash@tool:docs%2Esearch#1/after"),
        ("crash@model#2", "crash@model#2/before"),
        ("dbos:crash@model#2", "crash@model#2"),
        ("1*error(503)@model#1/before~1", "error(503)@model#1"),
        (BOTH, BOTH),
        ("crash@model#1/after ;crash@*/before", BOTH),
        ("*", "no fault"),
        ("*", CHARGE),
        ("crash@tool:*", CHARGE),
        ("crash@tool:lösch*", DELETE),
        ("crash@tool:l%C3%B6*", DELETE),
        ("dbos:crash@tool:lösch*", DELETE),
        ("dbos:*", CHARGE),
        ("dbos-crash@*", CHARGE),
        ("*/before", BOTH),
        ("crash@model#1/after; *", BOTH),
    ],
)
def test_an_entry_fits_a_fault_in_whatever_spelling_it_is_written(entry: str, fault: str) -> None:
    assert expected(entry, fault) is Status.FAILED


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("crash@model#2/after", "crash@model#2"),
        (f"journal:{CHARGE}", CHARGE),
        ("journal:crash@*", CHARGE),
        ("crash@tool:b*", CHARGE),
        ("crash@model#1/after", BOTH),
    ],
)
def test_an_entry_for_something_else_does_not_fit(entry: str, fault: str) -> None:
    assert expected(entry, fault) is Status.PASSED


def test_an_entry_may_name_an_engine_by_the_path_of_its_class() -> None:
    assert expected(f"theirs:Engine:{CHARGE}", CHARGE, "theirs:Engine") is Status.FAILED
    assert expected("theirs:Engine:crash@*", CHARGE, "theirs:Engine") is Status.FAILED


def test_the_first_entry_that_fits_counts() -> None:
    both = {"crash@model#2": Status.FAILED, "crash@*": Status.UNKNOWN}
    made = Wanted("here", Scenario(subject="-"), ("dbos",), expected=both)

    assert made.expectation("dbos", FaultPlan.parse("crash@model#2/before")) is Status.FAILED
    assert made.expectation("dbos", FaultPlan.parse("crash@model#1/before")) is Status.UNKNOWN


def test_runs_are_judged_by_what_is_expected_of_them_under_their_own_engine(project: Make) -> None:
    ran = project({"test_runs.py": RUNS}).pytest()

    assert (ran.count("passed"), ran.count("failed")) == (2, 0), ran.out


UNMET = """
    import pytest
    from harness.pytest_plugin import durable_sweep

    FAULTS = ["crash@model#1", "crash@model#2"]
    GONE = {"crash@tool:chrage#1/between": "failed"}
    KEYWORDS = {"engines": ["journal", "none"], "faults": FAULTS}
    RIGHT = {"crash@model#1": "passed", "none:*#2/*": "failed"}

    test_for_another_engine = durable_sweep("shop:agent", expected={**RIGHT, "dbos:*": "failed"}, **KEYWORDS)

    @pytest.mark.durable("shop:agent", expected={**RIGHT, **GONE}, **KEYWORDS)
    class TestSeveral:
        test_of_which_one_may_have_it = durable_sweep()
"""
MISTAKEN = """
    import pytest
    from harness.pytest_plugin import durable_sweep

    {mark}
    def test_it({fixture}):
        pass
"""


def test_what_is_expected_of_runs_that_others_may_have_is_a_warning(project: Make) -> None:
    ran = project({"test_runs.py": UNMET}).pytest()

    told = ran.out.partition("= warnings summary =")[2]
    assert (ran.count("passed"), ran.count("warning")) == (8, 2), ran.out
    assert "nothing that it runs is 'crash@tool:chrage#1/between' of `expected`" in told
    assert "nothing that it runs is 'dbos:*'" in told


def test_what_a_test_expects_of_runs_that_there_are_not_is_a_mistake_of_it(project: Make) -> None:
    globs = ("crash@tol:*", "journal:crash@tol:*", "*/befroe")
    named = {f"{fixture}_{place}": (fixture, glob) for fixture in ("", "durable") for place, glob in enumerate(globs)}
    keywords = "engine='journal', faults='crash@model#1', expected={{'*#1/*': 'passed', {glob!r}: 'failed'}}"
    mark = f"@pytest.mark.durable('shop:agent', {keywords})"
    files = {
        f"test_{name}.py": MISTAKEN.format(mark=mark.format(glob=glob), fixture=fixture)
        for name, (fixture, glob) in named.items()
    }
    swept = {"test_swept.py": MISTAKEN.format(mark="@pytest.mark.durable('shop:agent', expected=X)", fixture="")}
    swept = {name: text.replace("=X", "={'crash@tol:*': 'failed'}") for name, text in swept.items()}

    ran = project({**files, **swept}).pytest("--collect-only", "-q")

    for name, (_fixture, glob) in {**named, "swept": ("", "crash@tol:*")}.items():
        assert f"on test_{name}.py::test_it: nothing that it runs is {glob!r} of `expected`" in ran.out


def expected(entry: str, fault: str, engine: str = "dbos") -> Status:
    plan = NO_FAULT if fault == str(NO_FAULT) else FaultPlan.parse(fault)
    made = Wanted("here", Scenario(subject="-"), (engine,), expected={entry: Status.FAILED})
    return made.expectation(engine, plan)
