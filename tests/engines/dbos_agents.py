"""Agents for the adapter's own tests: their model answers from the messages, between probes."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
import warnings
from functools import wraps
from typing import Any

from dbos import DBOS, SQLAlchemyDatasource
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSAgent, DBOSDurability
from pydantic_ai.durable_exec.prefect import PrefectDurability
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel


async def answered(step: str, answer: Any) -> Any:
    """Replaced by the life that runs the agents."""
    raise NotImplementedError


def model(*calls: list[str]) -> FunctionModel:
    """A model that asks for each list of tools in turn, then ends."""

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        parts: list[Any] = [TextPart("done")]
        if turn < len(calls):
            parts = [ToolCallPart(name, {}, tool_call_id=f"{turn}-{number}") for number, name in enumerate(calls[turn])]
        return await answered(f"model#{turn + 1}", ModelResponse(parts))

    return FunctionModel(answer)


def durable(name: str, *calls: list[str]) -> Agent[None, str]:
    return Agent(model(*calls), name=name, capabilities=[DBOSDurability()])


plain = durable("plain", ["charge"])


@plain.tool_plain
async def charge() -> str:
    return "charged"


step = durable("step", ["charge"])


@step.tool_plain(name="charge")
@DBOS.step()
async def charge_step() -> str:
    return "charged"


sync_step = durable("sync_step", ["charge"])


@sync_step.tool_plain(name="charge")
@DBOS.step()
def charge_sync() -> str:
    return "charged"


def logged(function: Any) -> Any:
    @wraps(function)
    async def around() -> Any:
        return await function()

    return around


decorated = durable("decorated", ["charge"])


@decorated.tool_plain(name="charge")
@logged
@DBOS.step()
async def charge_decorated() -> str:
    return "charged"


inner = durable("inner", ["charge"])


@DBOS.step()
async def bank() -> str:
    return "charged"


@inner.tool_plain(name="charge")
async def charge_inside() -> str:
    return await bank()


run_step = durable("run_step", ["charge"])


@run_step.tool_plain(name="charge")
async def charge_run_step() -> str:
    return await DBOS.run_step_async({"name": "bank"}, lambda: "charged")


retried = durable("retried", ["charge"])
failures = 2


@retried.tool_plain(name="charge")
@DBOS.step(retries_allowed=True, interval_seconds=20, max_attempts=3)
async def charge_retried() -> str:
    global failures
    failures -= 1
    if failures >= 0:
        raise ConnectionError("bank")
    return "charged"


failing = durable("failing", ["charge"])


@failing.tool_plain(name="charge")
@DBOS.step()
async def charge_failing() -> str:
    raise ValueError("no money")


timed = durable("timed", ["charge"])


@timed.tool_plain(name="charge")
@DBOS.step(timeout_seconds=50)
async def charge_timed() -> str:
    await asyncio.sleep(30)
    return "never"


sleeping = durable("sleeping", ["charge"])


@sleeping.tool_plain(name="charge")
async def charge_sleeping() -> str:
    await DBOS.sleep_async(40)
    return "charged"


parallel = durable("parallel", ["one", "two"])


@parallel.tool_plain
@DBOS.step()
async def one() -> str:
    return "1"


@parallel.tool_plain
@DBOS.step()
def two() -> str:
    time.sleep(0.01)
    return "2"


# What an application does at its import, and must not do here.
DBOS(config={"name": "somebody", "system_database_url": f"sqlite:///{__file__.rpartition('/')[0]}/somebody.sqlite"})
DBOS.launch()

child = durable("child", ["charge"])


@child.tool_plain(name="charge")
@DBOS.workflow()
async def charge_child() -> str:
    return "charged"


sync_child = durable("sync_child", ["charge"])


@sync_child.tool_plain(name="charge")
@DBOS.workflow()
def charge_sync_child() -> str:
    return "charged"


bank_account = SQLAlchemyDatasource.create(
    f"sqlite:///{os.environ.get('BANK_FOLDER', tempfile.gettempdir())}/bank-{os.getuid()}.sqlite"
)
transaction = durable("transaction", ["charge"])


@transaction.tool_plain(name="charge")
@bank_account.transaction()
def charge_transaction() -> str:
    return "charged"


bare = Agent(model(["charge"]), name="bare", tools=[charge])
of_prefect = Agent(model(), name="of_prefect", capabilities=[PrefectDurability()])
two_mcp = Agent(model(), name="two_mcp", toolsets=[MCPToolset("http://localhost:1/mcp")])

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    wrapper = DBOSAgent(Agent(model(["charge"]), name="wrapped", tools=[charge]))
