"""The same plan gives the same history, step by step, however often it is run and whatever the scheduler does."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from harness.faults import FaultPlan
from harness.history import History
from harness.journal import load
from harness.runner import open_bench
from harness.scenario import Scenario

TIMES = 20
TOLD_BY_THE_CLOCK = ("kind", "time", "pid")
SCRIPT = [
    {
        "calls": [
            {"call": "find_order", "args": {"order_id": "a"}},
            {"call": "charge", "args": {"order_id": "a", "cents": 5}},
            {"call": "charge", "args": {"order_id": "b", "cents": 6}},
        ]
    },
    "done",
]


def per_step(history: History) -> dict[str, list[Any]]:
    """Every event of a run under the step that it tells of; their order between steps is the scheduler's."""
    told: dict[str, list[Any]] = defaultdict(list)
    for event in history:
        values = {name: value for name, value in event.to_json().items() if name not in TOLD_BY_THE_CLOCK}
        values.pop("run", None)  # the run's own name
        told[str(values.pop("step", ""))].append((type(event).__name__, timeless(values)))
    return dict(told)


def timeless(value: Any) -> Any:
    """A value without the times that pydantic-ai puts into messages, and without its random ids."""
    if isinstance(value, dict):
        return {
            key: timeless(item) for key, item in value.items() if key not in ("timestamp", "run_id", "conversation_id")
        }
    return [timeless(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("plan", ["crash@tool:charge#1/between", "crash@tool:charge#2/after; crash@model#2/before~2"])
def test_a_plan_with_parallel_calls_is_run_twenty_times_alike(tmp_path: Path, plan: str) -> None:
    scenario = Scenario.make(subject="fixtures.agents.payments:agent", engine="journal", script=SCRIPT)
    with open_bench(scenario, tmp_path) as bench:
        baseline = load(bench.run(FaultPlan(), name="baseline") / "journal.jsonl")
        folders = [bench.run(FaultPlan.parse(plan), baseline=baseline) for _ in range(TIMES)]

    first, *others = (per_step(load(folder / "journal.jsonl")) for folder in folders)

    assert "tool:charge#2" in first
    for other in others:
        assert other == first
