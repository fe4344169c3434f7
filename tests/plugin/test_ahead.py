"""With `--durable-jobs 2` the next test's run is under way while one waits for its own; with one job it is not."""

from __future__ import annotations

from threading import Barrier
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.faults import FaultPlan
from harness.plugin.ahead import Ahead
from harness.plugin.cases import PARAMETER, Case
from harness.plugin.report import Report
from harness.scenario import Scenario

GROUND = Scenario(subject="shop:agent", engine="journal")


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def items(*cases: tuple[Scenario, str]) -> list[Any]:
    """Items of one session, in this order."""
    made: list[Any] = []
    for number, (ground, line) in enumerate(cases):
        plan = FaultPlan.parse(line)
        case = Case(ground.with_plan(plan), plan)
        call = SimpleNamespace(params={PARAMETER: case})
        made.append(SimpleNamespace(nodeid=str(number), callspec=call, session=SimpleNamespace(items=made)))
    return made


def reported(ahead: Ahead, item: Any, run: Any) -> Report:
    return ahead.report(item, item.callspec.params[PARAMETER], run)


def test_the_next_run_begins_before_the_first_has_ended_and_is_not_made_again() -> None:
    both = Barrier(2, timeout=60)  # which one run alone never passes
    begun: list[str] = []

    def run(case: Case) -> Report:
        begun.append(str(case.plan))
        both.wait()
        return cast("Report", case.id)

    first, second = items((GROUND, "crash@model#1/before"), (GROUND, "crash@model#1/after"))
    ahead = Ahead(2)
    try:
        said = [reported(ahead, item, run) for item in (first, second)]
    finally:
        ahead.close()

    assert said == ["journal-crash@model#1/before", "journal-crash@model#1/after"]
    assert sorted(begun) == ["crash@model#1/after", "crash@model#1/before"]


@pytest.mark.parametrize(
    ("jobs", "other"),
    [(1, GROUND), (2, GROUND.model_copy(update={"engine": "dbos"}))],
    ids=["one job", "a test on another bench"],
)
def test_nothing_else_runs_ahead(jobs: int, other: Scenario) -> None:
    begun: list[str] = []
    first, _second = items((GROUND, "crash@model#1/before"), (other, "crash@model#1/after"))
    ahead = Ahead(jobs)
    reported(ahead, first, lambda case: begun.append(case.id))
    if ahead._pool is not None:
        ahead._pool.shutdown(wait=True)  # whatever was begun shows

    assert begun == ["journal-crash@model#1/before"]
