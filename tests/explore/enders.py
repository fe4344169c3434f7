"""Agents that cannot finish a fault-free run, each in a way of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.agent import WrapperAgent


@dataclass
class Customer:
    name: str


waits = Agent("openai:gpt-5", name="waits")
leaves = Agent("openai:gpt-5", name="leaves")
exits = Agent("openai:gpt-5", name="exits")
faults = Agent("openai:gpt-5", name="faults")
raises = Agent("openai:gpt-5", name="raises")
keeps = Agent("openai:gpt-5", name="keeps")
scans = Agent("openai:gpt-5", name="scans")
picky = Agent("openai:gpt-5", name="picky")
asking = Agent("openai:gpt-5", name="asking")
needs = Agent("openai:gpt-5", name="needs", deps_type=Customer)


class Entered(WrapperAgent[Any, Any]):
    async def run(self, *_given: Any, **_keywords: Any) -> Any:
        os._exit(5)


enters = Entered(Agent("openai:gpt-5", name="enters"))


@needs.instructions
def greeting(ctx: RunContext[Customer]) -> str:
    return f"Greet {ctx.deps.name}."


@picky.tool_plain
def find(order_id: str) -> str:
    if order_id == "second":
        raise ValueError("no such order")
    raise ModelRetry("an order begins with #")


@asking.tool_plain
async def ask() -> str:
    return (await picky.run("Find my order.")).output


@waits.tool_plain
async def wait() -> str:
    await asyncio.Event().wait()
    return ""


@leaves.tool_plain
async def leave() -> str:
    os._exit(3)


@exits.tool_plain
async def exit_() -> str:
    sys.exit("no configuration")


@faults.tool_plain
def fault() -> str:
    os.kill(os.getpid(), signal.SIGSEGV)
    return ""


@raises.tool_plain
async def fail() -> str:
    raise ValueError("no such order")


@keeps.tool_plain
def session() -> object:
    return {"session": object()}


@scans.tool_plain
def scan() -> bytes:
    return b"\xff\x00"
