"""Agents and steps that a workflow asks one after the other: each is measured, whatever would fail before it."""

from __future__ import annotations

from collections.abc import Sequence
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


WANTED = (F.UNAVAILABLE, F.INVALID_OUTPUT)


def cells(
    tmp_path: Path, source: str, name: str, engine: str, wanted: Sequence[Failure] = WANTED, **options: object
) -> dict[tuple[str, Failure], Cell]:
    """The measured cells of these classes of failure, in a module of this source."""
    module = tmp_path / f"in_turn_{engine}.py"
    module.write_text(dedent(CLIENTS) + dedent(source))
    scenario = Scenario(subject=f"{module}:{name}", engine=engine, options=options)
    with measuring.open_wire(scenario, tmp_path) as bench:
        told = [UnitAudit.model_validate(unit) for unit in measuring.ask(bench)["units"]]
        cells = (tuple(cell for cell in unit.cells if cell.failure in wanted) for unit in told)
        few = [unit.model_copy(update={"cells": some}) for unit, some in zip(told, cells, strict=True)]
        proof = proven(few, bench)
    return {(unit.unit, cell.failure): cell for unit in proof for cell in unit.cells}


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
    twin = Agent(first.model, name="twin", capabilities=[DBOSDurability()])

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

    @DBOS.workflow()
    async def ask_again(prompt: str) -> None:
        try:
            await first.run(prompt)
        except Exception:
            await twin.run(prompt)
"""


def test_a_step_that_stands_in_for_another_is_measured_where_that_fails(tmp_path: Path):
    found = cells(tmp_path, STANDING_IN, "sell", "dbos")
    counts = {unit: cell.counted for (unit, _failure), cell in found.items()}
    assert counts == {"step:bill.client": 8, "step:spare.client": 4}


def test_an_agent_that_only_stands_in_for_another_is_measured_by_its_client(tmp_path: Path):
    found = cells(tmp_path, STANDING_IN, "ask", "dbos")
    assert (found["first.model", F.UNAVAILABLE].counted, found["second.model", F.UNAVAILABLE].counted) == (1, 2)


def test_an_agent_that_only_stands_in_for_one_with_the_same_client_is_not_measured_and_says_so(tmp_path: Path):
    found = cells(tmp_path, STANDING_IN, "ask_again", "dbos")
    assert found["first.model", F.UNAVAILABLE].counted == 1
    assert found["twin.model", F.UNAVAILABLE].unmeasured == "the run never came to this: its code went another way"


TELLING = """
    @DBOS.step(retries_allowed=True, max_attempts=2)
    async def ask(prompt: str) -> str:
        return await told()

    @DBOS.workflow()
    async def sell(prompt: str) -> str:
        return await ask(prompt)

    asker = Agent("openai:gpt-5", name="asker")

    @asker.tool_plain
    async def look() -> str:
        return await told()
"""
"""What is told by hand, in a step and in a tool."""
BY_HAND = (
    """
    from anthropic import AsyncAnthropic
    from dbos import DBOS
    from openai import APIError

    spare = AsyncAnthropic(api_key="sk-fixture", max_retries=1)

    async def told() -> str:
        try:
            said = await client.responses.create(model="gpt-5", input="")
        except APIError:
            return (await spare.messages.create(model="claude", max_tokens=9, messages=[])).content[0].text
        return said.output_text
"""
    + TELLING
)
IN_A_BODY = (F.UNAVAILABLE, F.INVALID_RESPONSE)


def test_a_client_that_stands_in_for_another_is_measured_though_that_takes_what_comes_for_an_answer(tmp_path: Path):
    found = cells(tmp_path, BY_HAND, "sell", "dbos", IN_A_BODY)
    assert {place: cell.counted for place, cell in found.items() if place[1] in IN_A_BODY} == {
        ("step:ask.client", F.UNAVAILABLE): 8,
        ("step:ask.client", F.INVALID_RESPONSE): 2,
        ("step:ask.spare", F.UNAVAILABLE): 4,
        ("step:ask.spare", F.INVALID_RESPONSE): 2,
    }


def test_clients_of_one_tool_are_told_apart_by_their_hosts(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-fixture")
    found = cells(tmp_path, BY_HAND, "asker", "none", IN_A_BODY)
    counts = {place: cell.counted for place, cell in found.items() if place[0].startswith("tool:look.")}
    assert counts == {
        ("tool:look.client", F.UNAVAILABLE): 4,
        ("tool:look.client", F.INVALID_RESPONSE): 1,
        ("tool:look.spare", F.UNAVAILABLE): 2,
        ("tool:look.spare", F.INVALID_RESPONSE): 1,
    }


ONE_HOST = (
    """
    from dbos import DBOS
    from openai import APIError

    spare = AsyncOpenAI(api_key="sk-fixture", max_retries=1)

    async def told() -> str:
        try:
            said = await client.responses.create(model="gpt-5", input="")
        except APIError:
            said = await spare.responses.create(model="gpt-5", input="")
        return said.output_text
"""
    + TELLING
)


@pytest.mark.parametrize(
    ("name", "engine", "place", "attempts"),
    [("sell", "dbos", "step:ask", 2), ("asker", "none", "tool:look", 1)],
    ids=["in a step", "in a tool"],
)
def test_two_clients_of_one_host_are_told_apart(tmp_path: Path, monkeypatch, name, engine, place, attempts):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-fixture")
    wanted = (F.REFUSED, F.INVALID_RESPONSE)
    found = cells(tmp_path, ONE_HOST, name, engine, wanted)
    assert {which: cell.counted for which, cell in found.items() if which[0].startswith(place)} == {
        (f"{place}.client", F.REFUSED): 4 * attempts,
        (f"{place}.client", F.INVALID_RESPONSE): attempts,
        (f"{place}.spare", F.REFUSED): 2 * attempts,
        (f"{place}.spare", F.INVALID_RESPONSE): attempts,
    }
