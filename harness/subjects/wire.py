"""What a tool sends over HTTP: an outbound `Idempotency-Key` says what no argument has to.

A tool that sends one needs no policy, and one whose key changes with every attempt is found out. The senders of the
clients that are imported are watched; requests of anybody else, and reads, are none of ours.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from harness.history import Sent
from harness.steps import StepId
from harness.subjects import bodies

HEADER = "Idempotency-Key"
SENDERS = (
    ("httpx", "Client", "send"),
    ("httpx", "AsyncClient", "send"),
    ("httpx2", "Client", "send"),
    ("httpx2", "AsyncClient", "send"),
    ("requests", "Session", "send"),
)
"""Module, class and method that send a request, which is their first argument."""
READS = ("GET", "HEAD", "OPTIONS", "TRACE")


def install() -> None:
    """Watch the clients that are imported by now. More than once does no harm."""
    for module, kind, method in SENDERS:
        owner = getattr(sys.modules.get(module), kind, None)
        original = getattr(owner, method, None)
        if original is not None and not hasattr(original, "__wrapped__"):
            setattr(owner, method, _watched(original))


def _watched(original: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(original):

        @wraps(original)
        async def sent(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            _take_down(request)
            return await original(self, request, *args, **kwargs)

        return sent

    @wraps(original)
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        _take_down(request)
        return original(self, request, *args, **kwargs)

    return send


def _take_down(request: Any) -> None:
    """Write down a request that changes something, if a tool's body sends it."""
    probes = bodies.active()
    step = probes.current() if probes is not None else None
    if probes is None or step is None or request.method.upper() in READS:
        return
    key, url = request.headers.get(HEADER), urlsplit(str(request.url))
    if StepId.parse(step).kind != "tool" or (key is None and _is_here(url.hostname)):
        return  # a request to this machine is the engine's own, unless it carries a key
    name = f"{request.method.upper()} {url.hostname or ''}"
    probes.journal.append(Sent(name=name, step=step, key=key), invocation=probes.invocation)


def _is_here(host: str | None) -> bool:
    return host in (None, "localhost", "::1") or str(host).startswith("127.")
