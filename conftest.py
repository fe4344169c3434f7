"""What every test may count on: the project's own markers, and pytest's tool for testing plugins.

With `HARNESS_REQUIRE=dbos,prefect,temporal`, as `make test` and the build set it, an engine that is missing ends the
session before it begins, and a test that is skipped fails: what was not tested must not look tested. Nor must a test
that failed before it passed look like one that passes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from typing import Any

import pytest

pytest_plugins = ["pytester"]

MARKERS = (
    "slow: takes seconds rather than milliseconds; `-m 'not slow'` leaves it out while you work",
    "engine(name=...): needs this engine's packages and, where it has one, its server",
)
REQUIRE = "HARNESS_REQUIRE"


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, so that a misspelt one is an error and not a test that silently runs."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    _hear_ctrl_c()


def _hear_ctrl_c() -> None:
    """Let what tests start be interrupted, also where a shell began this session in the background, `make test &`.

    Such a shell ignores Ctrl-C for all below it, and a test that sends one would wait for as long as it waits at most.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests: of two workers, neither is then left with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_sessionstart() -> None:
    """Refuse to begin without an engine that must be there."""
    names = [name.strip() for name in os.environ.get(REQUIRE, "").split(",") if name.strip()]
    if not names:
        return
    from harness.engines import registry

    missing = [f"{name}: {problem}" for name in names for problem in registry.load(name).problems({})]
    if missing:
        raise pytest.UsageError(f"{REQUIRE} names engines that cannot be used here:\n  " + "\n  ".join(missing))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how each test failed that was then run once more (`--reruns`): nobody may take it for one that passes."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"failed at first: {report.nodeid}", sep="-", red=True)
        terminalreporter.line(report.longreprtext)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let a skipped test fail where nothing may be missing."""
    report = yield
    if report.skipped and os.environ.get(REQUIRE) and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and {REQUIRE} says that nothing may be: {reason}"
    return report
