"""The hooks that pytest calls for every test there is. Only a session that has a test of ours ever has them.

They would cost a suite of quick tests more than the plugin may: `harness.pytest_plugin` registers them when it collects
the first test that needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

import pytest

from harness.plugin import PROPERTIES, is_ours
from harness.plugin.options import asks_for_summary

SUMMARY = "harness.plugin.summary"
PHASES = ("setup", "call", "teardown")
"""Of a test in which a worker died, pytest-xdist reports none of these."""


class Hooks:
    """What happens to the tests of one session, also to those that workers of pytest-xdist ran."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if "harness.plugin.scenarios" in sys.modules:
            from harness.plugin.scenarios import grouped

            grouped(items)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        __tracebackhide__ = True
        if item.config.getoption("setupplan", default=False):
            return  # only to be shown
        if item.get_closest_marker("durable") is not None:
            from harness.plugin.running import set_up

            set_up(item)
        if item.get_closest_marker("retry_budget") is not None:
            from harness.plugin import auditing

            auditing.set_up(item)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        __tracebackhide__ = True
        if pyfuncitem.get_closest_marker("durable") is not None:
            from harness.plugin.running import judge

            judge(pyfuncitem)
        if pyfuncitem.get_closest_marker("retry_budget") is not None:
            from harness.plugin import auditing

            auditing.judge(pyfuncitem)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[object]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None and PROPERTIES in sys.modules:
            from harness.plugin.reproducing import attach

            attach(report, call.excinfo.value)
        if "harness.plugin.running" in sys.modules or is_ours(item):
            from harness.plugin.running import forget
            from harness.plugin.summary import annotate, shorten

            if report.when == "teardown":
                forget(item)
            annotate(item, report)
            shorten(report, call.excinfo)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "durable"):
            from harness.plugin.summary import take

            take(self._config, report)
        elif report.failed and report.when not in PHASES:
            from harness.plugin.summary import lose

            lose(self._config, report)

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str] | None:
        if "harness.plugin.report" not in sys.modules:
            return None
        from harness.plugin.comparing import compared

        return compared(op, left, right)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if "harness.plugin.session" in sys.modules:
            from harness.plugin.session import close

            close(session.config)
        if SUMMARY in sys.modules or asks_for_summary(session.config):
            from harness.plugin.summary import finish

            finish(session)

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        if SUMMARY in sys.modules:
            from harness.plugin.summary import show

            show(terminalreporter, config)
