"""What became of the tests themselves: those that came to no run are in no count of runs, and must be told, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from harness.plugin import is_ours, may_crash
from harness.plugin.cases import case_of
from harness.plugin.session import desk_of
from harness.report.words import counted

SHOWING = ("collectonly", "setupplan", "showfixtures", "show_fixtures_per_test", "cacheshow")
"""Options of pytest that run no test."""
UNKNOWN: dict[str, Any] = {"durable": False, "subject": "", "engine": "", "map": "", "possible": 0}
"""What a test is of which nothing is known."""
REASONS = 3
"""So many reasons for skipping are told."""


def test_of(item: pytest.Item) -> dict[str, Any] | None:
    """What an item is, in plain values, None if it is none of ours. `possible` are the crash points of its sweep."""
    if not is_ours(item):
        return None
    case = case_of(item)
    told = UNKNOWN | {"durable": may_crash(item)}
    if case is not None and case.cell is not None:
        name, possible = desk_of(item.config).points(case.scenario)
        told |= {"subject": case.scenario.subject, "engine": case.engine, "map": name, "possible": possible}
    return told


def became(report: pytest.TestReport) -> dict[str, str]:
    """How one phase of a test ended, and why if it did not pass."""
    wrong = "failed" if report.when == "call" else "error"
    outcome = "xfailed" if report.skipped and hasattr(report, "wasxfail") else report.outcome
    return {"test": report.nodeid, "outcome": wrong if report.failed else outcome, "why": _why(report)}


def uncollected(config: pytest.Config) -> dict[str, str]:
    """What could not be collected, and why: nobody knows whether it has tests of ours."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    errors = reporter.stats.get("error", []) if reporter is not None else []
    return {each.nodeid: _why(each) for each in errors if isinstance(each, pytest.CollectReport)}


def is_wrong(test: dict[str, Any]) -> bool:
    """Whether a test did not come to what was expected of it."""
    return test["outcome"] in ("failed", "error")


def counts(tests: Iterable[dict[str, Any]], missed: int) -> list[str]:
    """`2 failed` and `1 error`, and how many files could not be collected; nothing if nothing is wrong."""
    found = [test["outcome"] for test in tests]
    failed, errors = found.count("failed"), found.count("error")
    said = {f"{failed} failed": failed, counted(errors, "error"): errors, f"{missed} not collected": missed}
    return [words for words, count in said.items() if count]


def untried(tests: Iterable[dict[str, Any]], runs: int) -> str:
    """Why no crash point was tried."""
    if runs:
        return f"none of {counted(runs, 'run')} is a crash point of a sweep"
    durable = [test for test in tests if test["durable"]]
    skipped = [test for test in durable if test["outcome"] == "skipped"]
    if not durable:
        return "no durable test was run"
    if len(skipped) == len(durable):
        reasons = list(dict.fromkeys(test["why"] for test in skipped))
        left = len(reasons) - REASONS
        shown = [*reasons[:REASONS], *([f"{left} more reasons"] if left > 0 else [])]
        all_of = f"all {len(durable)} durable tests were" if len(durable) > 1 else "the only durable test was"
        return f"{all_of} skipped ({'; '.join(shown)})"
    return "no durable test came to a run"


def _why(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The line that says it: of a skip its reason, else where pytest has its message."""
    told = report.longrepr
    if isinstance(told, tuple):
        return _line(told[2]).removeprefix("Skipped: ")
    crash = getattr(told, "reprcrash", None)
    return _line(crash.message if crash is not None else str(told or "")).removeprefix("Failed: ")


def _line(text: str) -> str:
    return text.strip().partition("\n")[0]
