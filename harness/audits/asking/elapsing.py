"""An event loop whose clock is moved on to whatever is waited for next: timeouts strike in their order, and at once.

Where waits of different owners race (a client's own patience, a timeout of its HTTP client, a retry's pause), writing
them down one by one would not tell which comes first.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import time
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

REALLY = 0.2
"""Seconds that are really waited where no timeout is set: for what another thread does."""


class Stuck(BaseException):
    """Nothing will ever happen any more: what is waited for has no timeout, and does not come."""


class _Clock(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """What is ready; if nothing is, the time is over that anybody would have waited for it."""
        ready = super().select(REALLY if timeout is None else 0)
        if not ready and timeout is None:
            raise Stuck
        if not ready and timeout is not None:
            self.now += max(timeout, 0.0)
        return ready

    def sleep(self, seconds: float) -> None:
        """What code does that is not asynchronous."""
        self.now += seconds


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = _Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        return self.clock.now


def run_elapsing(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` to its end in such a loop, or until it is `Stuck`."""
    loop = _Loop()
    loop.set_exception_handler(lambda _loop, _context: None)
    with _in_silence(), patch.multiple(time, monotonic=loop.time, sleep=loop.clock.sleep):
        try:
            loop.run_until_complete(work)
        finally:
            with suppress(Stuck):
                loop.run_until_complete(_ended(asyncio.all_tasks(loop)))
                loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _in_silence() -> Iterator[None]:
    """What a library tells about a failure that was meant is nothing for a person to read."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
