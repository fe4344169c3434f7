"""Agents for the adapter's own tests: each uses one thing that real agents use under Prefect."""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from prefect import task
from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.durable_exec.prefect import PrefectAgent, PrefectDurability, TaskConfig
from pydantic_ai.mcp import MCPToolset, StdioTransport

MODEL = "openai:gpt-5"
WEATHER = Path(__file__).parents[2] / "fixtures" / "servers" / "weather_mcp.py"
UNWRAPPED = {"prefect": False}


def charge() -> str:
    """Charge the customer."""
    return "charged"


bare = Agent(MODEL, name="bare", tools=[charge])
durable = Agent(MODEL, name="durable", tools=[charge], capabilities=[PrefectDurability()])

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    wrapper = PrefectAgent(Agent(MODEL, name="wrapped", tools=[charge]))

of_dbos = Agent(MODEL, name="of_dbos", tools=[charge], capabilities=[DBOSDurability()])


# Tasks.

within = Agent(MODEL, name="within")


@within.tool_plain(name="charge")
@task(persist_result=True)
async def charge_within() -> str:
    return "charged"


alone = Agent(MODEL, name="alone")


@alone.tool_plain(name="charge", metadata=UNWRAPPED)
@task(persist_result=True)
async def charge_alone() -> str:
    return "charged"


alone_sync = Agent(MODEL, name="alone_sync")


@alone_sync.tool_plain(name="charge", metadata=UNWRAPPED)
@task
def charge_alone_sync() -> str:
    return "charged"


unkept = Agent(MODEL, name="unkept")


@unkept.tool_plain(name="charge", metadata=UNWRAPPED)
@task(persist_result=False)
async def charge_unkept() -> str:
    return "charged"


unkept_tools = Agent(
    MODEL,
    name="unkept_tools",
    tools=[charge],
    capabilities=[PrefectDurability(tool_task_config=TaskConfig(persist_result=False))],
)

plain = Agent(MODEL, name="plain")
plain.tool_plain(name="charge", metadata=UNWRAPPED)(charge)

several = Agent(MODEL, name="several")


@task(persist_result=True)
def bank(account: int) -> int:
    return account


@several.tool_plain(name="charge", metadata=UNWRAPPED)
async def charge_several() -> list[int]:
    """Three tasks, the last two in threads of Prefect's task runner."""
    futures = [bank.submit(account) for account in (2, 3)]
    return [bank(1), *[future.result() for future in futures]]


# What real agents use.

parallel = Agent(MODEL, name="parallel")


@parallel.tool_plain
async def one() -> str:
    await asyncio.sleep(0.02)
    return "1"


@parallel.tool_plain
def two() -> str:
    return "2"


@parallel.tool_plain
async def three() -> str:
    return "3"


inner = Agent(MODEL, name="inner", tools=[charge])
outer_only = Agent(MODEL, name="outer_only")


@outer_only.tool_plain
async def delegate() -> str:
    return (await inner.run("go")).output


inner_durable = Agent(MODEL, name="inner_durable", tools=[charge], capabilities=[PrefectDurability()])
both = Agent(MODEL, name="both")


@both.tool_plain(name="delegate")
async def delegate_durable() -> str:
    return (await inner_durable.run("go")).output


class Account(BaseModel):
    number: int


with_deps = Agent(MODEL, name="with_deps", deps_type=Account)


@with_deps.tool(name="charge")
async def charge_account(ctx: RunContext[Account]) -> str:
    return f"charged {ctx.deps.number}"


validated = Agent(MODEL, name="validated", output_type=Account)
refusals = 1


@validated.output_validator
async def validate(_ctx: RunContext[None], account: Account) -> Account:
    global refusals
    refusals -= 1
    if refusals >= 0:
        raise ModelRetry("try another one")
    return account


events: list[str] = []


async def listen(_ctx: RunContext[None], stream: Any) -> None:
    async for event in stream:
        events.append(event.event_kind)  # noqa: PERF401  a comprehension would hide the loop


listening = Agent(
    MODEL, name="listening", tools=[charge], capabilities=[PrefectDurability(event_stream_handler=listen)]
)


def weather(name: str | None) -> MCPToolset[Any]:
    """A real MCP server over standard input and output."""
    return MCPToolset(StdioTransport(sys.executable, [str(WEATHER)]), id=name, init_timeout=60.0)  # on a busy machine


with_mcp = Agent(MODEL, name="with_mcp", toolsets=[weather("weather")])
two_mcp = Agent(MODEL, name="two_mcp", toolsets=[weather(None), weather(None)])


class Unpicklable(BaseModel):
    """An output that no flow can keep."""

    number: int

    def __reduce__(self) -> Any:
        raise TypeError("not to be pickled")


unpicklable = Agent(MODEL, name="unpicklable", output_type=Unpicklable)


# Time.

PATIENT = {"prefect": TaskConfig(timeout_seconds=20, retries=1, retry_delay_seconds=30)}

timed = Agent(MODEL, name="timed")


@timed.tool_plain(name="charge", metadata=PATIENT)
async def charge_timed() -> str:
    return "charged"


timed_sync = Agent(MODEL, name="timed_sync")


@timed_sync.tool_plain(name="charge", metadata=PATIENT)
def charge_timed_sync() -> str:
    time.sleep(0.01)
    return "charged"
