"""Taking over the call of a flow, so that the flow run is one that we know: made before, or found again.

`PrefectAgent.run` makes a flow and calls it; by itself each call would be a new flow run, which repeats everything.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import prefect.context
from prefect import Flow

RunFlow = Callable[[Any, dict[str, Any]], Any]

_adopting: ContextVar[RunFlow | None] = ContextVar("harness_prefect_adopting", default=None)


def adopt_flows() -> None:
    """Let `adopting` decide how a flow is run that somebody calls."""
    call = Flow.__call__

    @wraps(call)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        run = _adopting.get()
        if run is None or prefect.context.FlowRunContext.get() is not None:
            return call(self, *args, **kwargs)
        _adopting.set(None)
        return run(self, inspect.signature(self.fn).bind(*args, **kwargs).arguments)

    Flow.__call__ = called  # type: ignore[method-assign]


@contextmanager
def adopting(run: RunFlow) -> Iterator[None]:
    """While this lasts, the first outermost flow that is called is run by `run(flow, parameters)`: one flow, once.

    `run` returns what a call of the flow would: a coroutine for an asynchronous flow, else the result.
    """
    _adopting.set(run)
    try:
        yield
    finally:
        _adopting.set(None)
