"""A bug that needs no crash is one error of a sweep, and not one of each crash point."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Make, Ran

AGENT = """
    from pathlib import Path
    from pydantic_ai import Agent
    import harness

    agent = Agent("test", name="office")
    KEY = Path(__file__).parent / "key.txt"

    @agent.tool_plain
    def pay() -> str:
        harness.effect("transfer", key=KEY.read_text())
        return "paid"

    @agent.tool_plain
    def refund() -> str:
        harness.effect("transfer", key="one for all")
        return "refunded"
"""
TESTS = """
    from harness.pytest_plugin import durable_sweep

    test_swept = durable_sweep("office:agent", engine="journal")
    test_known = durable_sweep("office:agent", engine="journal", expected="failed")
    test_of_others = durable_sweep("office:agent", engine="journal", checks=["completion"])
    test_by_checks = durable_sweep("office:agent", engine="journal", checks=["idempotency_keys"])
    test_named = durable_sweep("office:agent", engine="journal", faults="crash@model#1", expected="failed")
"""
FILES = {"office.py": AGENT, "test_office.py": TESTS, "key.txt": "one for all"}


@pytest.fixture(scope="module")
def ran(project: Make) -> Ran:
    return project(FILES).pytest("-v", "-rfE")


def test_it_is_one_error_with_a_line_that_needs_no_fault(ran: Ran) -> None:
    told = ran.out.partition("ERROR at setup of test_swept[journal-baseline]")[2].partition("\n____")[0]

    assert "test_swept[journal-crash" not in ran.out
    assert "cannot be swept: without any fault, two different calls" in told
    assert "carry the same idempotency key 'one for all'" in told
    (replay,) = [line for line in told.splitlines() if line.startswith("replay: ")]
    assert replay.endswith("harness run office:agent --engine journal")


def test_what_is_expected_or_not_asked_for_is_swept(ran: Ran) -> None:
    for name in ("test_known", "test_of_others"):
        assert f"{name}[journal-crash@tool:pay#1/between] PASSED" in ran.out
        assert f"{name}[journal-baseline]" not in ran.out
    assert "test_named[journal-crash@model#1/before] PASSED" in ran.out
    assert ran.count("failed") == 0
    assert ran.count("error") == 2


def test_a_line_that_names_a_folder_names_one_that_can_be_replayed_and_shown(ran: Ran) -> None:
    told = ran.out.partition("ERROR at setup of test_by_checks[journal-baseline]")[2].partition("\n____")[0]
    folder = told.partition("replay: harness replay ")[2].splitlines()[0]

    assert {file.name for file in (ran.folder / folder).iterdir()} >= {"scenario.json", "journal.jsonl"}


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "workers"])
def test_what_mends_it_without_a_change_of_code_is_seen_by_the_next_session(
    project: Make, workers: tuple[str, ...]
) -> None:
    made = project(FILES)
    before = made.pytest("-q", "-k", "swept")
    made.write({"key.txt": "its own"})

    after = made.pytest("-q", "-k", "swept and before", *workers)

    assert (before.count("error"), before.count("passed")) == (1, 0), before.out
    assert (after.count("error"), after.count("passed")) == (0, 6), after.out
