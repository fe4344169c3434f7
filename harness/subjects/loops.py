"""A coroutine run to its end in a zygote, which must look afterwards as if no event loop had ever been there.

`asyncio.run` would leave the main thread without the event loop that `asyncio.get_event_loop` makes on demand, and a
subject that is forked later may rely on it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_once(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` in an event loop of its own, and end that loop's generators and threads."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def awaited(given: Any) -> Any:
    """What a call gave, or what that comes to if it has to be awaited, as `run_once` does it."""
    return run_once(_awaiting(given)) if inspect.isawaitable(given) else given


async def _awaiting(given: Awaitable[T]) -> T:
    return await given
