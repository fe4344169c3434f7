"""What a function says to the model, of a failure of whom it asks: the model calls again, and each call asks again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from dbos import DBOS
from prefect import task
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.durable_exec.prefect import PrefectDurability
from pydantic_ai.durable_exec.temporal import TemporalDurability
from tenacity import retry, stop_after_attempt

from fixtures.audit import clients
from harness.audits import collect
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.engines.temporal import retries as temporal
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure
client = httpx.AsyncClient(timeout=5, base_url="https://search.example.com")


class Found(BaseModel):
    """What is looked for."""

    name: str


async def search(text: str) -> str:
    """Ask, and tell the model of a bad status."""
    try:
        answer = await client.get("/search")
        answer.raise_for_status()
    except httpx.HTTPStatusError as error:
        raise ModelRetry(f"search failed: {error}") from error
    return answer.text


async def fetch(text: str) -> str:
    """Ask, and tell the model of what was not found."""
    answer = await client.get("/fetch")
    if answer.status_code != 200:
        raise ModelRetry("try other words")
    return answer.text


async def look(text: str) -> str:
    """Ask, and take the answer to pieces."""
    answer = await client.get("/look")
    return Found.model_validate_json(answer.raise_for_status().text).name


@retry(stop=stop_after_attempt(2), reraise=True)
async def insist(text: str) -> str:
    """Ask, and tell whoever tries again."""
    return await search(text)


async def ask(text: str) -> str:
    """Ask, and tell nobody."""
    return (await client.get("/ask")).raise_for_status().text


@DBOS.step(retries_allowed=True, max_attempts=3, interval_seconds=0)
async def step(text: str) -> str:
    """Ask in a step, which makes an error of its own of the last one."""
    return await search(text)


@task(retries=2, retry_delay_seconds=0)
async def own_task(text: str) -> str:
    """Ask in a task, out of which everything is raised as it is."""
    return await search(text)


TOOLS = (search, fetch, look, insist, ask)


def agent_of(*tools: Any, **more: Any) -> Agent[None, str]:
    """An agent that is asked three times more."""
    return Agent(clients.openai(), name="again", tools=tools, retries=3, **more)


TASKS = {"retries": 2, "retry_delay_seconds": 0.0}
plain = agent_of(*TOOLS)
tasked = agent_of(*TOOLS, capabilities=[PrefectDurability(tool_task_config=TASKS)])
nested = agent_of(own_task, capabilities=[PrefectDurability()])
recorded = agent_of(step, capabilities=[DBOSDurability()])
activities = agent_of(*TOOLS, capabilities=[TemporalDurability()])


@plain.output_validator
async def checked(ctx: RunContext[None], output: str) -> str:
    """Ask about what the model says."""
    answer = await client.post("/check")
    if answer.status_code >= 400:
        raise ModelRetry("say something else")
    return output


def unit_of(agent: Any, layers: Any, name: str) -> UnitAudit:
    """One of an agent's units."""

    def engine(unit: Any) -> Any:
        return layers(agent, unit, {}) if layers else ()

    return {one.unit: one for one in collect.units_of(agent, engine)}[name]


@pytest.mark.parametrize(
    ("tool", "failure", "chain"),
    [
        ("search", F.UNAVAILABLE, "4 (agent) = 4"),
        ("search", F.REFUSED, "1 (httpx client) = 1"),  # which is another type of error
        ("fetch", F.BAD_REQUEST, "4 (agent) = 4"),
        ("look", F.INVALID_RESPONSE, "4 (agent) = 4"),
        ("look", F.UNAVAILABLE, "1 (httpx client) = 1"),
        ("insist", F.UNAVAILABLE, "2 (tenacity) × 4 (agent) = 8"),
        ("ask", F.INVALID_RESPONSE, "1 (httpx client) = 1"),
    ],
)
def test_each_turn_asks_again(tool: str, failure: Failure, chain: str):
    assert unit_of(plain, None, f"tool:{tool}.client").cell(failure).chain == chain


def test_who_tells_the_model_nothing_has_no_such_layer():
    asks, says = (unit_of(plain, None, f"tool:{tool}.client").layers for tool in ("ask", "search"))
    assert [one.name for one in says] == [*(one.name for one in asks), "agent"]


def test_what_looks_at_the_output_says_so_as_well():
    unit = unit_of(plain, None, "validator:checked.client")
    assert unit.cell(F.SERVER_ERROR).chain == "4 (agent output) = 4"


@pytest.mark.parametrize(("agent", "layers"), [(tasked, prefect.layers), (activities, temporal.layers)], ids=["p", "t"])
def test_a_unit_that_the_engine_makes_takes_it_for_a_result(agent: Any, layers: Any):
    assert unit_of(agent, layers, "tool:search.client").cell(F.UNAVAILABLE).chain.startswith("4 (agent)")
    refused = unit_of(agent, layers, "tool:search.client").cell(F.REFUSED).chain
    assert refused.startswith(("3 (prefect task)", "unlimited (temporal activity)"))


def test_a_function_that_is_a_unit_raises_it_out_of_that():
    task = unit_of(nested, prefect.layers, "tool:own_task.client")
    assert task.cell(F.UNAVAILABLE).chain == "3 (prefect task of own_task) × 4 (agent) = 12"
    step = unit_of(recorded, dbos.layers, "tool:step.client")
    assert step.cell(F.UNAVAILABLE).chain == "3 (dbos step) = 3"


@pytest.mark.parametrize(
    ("subject", "engine", "unit", "number"),
    [
        ("plain", "none", "tool:search.client", 4),
        ("plain", "none", "tool:insist.client", 8),
        ("plain", "none", "validator:checked.client", 4),
        ("tasked", "prefect", "tool:fetch.client", 4),
        ("nested", "prefect", "tool:own_task.client", 12),
        ("recorded", "dbos", "tool:step.client", 3),
    ],
)
def test_it_is_so_in_a_run(tmp_path: Path, subject: str, engine: str, unit: str, number: int):
    cell = measured(tmp_path, f"{__name__}:{subject}", engine, unit, F.UNAVAILABLE)
    assert (cell.predicted, cell.counted, cell.agrees) == (number, number, True)
