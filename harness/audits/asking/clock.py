"""Waits that take no time: what a layer would sleep is written down, and its clock is moved on by as much.

So a policy that stops after ten minutes is asked in a millisecond. Only for asking a layer alone: nothing else may run
in the process meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import anyio


@contextmanager
def without_waiting() -> Iterator[list[float]]:
    """Let every sleep return at once. Yields the list of what was slept, in seconds."""
    slept: list[float] = []
    yielding, monotonic = asyncio.sleep, time.monotonic

    def spent(seconds: float) -> None:
        if seconds and seconds > 0:
            slept.append(float(seconds))

    async def sleep(delay: float, result: Any = None) -> Any:
        spent(delay)
        return await yielding(0, result)

    with (
        patch.object(asyncio, "sleep", sleep),
        patch.object(anyio, "sleep", sleep),
        patch.object(time, "sleep", spent),
        patch.object(time, "monotonic", lambda: monotonic() + sum(slept)),
    ):
        yield slept
