"""The same plan gives the same history, step by step, however often it is run and whatever the scheduler does."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from harness.faults import FaultPlan
from harness.journal import load
from harness.runner import open_bench
from harness.scenario import Scenario

TIMES = 20
TOLD_BY_THE_CLOCK = ("kind", "time", "pid")
RANDOM = ("timestamp", "run_id", "conversation_id")
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


def per_step(folder: Path) -> dict[str, list[Any]]:
    """Every event of a run under the step that it tells of; their order between steps is the scheduler's."""
    told: dict[str, list[Any]] = defaultdict(list)
    for event in load(folder / "journal.jsonl"):
        values = {name: value for name, value in event.to_json().items() if name not in TOLD_BY_THE_CLOCK}
        values = alike(values, folder.name)
        told[str(values.pop("step", ""))].append((type(event).__name__, values))
    return dict(told)


def alike(value: Any, run: str) -> Any:
    """A value without pydantic-ai's times and random ids, and without the run's own name and what makes it unique."""
    if isinstance(value, dict):
        return {key: alike(item, run) for key, item in value.items() if key not in RANDOM}
    if isinstance(value, list):
        return [alike(item, run) for item in value]
    return re.sub(rf"{run}(-[0-9a-f]{{12}})?", "this run", value) if isinstance(value, str) else value


CRASHES = "crash@tool:charge#2/after; crash@model#2/before~2"
CASES = {
    "journal, one crash": ("journal", "crash@tool:charge#1/between"),
    "journal, two crashes": ("journal", CRASHES),
    "dbos, two crashes": ("dbos", CRASHES),
}


@pytest.mark.parametrize(("engine", "plan"), CASES.values(), ids=CASES)
def test_a_plan_with_parallel_calls_is_run_twenty_times_alike(tmp_path: Path, engine: str, plan: str) -> None:
    scenario = Scenario.make(subject="fixtures.agents.payments:agent", engine=engine, script=SCRIPT)
    with open_bench(scenario, tmp_path) as bench:
        baseline = load(bench.run(FaultPlan(), name="baseline") / "journal.jsonl")
        folders = [bench.run(FaultPlan.parse(plan), baseline=baseline) for _ in range(TIMES)]

    first, *others = map(per_step, folders)

    assert "tool:charge#2" in first
    for other in others:
        assert other == first


WRITES_SLOWLY = """
import time
from dbos._sys_db import SystemDatabase
from fixtures.agents.payments import agent

written = SystemDatabase.update_workflow_outcome

def update_workflow_outcome(*given, **named):
    answer = written(*given, **named)
    time.sleep(0.3)
    return answer

SystemDatabase.update_workflow_outcome = update_workflow_outcome
"""


@pytest.mark.engine(name="dbos")
def test_a_crash_after_the_last_commit_strikes_a_life_whose_caller_has_read_the_result(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(WRITES_SLOWLY)
    scenario = Scenario.make(subject=f"{tmp_path / 'slow.py'}:agent", engine="dbos", script=SCRIPT)
    plan = FaultPlan.parse("crash@model#2/before; crash@run/after")

    with open_bench(scenario, tmp_path / "runs") as bench:
        history = load(bench.run(plan) / "journal.jsonl")

    assert [fired.fault for fired in history.fired] == [str(fault) for fault in plan.faults]
