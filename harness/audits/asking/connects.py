"""A connection that is refused: the one failure that the HTTP library's own transport retries, below every request.

It connects again by itself, `retries` times, with waits of its own. So its own code is run, over a network on which
nobody listens.
"""

from __future__ import annotations

import asyncio
import copy
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any


class Refusing:
    """A network on which nobody listens. `refused` is called at every attempt to connect, before it fails."""

    def __init__(self, core: ModuleType, refused: Callable[[], None]) -> None:
        self._core, self._refused = core, refused

    def connect_tcp(self, *_args: Any, **_kwargs: Any) -> Any:
        """Refuse it."""
        self._refused()
        raise self._core.ConnectError("harness: the connection is refused")

    connect_unix_socket = connect_tcp

    def sleep(self, seconds: float) -> Any:
        """What the library does between two attempts."""
        time.sleep(seconds)


class AsyncRefusing(Refusing):
    """The same for an asynchronous transport."""

    async def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse it."""
        super().connect_tcp(*args, **kwargs)

    connect_unix_socket = connect_tcp

    async def sleep(self, seconds: float) -> None:
        """What the library does between two attempts."""
        await asyncio.sleep(seconds)


def core_of(value: Any) -> ModuleType:
    """The library below that a pool or a connection is of: `httpcore2` or `httpcore`."""
    return sys.modules[type(value).__module__.partition(".")[0]]


def refusing(value: Any, refused: Callable[[], None]) -> Refusing:
    """A network for a pool or a connection, sync or async as it is."""
    kind = AsyncRefusing if hasattr(value, "handle_async_request") else Refusing
    return kind(core_of(value), refused)


def refused_twin(transport: Any, refused: Callable[[], None]) -> Any:
    """A transport with the same number of retries, whose every attempt to connect is refused."""
    pool = transport._pool  # noqa: SLF001  the number is kept nowhere else
    core = core_of(pool)
    kind = core.AsyncConnectionPool if hasattr(pool, "handle_async_request") else core.ConnectionPool
    twin = copy.copy(transport)
    twin._pool = kind(retries=pool._retries, network_backend=refusing(pool, refused))  # noqa: SLF001
    return twin
