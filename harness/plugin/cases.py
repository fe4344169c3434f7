"""One test of a sweep as a value: what is run, what it must come to; and how it is run for a pytest item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.explore.plans import Cell
from harness.faults import FaultPlan
from harness.plugin.maps import CrashMap
from harness.scenario import Expected, Scenario
from harness.verdict import Status

PARAMETER = "durable_case"


@dataclass(frozen=True)
class Case:
    """One engine and one fault of a test. Without a plan there is nothing to run, and `map` says why."""

    scenario: Scenario
    plan: FaultPlan | None
    cell: Cell | None = None
    expected: Expected = Status.PASSED
    map: CrashMap | None = None
    replay: str | None = None
    """The line that does it again, where it is another than the scenario's own values give."""

    @property
    def engine(self) -> str:
        return self.scenario.engine

    @property
    def id(self) -> str:
        """The engine and the fault line: what pytest shows in brackets."""
        if self.plan is not None:
            return f"{self.engine}-{self.plan}"
        return f"{self.engine}-{'baseline' if self.map and self.map.problem else 'missing'}"

    def __repr__(self) -> str:
        return self.id


def case_of(item: Any) -> Case | None:
    """The case of a test item, None if it is no durable test."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    found = params.get(PARAMETER, getattr(item, "durable_case", None))
    return found if isinstance(found, Case) else None


def is_marked(item: pytest.Item) -> bool:
    """Whether somebody wants this item to be a durable test."""
    return item.get_closest_marker("durable") is not None
