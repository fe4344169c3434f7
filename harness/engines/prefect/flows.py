"""Flows as a whole: what limits them is around every body inside, and how long they take is room a timeout needs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import Any

from prefect.flow_engine import AsyncFlowRunEngine, FlowRunEngine

from harness.engines.base import Hook
from harness.engines.prefect.pace import usual_name
from harness.engines.prefect.places import in_flow
from harness.engines.prefect.records import Ledger


def watch_flows(hook: Hook, ledger: Ledger) -> None:
    """Let `hook` know what limits each flow; take down in `ledger` what it was configured with and how long it took.

    An asynchronous flow under the synchronous engine is none that runs here.
    """
    call_sync, call_async = FlowRunEngine.call_flow_fn, AsyncFlowRunEngine.call_flow_fn

    @wraps(call_sync)
    def call_flow_fn(self: Any) -> Any:
        with nullcontext() if self.flow.isasync else _around(hook, ledger, self):
            return call_sync(self)

    @wraps(call_async)
    async def acall_flow_fn(self: Any) -> Any:
        with _around(hook, ledger, self):
            return await call_async(self)

    FlowRunEngine.call_flow_fn = call_flow_fn  # type: ignore[method-assign]
    AsyncFlowRunEngine.call_flow_fn = acall_flow_fn  # type: ignore[method-assign]


@contextmanager
def _around(hook: Hook, ledger: Ledger, engine: Any) -> Iterator[None]:
    flow, started = engine.flow, time.monotonic()
    times = getattr(flow, "harness_times", {})
    ledger.began(times)
    with limited(hook, times), hook.container(), in_flow(engine):
        yield
    ledger.finished(usual_name(flow), time.monotonic() - started)


def limited(hook: Hook, times: Any) -> AbstractContextManager[None]:
    """Surround what has these times with its timeout, if it has one: as it was configured, and as it is here."""
    configured, effective = (times.get(kind, {}).get("timeout") for kind in ("configured", "effective"))
    return hook.limited(configured, effective) if configured and effective else nullcontext()
