"""What a tool sends over HTTP: an outbound `Idempotency-Key` says what no argument has to.

A tool that sends one needs no policy, and one whose key changes with every attempt is found out. The senders of the
clients that are imported are watched, and below them the connections of the standard library, on which all others that
block are built (urllib, urllib3); requests of anybody else, and reads, are none of ours.
"""

from __future__ import annotations

import http.client  # noqa: F401  watched even where the subject imports it late
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
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
VERBS = ("post", "put", "patch", "delete", "request")
"""Methods of a session of aiohttp's that change something, and the one that is told how; each takes an address."""
READS = ("GET", "HEAD", "OPTIONS", "TRACE")

_told: ContextVar[bool] = ContextVar("harness_request_told", default=False)


@dataclass(frozen=True)
class Outgoing:
    """A request as every client can say it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Any) -> Outgoing:
        """The request object of httpx or requests."""
        return cls(request.method or "", str(request.url), _plain(request.headers))


def install() -> None:
    """Watch the clients that are imported by now. More than once does no harm."""
    for module, kind, method in SENDERS:
        _replace(module, kind, method, _watched)
    for verb in VERBS:
        _replace("aiohttp", "ClientSession", verb, _asking)
    for method, watched in (("putrequest", _begun), ("putheader", _headed), ("endheaders", _ended)):
        _replace("http.client", "HTTPConnection", method, watched)


def _replace(module: str, kind: str, method: str, watched: Callable[[Callable[..., Any]], Any]) -> None:
    owner = getattr(sys.modules.get(module), kind, None)
    original = getattr(owner, method, None)
    if original is not None and not hasattr(original, "__wrapped__"):
        setattr(owner, method, watched(original))


def _watched(original: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(original):

        @wraps(original)
        async def sent(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            with _taken_down(Outgoing.of(request)):
                return await original(self, request, *args, **kwargs)

        return sent

    @wraps(original)
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        with _taken_down(Outgoing.of(request)):
            return original(self, request, *args, **kwargs)

    return send


def _asking(original: Callable[..., Any]) -> Callable[..., Any]:
    """A method of aiohttp's, called by its verb or given it. The headers of its session are sent, too."""
    signature = inspect.signature(original)

    @wraps(original)
    def asked(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = signature.bind(self, *args, **kwargs).arguments
        headers = {**_plain(self.headers), **_plain(kwargs.get("headers") or {})}
        with _taken_down(Outgoing(given.get("method", original.__name__), str(given["url"]), headers)):
            return original(self, *args, **kwargs)

    return asked


def _begun(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def putrequest(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        self.harness_request = Outgoing(method, f"//{self.host}")
        return original(self, method, url, *args, **kwargs)

    return putrequest


def _headed(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def putheader(self: Any, header: Any, *values: Any) -> Any:
        begun = getattr(self, "harness_request", None)
        if begun is not None:
            begun.headers.update(_plain({header: values[0] if values else ""}))
        return original(self, header, *values)

    return putheader


def _ended(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def endheaders(self: Any, *args: Any, **kwargs: Any) -> Any:
        begun, self.harness_request = getattr(self, "harness_request", None), None
        if begun is None:
            return original(self, *args, **kwargs)
        with _taken_down(begun):
            return original(self, *args, **kwargs)

    return endheaders


def _plain(headers: Any) -> dict[str, str]:
    """Headers by their names in small letters, from a mapping or pairs of text or bytes."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {_text(name).lower(): _text(value) for name, value in pairs}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


@contextmanager
def _taken_down(request: Outgoing) -> Iterator[None]:
    """Write a request down; what is sent below it, by the client that it is made with, is the same request."""
    if _told.get():
        yield
        return
    _take_down(request)
    token = _told.set(True)
    try:
        yield
    finally:
        _told.reset(token)


def _take_down(request: Outgoing) -> None:
    """Write down a request that changes something, if a tool's body sends it."""
    probes = bodies.active()
    step = probes.current() if probes is not None else None
    method = request.method.upper()
    if probes is None or step is None or method in READS:
        return
    key, host = request.headers.get(HEADER.lower()), urlsplit(request.url).hostname
    if StepId.parse(step).kind != "tool" or (key is None and _is_here(host)):
        return  # a request to this machine is the engine's own, unless it carries a key
    probes.journal.append(Sent(name=f"{method} {host or ''}", step=step, key=key), invocation=probes.invocation)


def _is_here(host: str | None) -> bool:
    return host in (None, "localhost", "::1") or str(host).startswith("127.")
