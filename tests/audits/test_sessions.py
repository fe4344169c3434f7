"""MCP over HTTP: what a toolset is asked over a wire of ours is what it does with a real server that fails so."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from fastmcp.client.transports import SSETransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig
from tenacity import retry_if_exception_type, stop_after_attempt, wait_fixed, wait_none

from harness.audits import collect
from harness.audits.asking import sessions
from harness.audits.asking.mcp import Server
from harness.audits.asking.sessions import CALL, LISTING, OPENING
from harness.engines.dbos import retries as dbos
from harness.engines.temporal import retries as temporal
from harness.retries.values import Failure
from harness.subjects.loops import run_once
from harness.subjects.origins import explicit
from harness.subjects.toolsets import Placed

F = Failure
STATUSES = {F.UNAVAILABLE: 503, F.SERVER_ERROR: 500, F.UNAUTHORIZED: 401}


@contextmanager
def serving(failing: str, how: int | None):
    """A server that answers one method so, and any if there is none to be told; None is no answer. Yields its count."""
    seen: list[str] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            fails = failing in (OPENING, asked["method"])
            if fails:
                seen.append(asked["method"])
            if fails and how is None:
                over.wait(20)
                return
            request = httpx2.Request("POST", "http://harness.invalid", json=asked)
            told = httpx2.Response(how) if fails else sessions._well(httpx2, request)
            with suppress(OSError):
                self.send_response(told.status_code)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(told.content)))
                self.end_headers()
                self.wfile.write(told.content)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mcp", seen
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def raised(response: httpx2.Response) -> None:
    if response.status_code == 503:
        response.raise_for_status()


def retrying() -> AsyncHTTPX2TenacityTransport:
    kinds = retry_if_exception_type((httpx2.HTTPStatusError, httpx2.TransportError))
    config = RetryConfig(stop=stop_after_attempt(4), retry=kinds, wait=wait_none(), reraise=True)
    return AsyncHTTPX2TenacityTransport(config, validate_response=raised)


def toolset(url: str = "http://harness.invalid/mcp", transport: object = None, **said: object) -> MCPToolset:
    client = httpx2.AsyncClient(transport=transport, timeout=0.3)
    return MCPToolset(url, id="stock", http_client=client, **said)


async def twice(given: MCPToolset, failing: str) -> list[BaseException]:
    """What is raised when a listing or a call is asked for twice in one session, and what in the end."""
    found: list[BaseException] = []
    try:
        async with given:
            for _ in range(2):
                try:
                    await (given.direct_call_tool("look", {}) if failing == CALL else given.list_tools())
                except Exception as error:  # noqa: BLE001
                    found.append(error)
    except Exception as error:  # noqa: BLE001
        found.append(error)
    return found


@pytest.mark.parametrize("transport", [lambda: None, retrying], ids=["plain", "retrying"])
@pytest.mark.parametrize("failing", [OPENING, LISTING, CALL], ids=["opening", "listing", "call"])
@pytest.mark.parametrize("failure", [*STATUSES, F.READ_TIMEOUT])
def test_a_real_server_is_asked_as_often_as_ours_and_fails_with_the_same_errors(failure, failing, transport):
    asked = Server(toolset(transport=transport())).sessions.meets(failure, failing)
    with serving(failing, STATUSES.get(failure)) as (url, seen):
        errors = run_once(asyncio.wait_for(twice(toolset(url, transport()), failing), 30))
    rounds = 1 if failing == OPENING or asked.lost else 2  # what is asked for in a session that is lost is never sent
    assert len(seen) == len(asked.times) * rounds
    assert type(errors[0]) is type(asked.error)
    assert type(errors[-1]) is type(asked.left if asked.lost else asked.error)


def audited(given: MCPToolset, engine=lambda _unit: ()):
    found = collect.server_units("stock", Placed(given), Agent(), engine, collect.Usage())
    return {unit.unit.partition(":")[0]: unit for unit in found}


def step(attempts: int):
    config = {"retries_allowed": True, "max_attempts": attempts, "interval_seconds": 1.0, "backoff_rate": 1.0}
    return lambda _unit: (dbos.Step(config, explicit()),)


def activity(attempts: int):
    from datetime import timedelta

    from temporalio.common import RetryPolicy

    config = {"start_to_close_timeout": timedelta(minutes=9), "retry_policy": RetryPolicy(maximum_attempts=attempts)}
    return lambda _unit: (temporal.Activity(config, explicit()),)


def test_an_engine_opens_a_session_again_and_asks_for_nothing_in_one_that_is_lost():
    waiting = RetryConfig(stop=stop_after_attempt(4), wait=wait_fixed(3), reraise=True)
    given = toolset(transport=AsyncHTTPX2TenacityTransport(waiting))
    listing = audited(given, step(3))["tools"].cell(F.REFUSED)
    # Opening gives up after 5 s, with two connections each time; in a session there are four, and the session is lost.
    assert (listing.chain, listing.bound) == ("2 (tenacity transport) × 3 (dbos step) = 6", False)
    assert audited(given, step(1))["tools"].cell(F.REFUSED).chain == "4 (tenacity transport) = 4"
    each = audited(given, activity(3))["tools"].cell(F.REFUSED)
    assert (each.chain, each.bound) == ("4 (tenacity transport) × 3 (temporal activity) = 12", True)


def test_a_lost_session_is_not_for_the_model():
    calls = audited(toolset(transport=retrying()))["tool"]
    assert calls.cell(F.READ_TIMEOUT).chain == calls.cell(F.UNAVAILABLE).chain == "4 (tenacity transport) = 4"
    assert calls.cell(F.SERVER_ERROR).chain == "2 (agent) = 2"


def test_a_session_that_cannot_be_asked_is_unknown():
    assert "one stream" in Server(MCPToolset(SSETransport("http://harness.invalid/sse"))).layer.unknown
    assert "OAuth" in Server(MCPToolset("http://harness.invalid/mcp", auth="oauth")).layer.unknown
    broken = Server(toolset()).sessions
    broken.toolset.direct_call_tool = None
    met = broken.meets(F.REFUSED, CALL)
    assert "came to nothing" in met.unknown["mcp client"]
