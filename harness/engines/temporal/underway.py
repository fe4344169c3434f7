"""What this process is in the middle of, and has to come back from before it may end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """Counts what has begun and not left: commits, or attempts at bodies."""

    def __init__(self) -> None:
        self._count = 0

    @contextmanager
    def begun(self) -> Iterator[None]:
        """Surround one."""
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    async def left(self) -> None:
        """Wait until they are over."""
        while self._count:  # noqa: ASYNC110  nothing to be told by
            await asyncio.sleep(0.001)
