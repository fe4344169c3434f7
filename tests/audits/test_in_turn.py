"""Agents and steps that a workflow asks one after the other: each is measured, whatever would fail before it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from harness.audits.proof import proven
from harness.audits.wire import measuring
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import Failure
from harness.scenario import Scenario

F = Failure

CLIENTS = """
    from openai import AsyncOpenAI
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(api_key="sk-fixture", max_retries=3)

    def agent(name, sdk, output, **engine):
        provider = OpenAIProvider(openai_client=AsyncOpenAI(api_key="sk-fixture", max_retries=sdk))
        model = OpenAIChatModel("gpt-5", provider=provider)
        return Agent(model, name=name, output_type=int, retries={"output": output}, **engine)
"""
DBOS = """
    from dbos import DBOS
    from pydantic_ai.durable_exec.dbos import DBOSDurability

    def durable(attempts):
        return [DBOSDurability(model_step_config={"retries_allowed": True, "max_attempts": attempts})]

    first = agent("first", 0, 1, capabilities=durable(2))
    second = agent("second", 1, 3, capabilities=durable(3))

    @DBOS.step(retries_allowed=True, max_attempts=2)
    async def bill(total: int) -> None:
        await client.models.list()

    @DBOS.workflow()
    async def sell(prompt: str) -> None:
        found = await first.run(prompt)
        await bill((await second.run(str(found.output))).output)
"""
PREFECT = """
    from prefect import flow, task
    from pydantic_ai.durable_exec.prefect import PrefectAgent

    first = PrefectAgent(agent("first", 0, 1), model_task_config={"retries": 1})
    second = PrefectAgent(agent("second", 1, 3), model_task_config={"retries": 2})

    @task(retries=1)
    async def bill(total: int) -> None:
        await client.models.list()

    @flow
    async def sell(prompt: str) -> None:
        found = await first.run(prompt)
        await bill((await second.run(str(found.output))).output)
"""
TEMPORAL = """
    from datetime import timedelta

    from pydantic_ai.durable_exec.temporal import PydanticAIWorkflow, TemporalAgent, TemporalDurability
    from temporalio import activity, workflow
    from temporalio.common import RetryPolicy
    from temporalio.workflow import ActivityConfig

    def tried(attempts):
        return ActivityConfig(
            start_to_close_timeout=timedelta(seconds=60), retry_policy=RetryPolicy(maximum_attempts=attempts)
        )

    first = TemporalAgent(agent("first", 0, 1), activity_config=tried(2))
    second = agent("second", 1, 3, capabilities=[TemporalDurability(activity_config=tried(3))])

    @activity.defn
    async def bill(total: int) -> None:
        await client.models.list()

    @workflow.defn(sandboxed=False)
    class sell(PydanticAIWorkflow):
        __pydantic_ai_agents__ = [first, second]

        @workflow.run
        async def run(self, prompt: str) -> None:
            found = await first.run(prompt)
            total = (await second.run(str(found.output))).output
            await workflow.execute_activity(
                bill, total, start_to_close_timeout=timedelta(seconds=60), retry_policy=RetryPolicy(maximum_attempts=2)
            )
"""
COUNTS = {
    ("step:bill.client", F.UNAVAILABLE): (8, 8),
    ("first.model", F.UNAVAILABLE): (2, 2),
    ("first.run", F.INVALID_OUTPUT): (2, 2),
    ("second.model", F.UNAVAILABLE): (6, 6),
    ("second.run", F.INVALID_OUTPUT): (4, 4),
}


def cells(tmp_path: Path, source: str, name: str, engine: str, **options: object) -> dict[tuple[str, Failure], Cell]:
    """The measured cells of two classes of failure, in a module of this source."""
    module = tmp_path / f"in_turn_{engine}.py"
    module.write_text(dedent(CLIENTS) + dedent(source))
    scenario = Scenario(subject=f"{module}:{name}", engine=engine, options=options)
    with measuring.open_wire(scenario, tmp_path) as bench:
        told = [UnitAudit.model_validate(unit) for unit in measuring.ask(bench)["units"]]
        few = [unit.model_copy(update={"cells": tuple(filter(_is_wanted, unit.cells))}) for unit in told]
        proof = proven(few, bench)
    return {(unit.unit, cell.failure): cell for unit in proof for cell in unit.cells}


def _is_wanted(cell: Cell) -> bool:
    return cell.failure in (F.UNAVAILABLE, F.INVALID_OUTPUT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "engine", "options"),
    [(DBOS, "dbos", {}), (PREFECT, "prefect", {}), (TEMPORAL, "temporal", {"workflow_attempts": 1})],
    ids=["dbos", "prefect", "temporal"],
)
def test_what_is_asked_later_in_a_workflow_is_measured_by_itself(tmp_path, source, engine, options):
    found = cells(tmp_path, source, "sell", engine, **options)
    assert {place: (cell.predicted, cell.counted) for place, cell in found.items()} == COUNTS


STANDING_IN = """
    from dbos import DBOS
    from pydantic_ai.durable_exec.dbos import DBOSDurability

    first = agent("first", 0, 1, capabilities=[DBOSDurability()])
    second = agent("second", 1, 3, capabilities=[DBOSDurability()])

    @DBOS.step(retries_allowed=True, max_attempts=2)
    async def bill(total: int) -> None:
        await client.models.list()

    @DBOS.step()
    async def spare(total: int) -> None:
        await client.models.list()

    @DBOS.workflow()
    async def sell(prompt: str) -> None:
        try:
            await bill(1)
        except Exception:
            await spare(1)

    @DBOS.workflow()
    async def ask(prompt: str) -> None:
        try:
            await first.run(prompt)
        except Exception:
            await second.run(prompt)
"""


def test_a_step_that_stands_in_for_another_is_measured_where_that_fails(tmp_path: Path):
    found = cells(tmp_path, STANDING_IN, "sell", "dbos")
    counts = {unit: cell.counted for (unit, _failure), cell in found.items()}
    assert counts == {"step:bill.client": 8, "step:spare.client": 4}


def test_an_agent_that_only_stands_in_for_one_with_the_same_provider_is_not_measured_and_says_so(tmp_path: Path):
    found = cells(tmp_path, STANDING_IN, "ask", "dbos")
    assert found["first.model", F.UNAVAILABLE].counted == 1
    assert found["second.model", F.UNAVAILABLE].unmeasured == "the run never came to this: its code went another way"
