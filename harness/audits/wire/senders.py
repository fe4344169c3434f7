"""Which client a request comes from: of several that ask one host, nothing on the wire shows it.

The HTTP clients that the import of the subject makes get a number each, in their order: the same one in every life of
an interpreter, and in every interpreter that imports the same. One that is made in a run, or in another thread, has
none, and nobody can say which unit's it is.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any

from harness.audits.asking.sdks import SENDER

sending: ContextVar[str] = ContextVar("harness_sending", default="")
"""The number of the client that sends here; of clients inside each other's transports, that of the outermost."""


def install() -> Callable[[], None]:
    """Number every client that is made, and let its requests tell. Returns what ends the numbering."""
    numbers, over, here = count(1), list[bool](), threading.get_ident()

    def number() -> str:
        return "" if over or threading.get_ident() != here else str(next(numbers))

    for name in ("httpx2", "httpx"):
        if importlib.util.find_spec(name) is not None:
            library = importlib.import_module(name)
            for kind in (library.Client, library.AsyncClient):
                kind.__init__ = _numbering(kind.__init__, number)
            library.Client.send = _told(library.Client.send)
            library.AsyncClient.send = _told_later(library.AsyncClient.send)
    return lambda: over.append(True)


def _numbering(init: Callable[..., None], number: Callable[[], str]) -> Callable[..., None]:
    @functools.wraps(init)
    def numbered(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        setattr(self, SENDER, number())

    return numbered


def _told(send: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(send)
    def telling(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _sent_by(self):
            return send(self, *args, **kwargs)

    return telling


def _told_later(send: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(send)
    async def telling(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _sent_by(self):
            return await send(self, *args, **kwargs)

    return telling


@contextmanager
def _sent_by(client: Any) -> Iterator[None]:
    token = sending.set(sending.get() or getattr(client, SENDER, ""))
    try:
        yield
    finally:
        sending.reset(token)
