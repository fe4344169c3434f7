"""The agents that an engine is tried with, inside the package because whoever writes an engine has no fixtures of ours.

Nothing of an engine is in them: each engine attaches itself, as it does to anybody's bare agent.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.durable_exec import BaseDurabilityCapability, DurabilityEngineSpec

MODEL = "openai:gpt-5"

SCRIPT: list[Any] = [
    {"call": "look_up", "args": {"order": "7"}},
    {"calls": [{"call": "charge", "args": {"item": "tea"}}, {"call": "charge", "args": {"item": "cup"}}]},
    "Both are paid.",
]
"""What the clerk's model says: a call, two calls at once, and an answer."""
STEPS = ("model#1", "tool:look_up#1", "model#2", "tool:charge#1", "tool:charge#2", "model#3")
"""What happens then, each once."""


async def look_up(order: str) -> dict[str, Any]:
    """Look an order up."""
    return {"order": order, "items": ["tea", "cup"]}


async def charge(item: str) -> str:
    """Charge for one item. It takes a moment, so that two charges are under way at once."""
    await asyncio.sleep(0.02)
    return f"paid for the {item}"


def clerk() -> Agent[None, str]:
    """An agent with tools. Made when it is asked for: a model needs its key, if only the one that the harness gives."""
    return Agent(MODEL, name="clerk", instructions="Look the order up, then charge for it.", tools=[look_up, charge])


class Elsewhere(BaseDurabilityCapability[Any]):
    """The mark of an engine that nobody has: an agent that carries it was made for another one."""

    engine_spec = DurabilityEngineSpec(
        engine_name="elsewhere",
        durable_unit_noun="unit",
        durable_unit_plural="units",
        durable_container_noun="run",
    )

    @property
    def in_durable_context(self) -> bool:
        return False

    def get_durable_operation_backend(self) -> Any:
        from harness.engines.journal.worker import JournalBackend

        return JournalBackend(self.name)


def stranger() -> Agent[None, str]:
    """An agent that was made for another engine."""
    return Agent(MODEL, name="stranger", capabilities=[Elsewhere()])
