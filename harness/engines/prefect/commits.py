"""Where Prefect makes results durable: the write of each result, and the final state of a run.

`commit` of a transaction writes the results of nested transactions first, then its own. A nested transaction commits
only with the outermost one, so the seam is the write itself and not the end of the task's transaction.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from prefect import flow_engine
from prefect.results import ResultStore
from prefect.transactions import AsyncTransaction, Transaction

from harness.engines.base import RUN, Hook

_committing: ContextVar[str | None] = ContextVar("harness_prefect_committing", default=None)


def watch_commits(hook: Hook, is_run: Callable[[str], bool]) -> None:
    """Let `hook` surround the writes of results, and the final state of our own runs (`is_run` knows their ids)."""
    _remember_key(Transaction)
    _remember_key(AsyncTransaction)
    persist, apersist = ResultStore.persist_result_record, ResultStore.apersist_result_record

    @wraps(persist)
    def persist_result_record(self: Any, *args: Any, **kwargs: Any) -> None:
        with _written(hook):
            persist(self, *args, **kwargs)

    @wraps(apersist)
    async def apersist_result_record(self: Any, *args: Any, **kwargs: Any) -> None:
        with _written(hook):
            await apersist(self, *args, **kwargs)

    ResultStore.persist_result_record = persist_result_record  # type: ignore[method-assign]
    ResultStore.apersist_result_record = apersist_result_record  # type: ignore[method-assign]
    _watch_end(flow_engine.FlowRunEngine, hook, is_run)
    _watch_end(flow_engine.AsyncFlowRunEngine, hook, is_run)


def _remember_key(kind: Any) -> None:
    """While a transaction commits, its key is known to the store that it writes to."""
    commit = kind.commit

    @wraps(commit)
    def committed(self: Any) -> Any:
        with _writing(self.key):
            return commit(self)

    @wraps(commit)
    async def acommitted(self: Any) -> Any:
        with _writing(self.key):
            return await commit(self)

    kind.commit = acommitted if inspect.iscoroutinefunction(commit) else committed


@contextmanager
def _writing(key: str | None) -> Iterator[None]:
    before = _committing.get()
    _committing.set(key)
    try:
        yield
    finally:
        _committing.set(before)


@contextmanager
def _written(hook: Hook) -> Iterator[None]:
    key = _committing.get()
    if key is None:  # a flow's own result, or a block that a person writes to
        yield
        return
    with hook.commit(key):
        yield


def _watch_end(kind: Any, hook: Hook, is_run: Callable[[str], bool]) -> None:
    set_state = kind.set_state

    def ends(engine: Any, state: Any) -> bool:
        # A failure is final only where the server will not ask for another attempt.
        for_good = state.is_completed() or (state.is_failed() and not engine.flow.retries)
        return for_good and is_run(str(engine.flow_run.id))

    @wraps(set_state)
    def changed(self: Any, state: Any, *args: Any, **kwargs: Any) -> Any:
        if not ends(self, state):
            return set_state(self, state, *args, **kwargs)
        with hook.commit(RUN):
            return set_state(self, state, *args, **kwargs)

    @wraps(set_state)
    async def achanged(self: Any, state: Any, *args: Any, **kwargs: Any) -> Any:
        if not ends(self, state):
            return await set_state(self, state, *args, **kwargs)
        with hook.commit(RUN):
            return await set_state(self, state, *args, **kwargs)

    kind.set_state = achanged if inspect.iscoroutinefunction(set_state) else changed
