"""Tests that fail without a run to show for it are told in the summary for CI, and it does not say that all held."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import Make, Ran

AGENTS = """
    from pydantic_ai import Agent

    fine, broken = Agent("test", name="fine"), Agent("test", name="broken")

    @broken.tool_plain
    def charge() -> str:
        raise RuntimeError("no")
"""
TESTS = """
    import pytest
    from harness.pytest_plugin import durable_sweep

    FINE = {"subject": "agents:fine", "engine": "journal", "faults": "crash@model#1/after"}

    @pytest.fixture
    def leaking():
        yield
        raise OSError("still | open")

    test_held = durable_sweep(**FINE)
    test_broken = durable_sweep("agents:broken", engine="journal")
    test_no_such_step = durable_sweep(**{**FINE, "faults": "crash@model#77/after"})

    @pytest.mark.durable(**FINE)
    def test_of_its_own(durable):
        assert durable.report.lives == 7

    @pytest.mark.durable(**FINE)
    def test_after_which_something_leaks(durable, leaking):
        pass

    @pytest.mark.durable(**FINE)
    @pytest.mark.xfail
    def test_that_is_expected_to_fail(durable):
        assert durable.report.lives == 7

    @pytest.mark.retry_budget(3, subject="agents:nope")
    def test_budget():
        pass

    def test_that_is_none_of_ours():
        assert False
"""
WRONG = {
    "test_broken[journal-baseline]": ("error", "the run fails without any fault, in the body of `charge`"),
    "test_no_such_step[journal-crash@model#77/after]": ("error", "names 'model#77', which the fault-free run does not"),
    "test_of_its_own[journal-crash@model#1/after]": ("failed", "assert 2 == 7"),
    "test_after_which_something_leaks[journal-crash@model#1/after]": ("error", "OSError: still \\| open"),
    "test_budget": ("error", "'agents' has no 'nope'"),
}


@pytest.fixture(scope="module")
def ran(project: Make) -> Ran:
    files = {"agents.py": AGENTS, "test_shop.py": TESTS, "test_lost.py": "import no_such_module\n"}
    return project(files).pytest("--continue-on-collection-errors", "--durable-report", "told")


@pytest.fixture(scope="module")
def summary(ran: Ran) -> str:
    return (ran.folder / "told" / "summary.md").read_text("utf-8")


def test_the_headline_counts_them(summary: str) -> None:
    assert summary.startswith("## Durable tests: something is wrong (1 failed, 4 errors, 1 not collected)\n")


@pytest.mark.parametrize("test", WRONG)
def test_each_is_told_with_one_line_why(summary: str, test: str) -> None:
    outcome, why = WRONG[test]

    (line,) = [line for line in summary.splitlines() if f"`test_shop.py::{test}`" in line]
    assert line.startswith(f"- **{outcome}** ")
    assert why in line


def test_a_file_that_cannot_be_collected_may_have_had_any_test(summary: str) -> None:
    assert "- **not collected** `test_lost.py`: ImportError while importing" in summary


def test_what_held_or_was_expected_or_is_no_durable_test_is_not_among_them(summary: str) -> None:
    assert not [name for name in ("test_held", "expected_to_fail", "none_of_ours") if name in summary]
    assert summary.count("::") == len(WRONG)


def test_programs_are_told_what_became_of_every_test(ran: Ran) -> None:
    told = json.loads((ran.folder / "told" / "report.json").read_text("utf-8"))

    became = {test["test"].partition("::")[2]: test["outcome"] for test in told["tests"]}
    assert {name: outcome for name, outcome in became.items() if outcome in ("failed", "error")} == {
        name: outcome for name, (outcome, _why) in WRONG.items()
    }
    assert {outcome for name, outcome in became.items() if name not in WRONG} == {"passed", "xfailed"}
    assert list(told["uncollected"]) == ["test_lost.py"]
