"""`--durable-jobs N`: while one test waits for its run, those of the next N-1 tests are under way.

Only tests on the same bench, and never more than N at a time, so that `-x` and Ctrl-C throw little work away. With
pytest-xdist the workers are the jobs, and nothing runs ahead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import takewhile

import pytest

from harness.plugin.cases import Case, case_of
from harness.plugin.report import Report

Run = Callable[[Case], Report]


class Ahead:
    """Runs the cases of a session a little before they are asked for."""

    def __init__(self, jobs: int) -> None:
        self._jobs = 1 if "PYTEST_XDIST_WORKER" in os.environ else jobs
        self._pool = ThreadPoolExecutor(self._jobs) if self._jobs > 1 else None
        self._begun: dict[str, Future[Report]] = {}

    def report(self, item: pytest.Item, case: Case, run: Run) -> Report:
        """The report of an item's case. Raises what its run raises."""
        if self._pool is None:
            return run(case)
        for other in [item, *self._next(item, case)]:
            found = case_of(other)
            if found is not None and other.nodeid not in self._begun:
                self._begun[other.nodeid] = self._pool.submit(run, found)
        return self._begun.pop(item.nodeid).result()

    def _next(self, item: pytest.Item, case: Case) -> list[pytest.Item]:
        """The items that come next and need the same processes."""
        items = item.session.items
        after = items[items.index(item) + 1 : items.index(item) + self._jobs]
        return list(takewhile(lambda other: _same_bench(case, case_of(other)), after))

    def close(self) -> None:
        """Begin nothing more. What is under way ends when its processes do."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def _same_bench(case: Case, other: Case | None) -> bool:
    if other is None or other.plan is None or other.map is not None:
        return False
    return case.scenario.with_plan(other.scenario.plan) == other.scenario
