"""Agents that are not deterministic: whether the body of a tool runs is decided by a hash seed, or by chance; or chance
decides whether the process outlives the call.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import SkipToolExecution


@dataclass
class Skips(AbstractCapability[None]):
    """The call is answered without its tool, if it is to be."""

    when: Callable[[], bool]

    async def before_tool_execute(self, ctx: Any, *, call: Any, tool_def: Any, args: Any) -> Any:
        if self.when():
            raise SkipToolExecution("skipped")
        return args


def charge(order_id: str) -> str:
    return f"charged {order_id}"


def _till(name: str, when: Callable[[], bool]) -> Agent[None, str]:
    return Agent("openai:gpt-5", name=name, tools=[charge], capabilities=[Skips(when)])


seeded = _till("seeded", lambda: hash("Ada") % 2 == 0)
chancy = _till("chancy", lambda: random.random() < 0.5)


def ends(order_id: str) -> str:
    if random.random() < 0.3:
        os._exit(3)
    return f"charged {order_id}"


mortal = Agent("openai:gpt-5", name="mortal", tools=[ends])


class Refuses(AbstractCapability[None]):
    """The first request that any process of a test makes is refused."""

    async def before_model_request(self, ctx: Any, request_context: Any) -> Any:
        refuse_once(Path(os.environ["REFUSED_ONCE"]))
        return request_context


def refuse_once(told: Path) -> None:
    if not told.exists():
        told.touch()
        raise ConnectionError("nobody answers")


refused = Agent("openai:gpt-5", name="refused", tools=[charge], capabilities=[Refuses()])
