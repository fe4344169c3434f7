"""Where Prefect runs the body of a task: one attempt, inside a transaction whose key is the unit's key.

`call_task_fn` of the task engines hands the task's function to `task_engine.call_with_parameters`, unless the
transaction found a result already.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

from prefect import Task
from prefect import task_engine as _task_engine
from prefect.cache_policies import NO_CACHE
from prefect.results import should_persist_result
from pydantic_ai.durable_exec.prefect import DEFAULT_PYDANTIC_AI_CACHE_POLICY

from harness.engines.base import Hook
from harness.engines.prefect.flows import limited
from harness.engines.prefect.places import in_task
from harness.engines.prefect.waiting import backoff
from harness.subjects.importing import is_theirs
from harness.subjects.places import surrounded

task_engine: Any = _task_engine


@dataclass(frozen=True)
class Unit:
    """One attempt of a task: what its body will be known by."""

    key: str
    name: str
    place: str
    task_run: str
    attempt: int
    tries: int
    kept: bool
    wait: float
    times: dict[str, dict[str, float]]
    function: Callable[..., Any]


_attempted: ContextVar[Unit | None] = ContextVar("harness_prefect_attempted", default=None)


def watch_units(hook: Hook, around: Callable[[Unit], AbstractContextManager[None]]) -> None:
    """Let `hook` see the body of every task that Prefect will keep the result of, and `around` that of every task."""
    sync, unsync = task_engine.SyncTaskRunEngine, task_engine.AsyncTaskRunEngine
    call_sync, call_async, call = sync.call_task_fn, unsync.call_task_fn, task_engine.call_with_parameters

    @wraps(call_sync)
    def call_task_fn(self: Any, transaction: Any) -> Any:
        with _attempting(hook, self, transaction):
            result = call_sync(self, transaction)
        if transaction.is_committed():
            _had(hook, transaction, result)
        return result

    @wraps(call_async)
    async def acall_task_fn(self: Any, transaction: Any) -> Any:
        with _attempting(hook, self, transaction):
            result = await call_async(self, transaction)
        if transaction.is_committed():
            _had(hook, transaction, result)
        return result

    @wraps(call)
    def call_with_parameters(fn: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        unit = _attempted.get()
        if unit is None or unit.function is not fn:
            return call(fn, parameters)
        if unit.kept:
            seen = hook.unit(fn, unit.key, unit.name, unit.attempt, unit.tries)
        else:
            seen = hook.unkept(fn, unit.place, unit.name) if _is_own(fn) else fn
        return call(surrounded(seen, lambda: around(unit)), parameters)

    sync.call_task_fn = call_task_fn
    unsync.call_task_fn = acall_task_fn
    task_engine.call_with_parameters = call_with_parameters


@contextmanager
def _attempting(hook: Hook, engine: Any, transaction: Any) -> Iterator[None]:
    unit = Unit(
        key=transaction.key or str(engine.task_run.id),
        name=engine.task.name,
        place=engine.harness_place,
        task_run=str(engine.task_run.id),
        attempt=engine.retries + 1,
        tries=engine.task.retries + 1,
        wait=backoff(getattr(engine.task, "harness_delay", 0), engine.retries + 1),
        kept=bool(transaction.key and transaction.store and transaction.write_on_commit),
        times=getattr(engine.task, "harness_times", {}),
        function=engine.task.fn,
    )
    if unit.kept:
        hook.known(unit.place, unit.key)
        hook.called(unit.key, unit.name)
        own = _is_own(unit.function)
        if own or engine.task.cache_policy != DEFAULT_PYDANTIC_AI_CACHE_POLICY:
            given = (engine.parameters or {}) if own else None
            hook.asked(unit.key, unit.place, unit.name, given, found=transaction.is_committed())
    before = _attempted.get()
    _attempted.set(unit)
    try:
        with limited(hook, unit.times), in_task(engine):
            yield
    except Exception:
        if unit.wait and unit.attempt < unit.tries:
            hook.waits(unit.wait, backoff(engine.task.retry_delay_seconds, unit.attempt))
        raise
    finally:
        _attempted.set(before)


def _had(hook: Hook, transaction: Any, record: Any) -> None:
    """The transaction found a result, and no body has run for it."""
    hook.answered(transaction.key, getattr(record, "result", record))


def _is_own(function: Callable[..., Any]) -> bool:
    """Whether the body of a task is a function of the person's own. What is called like one may have no code."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and is_theirs(code.co_filename)


def keeps(task: Task[Any, Any]) -> bool:
    """Whether Prefect would keep the result of a task that is called here and now."""
    persisted = task.persist_result if task.persist_result is not None else should_persist_result()
    uncached = task.cache_policy in (None, NO_CACHE)
    return persisted and not (uncached and task.result_storage_key is None)
