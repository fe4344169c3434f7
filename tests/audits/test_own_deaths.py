"""The steps of a workflow of one's own, in each of which the process dies: what begins it again is counted."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from harness.audits.proof import _shared, proven
from harness.audits.rules import found
from harness.audits.wire import measuring
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import Failure, RetryLayer
from harness.scenario import Scenario
from tests.audits.reports import report

DBOS = """
from dbos import DBOS
from openai import OpenAI
from pydantic_ai import Agent
from fixtures.audit import clients

first, second = OpenAI(api_key="key", max_retries=0), OpenAI(api_key="key", max_retries=0)
planner = Agent(clients.openai(), name="planner")

@DBOS.step(retries_allowed=True, max_attempts=9)
def ask(order: int) -> None:
    for client in (first, second):
        client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "?"}])

@DBOS.step()
async def plan(order: int) -> str:
    return (await planner.run("plan")).output

@DBOS.step()
async def pack(order: int) -> str:
    return "packed"

@DBOS.workflow(max_recovery_attempts=1)
async def ship(order: int) -> None:
    await pack(1)

@DBOS.workflow(max_recovery_attempts=2)
async def settle(prompt: str) -> None:
    ask(1)
    await plan(1)
    await ship(1)

@DBOS.workflow()
async def usual(prompt: str) -> None:
    await pack(1)

@DBOS.workflow(max_recovery_attempts=1)
async def inner(prompt: str) -> None:
    await pack(1)

@DBOS.workflow(max_recovery_attempts=0)
async def outer(prompt: str) -> None:
    await inner("")
"""
TEMPORAL = """
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

@activity.defn(name="Reserve")
async def reserve(order: int) -> str:
    return "reserved"

@activity.defn
async def hurry(order: int) -> str:
    return "hurried"

@activity.defn
async def insist(order: int) -> str:
    return "insisted"

@workflow.defn
class Settle:
    @workflow.run
    async def run(self, prompt: str) -> None:
        try:
            await workflow.execute_activity(
                reserve, 1, start_to_close_timeout=timedelta(seconds=10), retry_policy=RetryPolicy(maximum_attempts=3)
            )
        except Exception:
            pass
        await workflow.execute_activity(
            hurry, 1, start_to_close_timeout=timedelta(seconds=25), schedule_to_close_timeout=timedelta(seconds=60)
        )
        await workflow.execute_activity(insist, 1, start_to_close_timeout=timedelta(seconds=20))
"""
DBOS_AGENTS = """
from dbos import DBOS
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from fixtures.audit import clients

plans = Agent(clients.openai(), name="plans", capabilities=[DBOSDurability()])
books = Agent(clients.openai(), name="books", capabilities=[DBOSDurability()])
ships = Agent(clients.openai(), name="ships", capabilities=[DBOSDurability()])

@DBOS.workflow(max_recovery_attempts=1)
async def ship(prompt: str) -> None:
    await ships.run(prompt)

@DBOS.workflow(max_recovery_attempts=2)
async def settle(prompt: str) -> None:
    await plans.run(prompt)
    await books.run(prompt)
    await ship(prompt)
"""
TEMPORAL_AGENTS = """
from datetime import timedelta
from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from pydantic_ai import Agent
    from pydantic_ai.durable_exec.temporal import PydanticAIWorkflow, TemporalDurability
    from fixtures.audit import clients

    THRICE = {"start_to_close_timeout": timedelta(seconds=20), "retry_policy": RetryPolicy(maximum_attempts=3)}
    plans = Agent(clients.openai(), name="plans", capabilities=[TemporalDurability(activity_config=THRICE)])
    ships = Agent(clients.openai(), name="ships", capabilities=[TemporalDurability(activity_config=THRICE)])

@workflow.defn
class Ship(PydanticAIWorkflow):
    __pydantic_ai_agents__ = [ships]

    @workflow.run
    async def run(self, prompt: str) -> None:
        await ships.run(prompt)

@workflow.defn
class Settle(PydanticAIWorkflow):
    __pydantic_ai_agents__ = [plans]

    @workflow.run
    async def run(self, prompt: str) -> None:
        await plans.run(prompt)
        await workflow.execute_child_workflow(Ship.run, prompt, retry_policy=RetryPolicy(maximum_attempts=2))
"""
PREFECT = """
from prefect import flow, task

@task(retries=3)
def ship(order: int) -> str:
    return "shipped"

@flow(retries=2, persist_result=True)
def settle(prompt: str) -> None:
    ship(1)
"""


def dying(tmp_path: Path, source: str, name: str, engine: str, **options: object) -> dict[str, UnitAudit]:
    """The units of a workflow in a module of this source, with their deaths alone, measured."""
    module = tmp_path / f"dying_{engine}.py"
    module.write_text(dedent(source))
    scenario = Scenario(subject=f"{module}:{name}", engine=engine, options=options)
    with measuring.open_wire(scenario, tmp_path) as bench:
        told = [UnitAudit.model_validate(unit) for unit in measuring.ask(bench)["units"]]
        few = [unit.model_copy(update={"cells": tuple(filter(_is_wanted, unit.cells))}) for unit in told]
        return {unit.unit: unit for unit in proven(few, bench)}


def _is_wanted(cell: Cell) -> bool:
    return cell.failure is Failure.CRASH


def died(units: dict[str, UnitAudit]) -> dict[str, tuple[str, int | None, str]]:
    """What was predicted and counted in each step, or why it was not."""
    cells = {name: unit.cell(Failure.CRASH) for name, unit in units.items() if name.startswith("step:")}
    return {name: (cell.chain, cell.counted, cell.unmeasured) for name, cell in cells.items() if cell is not None}


def rules(units: dict[str, UnitAudit]) -> set[tuple[str, str]]:
    return {(one.rule, one.unit) for one in found(report(*units.values()))}


def test_under_dbos_a_step_is_begun_again_as_often_as_its_workflow_whatever_retries_it_has(tmp_path: Path):
    units = dying(tmp_path, DBOS, "settle", "dbos")

    thrice = "3 (dbos recovery) = 3"
    once_for_both = "what is asked in one step dies with it: that is measured at the first unit of the step"
    assert died(units) == {
        "step:ask.first": (thrice, 3, ""),
        "step:ask.second": (thrice, None, once_for_both),
        "step:plan.planner.model": (thrice, 3, ""),
        "step:ship.pack": ("2 (dbos recovery) = 2", 2, ""),
    }
    assert {(rule, unit) for rule, unit in rules(units) if rule != "unknown-layer"} == {("few-recoveries", "run")}


def agents(units: dict[str, UnitAudit]) -> dict[str, tuple[str, int | None]]:
    """What was predicted and counted in the request with which each agent begins."""
    cells = {name: unit.cell(Failure.CRASH) for name, unit in units.items() if name.endswith(".model")}
    return {name: (cell.chain, cell.counted) for name, cell in cells.items()}


def test_under_dbos_each_agent_of_a_workflow_and_of_its_children_dies_in_its_first_request(tmp_path: Path):
    assert agents(dying(tmp_path, DBOS_AGENTS, "settle", "dbos")) == {
        "plans.model": ("3 (dbos recovery) = 3", 3),
        "books.model": ("3 (dbos recovery) = 3", 3),
        "ship.ships.model": ("2 (dbos recovery) = 2", 2),
    }


def test_under_temporal_each_agent_of_a_workflow_and_of_its_children_dies_in_its_first_request(tmp_path: Path):
    assert agents(dying(tmp_path, TEMPORAL_AGENTS, "Settle", "temporal", workflow_attempts=1)) == {
        "plans.model": ("3 (temporal activity) = 3", 3),
        "ships.model": ("3 (temporal activity) × 2 (temporal workflow of Ship) = 6", 6),
    }


def test_of_many_deaths_some_are_measured_and_no_budget_is_about_them(tmp_path: Path):
    units = dying(tmp_path, DBOS, "usual", "dbos")

    cell = units["step:pack"].cell(Failure.CRASH)
    assert (cell.predicted, cell.counted, cell.measured.capped, cell.agrees) == (101, 3, True, None)
    assert rules(units) == set()


def test_what_is_begun_again_after_the_run_has_ended_is_not_measured(tmp_path: Path):
    """DBOS does begin `inner` a second time, after it has given `outer` up."""
    units = dying(tmp_path, DBOS, "outer", "dbos")

    cell = units["step:inner.pack"].cell(Failure.CRASH)
    assert (cell.predicted, cell.counted) == (2, None)
    assert cell.unmeasured.startswith("the run ended before it")
    assert "prediction-differs" not in {rule for rule, _unit in rules(units)}


def test_under_temporal_a_death_costs_an_attempt_and_the_time_until_it_is_noticed(tmp_path: Path):
    units = dying(tmp_path, TEMPORAL, "Settle", "temporal", workflow_attempts=1)

    endless = "unlimited (temporal activity)"
    assert died(units) == {
        "step:reserve": ("3 (temporal activity) = 3", 3, ""),
        "step:hurry": (f"3 (temporal activity ends {endless} after 60 s) = 3", 3, ""),
        "step:insist": (f"{endless} = unlimited", 3, ""),
    }
    assert rules(units) == {("unlimited-retries", "step:insist"), ("past-deadline", "step:hurry")}


@pytest.mark.parametrize(("attempts", "measured", "bound"), [(1, 3, False), (2, 3, True)])
def test_what_tries_the_whole_again_need_not_hear_of_the_last_death(tmp_path: Path, attempts, measured, bound):
    cell = dying(tmp_path, TEMPORAL, "Settle", "temporal", workflow_attempts=attempts)["step:reserve"].cells[0]
    assert (cell.predicted, cell.counted, cell.bound, cell.is_below) == (3 * attempts, measured, bound, bound)


def test_under_prefect_a_person_has_to_begin_it_again(tmp_path: Path):
    by_nobody = "nothing begins it again by itself: a person has to"
    assert died(dying(tmp_path, PREFECT, "settle", "prefect")) == {"step:ship": ("1 (body) = 1", None, by_nobody)}


def test_steps_that_a_run_calls_the_same_are_measured_for_neither():
    one, other = (UnitAudit(unit=f"step:{name}.fetch", dies="step:fetch#1") for name in ("first", "second"))
    looping = RetryLayer(name="tenacity", kind="tool")
    twice = [UnitAudit(unit=f"step:label.{name}", step="step:label#1", layers=(looping,)) for name in ("one", "two")]
    assert set(_shared([one, other, *twice])) == {"step:fetch#1"}
