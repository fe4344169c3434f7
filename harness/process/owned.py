"""A workflow or flow of the person's own, called as it is, with a result that looks like an agent's."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

from pydantic_ai.usage import RunUsage


@dataclass(frozen=True)
class Owned:
    """What it returned. There are no messages, because there is no agent that we know of."""

    output: Any
    usage: RunUsage

    def all_messages(self) -> list[Any]:
        """None."""
        return []


async def owned(function: Any, prompt: str) -> Owned:
    """Call a workflow: with the prompt if it needs one argument, else without. A plain function runs in a thread."""
    body = inspect.unwrap(getattr(function, "fn", function))
    needed = [one for one in inspect.signature(body).parameters.values() if _is_needed(one)]
    given = [prompt] if len(needed) == 1 else []
    if inspect.iscoroutinefunction(body):
        return Owned(await function(*given), RunUsage())
    return Owned(await asyncio.to_thread(function, *given), RunUsage())


def _is_needed(parameter: inspect.Parameter) -> bool:
    by_position = parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    return by_position and parameter.default is parameter.empty
