"""Transactions of a datasource: steps that also leave their result in the application's own database, with their work.

Such a step's body is DBOS's, which looks there first and may never call the person's function; only that one counts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from dbos import AsyncSQLAlchemyDatasource, SQLAlchemyDatasource

from harness.engines.base import Hook
from harness.engines.dbos import seams

_HOME = inspect.getfile(SQLAlchemyDatasource)


def is_body(function: Callable[..., Any]) -> bool:
    """Whether a step's body is DBOS's own, around a transaction."""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename == _HOME


def watch(hook: Hook) -> None:
    """Let `hook` see the functions that run in transactions, attempt by attempt."""
    for kind, name in ((SQLAlchemyDatasource, "run_tx_step"), (AsyncSQLAlchemyDatasource, "run_tx_step_async")):
        setattr(kind, name, _watched(getattr(kind, name), hook))


def _watched(original: Callable[..., Any], hook: Hook) -> Callable[..., Any]:
    @wraps(original)
    def run(self: Any, ds_options: Any, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        name = (ds_options or {}).get("name") or func.__qualname__
        return original(self, ds_options, _seen(func, name, hook), *args, **kwargs)

    return run


def _seen(func: Callable[..., Any], name: str, hook: Hook) -> Callable[..., Any]:
    """The function as the body of the step that it runs in, if it runs in one."""
    attempts = 0

    def body() -> Callable[..., Any]:
        nonlocal attempts
        step = seams.running_step()
        if step is None:
            return func
        attempts += 1
        return hook.unit(func, step, name, attempts)

    if inspect.iscoroutinefunction(func):

        @wraps(func)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await body()(*args, **kwargs)

        return awaited

    @wraps(func)
    def called(*args: Any, **kwargs: Any) -> Any:
        return body()(*args, **kwargs)

    return called
