"""MCP over HTTP: a toolset's own client and its HTTP client, asked over a wire on which a server of ours answers.

A server fails while a session with it is opened, or later, in the request that a unit is about. What is asked is all
that is really there: the client's negotiation and its timeouts, the transports, hooks and timeouts of the HTTP client,
and what the toolset makes of it all in the end.
"""

from __future__ import annotations

import asyncio
import copy
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import ModuleType
from typing import Any

from harness.audits.asking.clock import share, worst_of
from harness.audits.asking.connects import refused_twin
from harness.audits.asking.elapsing import Stuck, run_elapsing
from harness.audits.asking.outcomes import Outcome
from harness.audits.asking.transports import TransportLayer, connect_retries, layers_of, numbers_of
from harness.audits.asking.trouble import Enough, Trouble, first, library_of, most
from harness.audits.asking.watching import Watch
from harness.retries.arithmetic import Course, Expression, added, product, times
from harness.retries.values import Failure

OPENING, LISTING, CALL = "", "tools/list", "tools/call"
"""What fails: every request, so that no session is ever opened; or those of this method, in one that is."""
LATER = 1e-6
"""Seconds by which an HTTP client begins to wait after whoever uses it: of equal timeouts that one's comes first."""
VERSION = "io.modelcontextprotocol/protocolVersion"
"""Where a request says which version of the protocol it speaks."""


def is_over_http(client: Any) -> bool:
    """Whether a client speaks to one server over HTTP."""
    return hasattr(client, "new") and all(hasattr(client.transport, name) for name in ("url", "httpx_client_factory"))


def unaskable(transport: Any) -> str:
    """Why what such a transport does cannot be asked, empty if it can."""
    kind = type(transport).__qualname__
    if any(base.__name__ == "OAuthClientProvider" for base in type(getattr(transport, "auth", None)).__mro__):
        return "what its OAuth asks for, and how often, only a run shows"
    if hasattr(transport, "sse_read_timeout"):
        return f"{kind} holds one stream for all answers, and what it does when a request fails cannot be asked"
    return ""


@dataclass
class Met:
    """What one unit of work came to: its requests, from when to when each was made, and the error.

    `calls` are those of each transport, the innermost first and before them the requests themselves, by the request
    that the client made. `left` is the error with which its session ended, if that is another one; then the session is
    `lost`, if nothing that is asked for in it later is sent. `hangs` says that the last request is waited for without
    end; `short` is as in `Outcome`. `unknown` is why nobody knows, by the name of the layer.
    """

    times: list[tuple[float, float]] = field(default_factory=list)
    calls: list[list[int]] = field(default_factory=list)
    seconds: float = 0.0
    error: BaseException | None = None
    left: BaseException | None = None
    lost: bool = False
    hangs: bool = False
    endless: bool = False
    short: bool = False
    unknown: dict[str, str] = field(default_factory=dict)

    @property
    def course(self) -> Course:
        """When each request is made."""
        if self.unknown:
            return Course(seconds=math.nan)
        if self.endless:
            return Course(seconds=math.inf, endless=True)
        begun = tuple(one for one, _ in self.times)
        return Course(begun, math.inf if self.hangs else self.seconds, self.hangs, len(begun))

    @property
    def waits(self) -> list[float]:
        """The seconds between each two requests."""
        return [round(begun - ended, 3) for (_, ended), (begun, _) in pairwise(self.times)]


class Sessions:
    """The sessions that a toolset opens over HTTP, each with a client that is made as it makes them."""

    def __init__(self, toolset: Any, name: str) -> None:
        self.toolset, self.name = toolset, name
        self.transport: Any = toolset.client.transport
        self._usual: Any = None
        self._known: dict[tuple[Any, ...], Met] = {}
        http = _inside(_factory(self.transport)())
        self.timeout: Any = getattr(http, "timeout", None)
        self.http: ModuleType | None = library_of(http)
        self.transports: list[TransportLayer] = layers_of(http, self.transport.url)

    def meets(self, failure: Failure, failing: str) -> Met:
        """What opening a session, or one request in it, comes to where that fails; at worst, where chance has a say."""
        if hidden := next((one.layer for one in self.transports if one.layer.unknown), None):
            return Met(unknown={hidden.name: hidden.unknown})
        key = failure, failing, share()  # units of one server ask for the same, and each time takes some
        if key not in self._known:
            self._known[key] = worst_of(
                lambda: self._met(first(failure), failing),
                lambda met: math.inf if met.endless else len(met.times),
                lambda hasty, _patient: replace(hasty, short=True),
            )
        return self._known[key]

    def outcome(self, failure: Failure, failing: str) -> tuple[Outcome, Met]:
        """The same in the words of all layers. What ended a session for good is the error that is left of it."""
        met = self.meets(failure, failing)
        error = met.left if met.lost else met.error
        hasty = lambda: self.meets(failure, failing).course  # noqa: E731
        return Outcome(self._expression(met), met.course, error, short=met.short, hasty=hasty), met

    def _expression(self, met: Met) -> Expression:
        """How often: of each request that the client makes, what the transports make of it."""
        names = [one.layer.name for one in self.transports]
        if met.unknown:
            return product(*(times(None, name) for name in met.unknown))
        if met.endless:
            waits = met.waits
            return times(None, names[-1], endless=True, wait=lambda attempt: waits[attempt - 1])
        made, parts = 0, []
        for calls in met.calls:
            parts.append(_made(self.name, calls, names, met.waits[made:]))
            made += calls[0]
        return added(*parts) if parts else times(0, self.name)

    def _met(self, trouble: Trouble, failing: str) -> Met:
        assert self.http is not None
        wire, watch = _Wire(self.http, self.transports, trouble, failing), Watch()
        try:
            run_elapsing(_unit(self._twin(wire, watch), wire))
        except Stuck:
            wire.met.hangs = True
        if not wire.met.times:
            wire.met.unknown = {self.name: f"asking it came to nothing: {wire.met.error!r}"}
        if watch.reason:
            wire.met.unknown = {self.transports[-1].layer.name: f"its retry policy {watch.reason}"}
        return wire.met

    def _twin(self, wire: _Wire, watch: Watch) -> Any:
        """The same toolset without a session, whose HTTP clients send over the wire."""
        twin = copy.copy(self.toolset)
        vars(twin).pop("_enter_lock", None)  # made on demand, and bound to a loop
        vars(twin).update(_running_count=0, _exit_stack=None, _cached_tools=None)
        twin.client = self.toolset.client.new()
        twin.client.transport = copy.copy(self.transport)

        def made(**said: Any) -> Any:
            make = self.transport.httpx_client_factory
            outer = self._plain(said) if make is None else make(**said)
            http = copy.copy(_inside(outer))
            http._transport, http._mounts = self._over(wire, watch), {}  # noqa: SLF001
            http._event_hooks = {event: [*hooks] for event, hooks in http.event_hooks.items()}  # noqa: SLF001
            if library_of(outer) is not None:
                return http
            outer._client = http  # noqa: SLF001  pydantic-ai lends a client of the person's own
            return outer

        twin.client.transport.httpx_client_factory = made
        return twin

    def _plain(self, said: dict[str, Any]) -> Any:
        """MCP's own client, made once: that takes time, and each session has a copy of it."""
        self._usual = self._usual or _usual(**said)
        return self._usual

    def _over(self, wire: _Wire, watch: Watch) -> Any:
        """Copies of the transports over the wire, whose calls are counted."""
        below = wire.answering()
        for place, one in enumerate(self.transports, 1):
            if one.inner is not None:
                twin = copy.copy(one.transport)
                setattr(twin, one.inner, below)
                if isinstance(getattr(twin, "config", None), dict):
                    wire.most = max(wire.most, most(*numbers_of(twin.config.get("stop"))))
                    twin.config = {**twin.config, **watch.over(twin.config)}
                below = twin
            below = wire.counting(below, place)
        return below


class _Wire:
    """A network with an MCP server that answers well, but for what is `failing`, which meets the trouble."""

    def __init__(self, http: ModuleType, transports: Sequence[TransportLayer], trouble: Trouble, failing: str) -> None:
        self.http, self.transports, self.trouble, self.failing = http, transports, trouble, failing
        self.met, self.most = Met(), most()
        self.began = 0.0
        self.again: int | None = None  # requests after what is measured

    def answering(self) -> Any:
        """The server, as a transport."""
        return _transport(self.http, self._answered)

    def counting(self, below: Any, place: int) -> Any:
        """A transport that counts what fails, and sends it on."""

        async def sent(request: Any) -> Any:
            if self.again is None and self._fails(request):
                if place == len(self.transports):
                    self.met.calls.append([0] * (place + 1))
                self.met.calls[-1][place] += 1
            return await below.handle_async_request(request)

        return _transport(self.http, sent)

    def _fails(self, request: Any) -> bool:
        return self.failing in (OPENING, _asked(request).get("method"))

    async def _answered(self, request: Any) -> Any:
        if not self._fails(request):
            return _well(self.http, request)
        if self.again is not None:
            self.again += 1
            return _answer(self.http, request, error={"code": -32000, "message": "harness"})
        if self.trouble.failure is not Failure.REFUSED:
            self._takes_down()
            if self.trouble.failure is Failure.READ_TIMEOUT:
                await _patience(request)
                self.met.times[-1] = (self.met.times[-1][0], self.now())
            return self.trouble.happens(self.http, request)
        own = self.transports[0].transport
        if not connect_retries(own):
            self._takes_down()
            return self.trouble.happens(self.http, request)
        return await refused_twin(own, self._takes_down).handle_async_request(request)

    def now(self) -> float:
        """Seconds since the unit of work began, but for what is lost in computing them."""
        return round(asyncio.get_running_loop().time() - self.began, 3)

    def _takes_down(self) -> None:
        self.met.calls[-1][0] += 1
        self.met.times.append((self.now(), self.now()))
        if len(self.met.times) > self.most:
            self.met.endless = True
            raise Enough


async def _unit(toolset: Any, wire: _Wire) -> None:
    """Open a session, ask for what is to fail in it, and once more; and end it, which may raise what had ended it."""
    met = wire.met
    try:
        async with toolset:
            wire.began = asyncio.get_running_loop().time()
            try:
                await _ask(toolset, wire)
            except Exception as error:  # noqa: BLE001  whatever its caller would see
                met.error, met.seconds, wire.again = error, wire.now(), 0
                with suppress(Exception):
                    await _ask(toolset, wire)
                met.lost = not wire.again
    except (Exception, Enough, BaseExceptionGroup) as error:  # noqa: BLE001  the same
        met.left = error
    if met.error is None:
        met.error, met.seconds = met.left, wire.now()


async def _ask(toolset: Any, wire: _Wire) -> None:
    await (toolset.list_tools() if wire.failing == LISTING else toolset.direct_call_tool("harness", {}))


def _made(client: str, calls: Sequence[int], names: Sequence[str], waits: Sequence[float]) -> Expression:
    """What the transports, the innermost first, made of one request of the client's. Of some the numbers are uneven."""
    if any(sent % max(asked, 1) for sent, asked in pairwise(calls)):
        return times(calls[0], names[-1])
    parts: list[Expression] = [times(1, client)]
    inside = 1
    for name, (sent, asked) in zip(names, pairwise(calls), strict=True):
        parts.append(_factor(sent // max(asked, 1), name, waits[inside - 1 :: inside]))
        inside *= sent // max(asked, 1)
    return product(*parts)


def _factor(number: int, name: str, waits: Sequence[float]) -> Expression:
    return times(number, name, wait=lambda attempt: waits[attempt - 1] if attempt <= len(waits) else 0.0)


def _asked(request: Any) -> dict[str, Any]:
    """The message in a request, empty if there is none."""
    told = json.loads(request.content) if request.content else {}
    return told if isinstance(told, dict) else {}


def _well(http: ModuleType, request: Any) -> Any:
    """What a server answers that has no tools, in today's protocol or, if it is asked so, in that with a handshake."""
    asked = _asked(request)
    if "id" not in asked:  # a notification; or no message: there is no stream to open, and no session to end
        return http.Response(202 if asked else 405, request=request)
    said, result = asked.get("params") or {}, {}
    if asked["method"] == "initialize":
        version = {"protocolVersion": said["protocolVersion"], "serverInfo": {"name": "harness", "version": "1"}}
        result = version | {"capabilities": {"tools": {}}}
    elif asked["method"] == "server/discover":
        version = {"supportedVersions": [said.get("_meta", {}).get(VERSION)], "ttlMs": 0, "cacheScope": "public"}
        result = version | {"capabilities": {"tools": {}}, "resultType": "complete"}
    return _answer(http, request, result=result)


def _answer(http: ModuleType, request: Any, **said: Any) -> Any:
    return http.Response(200, json={"jsonrpc": "2.0", "id": _asked(request)["id"], **said}, request=request)


async def _patience(request: Any) -> None:
    """Wait as long as the HTTP client does for an answer."""
    seconds = request.extensions.get("timeout", {}).get("read")
    await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds + LATER))


def _transport(http: ModuleType, send: Any) -> Any:
    class Sending(http.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            return await send(request)

    return Sending()


def _factory(transport: Any) -> Any:
    """What makes the HTTP clients of an MCP transport: of the person's own, or MCP's."""
    return getattr(transport, "httpx_client_factory", None) or _usual


def _usual(headers: Any = None, timeout: Any = None, auth: Any = None, **_said: Any) -> Any:
    from mcp.shared._httpx_utils import create_mcp_http_client

    return create_mcp_http_client(headers=headers, timeout=timeout, auth=auth)


def _inside(client: Any) -> Any:
    """The HTTP client itself, if pydantic-ai has wrapped it to lend it."""
    return client if library_of(client) else getattr(client, "_client", client)
