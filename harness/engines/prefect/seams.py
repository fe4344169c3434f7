"""Every name inside Prefect that we hold on to: where tasks run, where results become durable, what makes it wait.

An upgrade may move any of them, so `check` looks at each when the engine is prepared and says clearly what has moved.

- `call_task_fn` of the two task engines is one attempt of a task, inside its transaction, whose key is the unit's key;
  it hands the task's function to `task_engine.call_with_parameters`, unless the transaction found a result.
- `commit` of the two transactions writes the results of nested transactions first, then its own, by the result store's
  `persist_result_record` and its async twin. A nested transaction commits only with the outermost one, so the seam is
  the write and not the transaction's end.
- `set_state` of the two flow engines makes the end of a run known to the server.
- `__post_init__` of the engines is where a task's or flow's own times are divided by the time scale.
- the root settings context holds the variables that Prefect read when it was imported.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

import prefect.context
import prefect.settings
from prefect import Flow, Task, flow_engine
from prefect import task_engine as _task_engine
from prefect.cache_policies import NO_CACHE
from prefect.events.worker import EventsWorker
from prefect.results import ResultStore, should_persist_result
from prefect.transactions import AsyncTransaction, Transaction

from harness.engines.base import RUN, Hook
from harness.engines.prefect.versions import KNOWN, installed
from harness.errors import EngineUnavailable

task_engine: Any = _task_engine

HELD: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (task_engine.BaseTaskRunEngine, "__post_init__", ()),
    (task_engine.SyncTaskRunEngine, "call_task_fn", ("transaction",)),
    (task_engine.AsyncTaskRunEngine, "call_task_fn", ("transaction",)),
    (task_engine, "call_with_parameters", ("fn", "parameters")),
    (Transaction, "commit", ()),
    (AsyncTransaction, "commit", ()),
    (ResultStore, "persist_result_record", ("result_record",)),
    (ResultStore, "apersist_result_record", ("result_record",)),
    (flow_engine.BaseFlowRunEngine, "__post_init__", ()),
    (flow_engine.FlowRunEngine, "set_state", ("state",)),
    (flow_engine.AsyncFlowRunEngine, "set_state", ("state",)),
    (flow_engine, "run_flow_async", ("flow", "flow_run", "parameters")),
    (prefect.settings.Settings, "copy_with_update", ("updates",)),
    (EventsWorker, "drain_all", ("timeout",)),
)
"""Owner, name, and the parameters that we use."""

DRAINING = 5.0


def check() -> None:
    """Look at every name we hold. Raises `EngineUnavailable` naming the first that has moved; takes milliseconds."""
    for owner, name, parameters in HELD:
        place = f"{owner.__module__}.{owner.__name__}" if inspect.isclass(owner) else owner.__name__
        function = getattr(owner, name, None)
        if not callable(function):
            raise _moved(f"{place}.{name} is gone")
        missing = [one for one in parameters if one not in inspect.signature(function).parameters]
        if missing:
            raise _moved(f"{place}.{name} has no parameter {missing[0]!r}")
    if not hasattr(prefect.context, "GLOBAL_SETTINGS_CONTEXT"):
        raise _moved("prefect.context.GLOBAL_SETTINGS_CONTEXT is gone")


def _moved(what: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"engine 'prefect' {installed()} is not supported: {what}; versions known to work: {', '.join(KNOWN)}"
        f" (run `pip install prefect=={KNOWN[-1]}`)"
    )


def change_settings(settings: Any) -> None:
    """Change what Prefect read when it was imported, for every thread of this process."""
    root = prefect.context.GLOBAL_SETTINGS_CONTEXT
    changed = root.settings.copy_with_update(updates=settings)
    prefect.context.GLOBAL_SETTINGS_CONTEXT = prefect.context.SettingsContext(profile=root.profile, settings=changed)


async def flush_events() -> None:
    """Send what Prefect has queued about its task runs, as it would at the end of a process that is not killed."""
    await EventsWorker.drain_all(timeout=DRAINING)  # type: ignore[misc]  # in an event loop it is awaitable


# Units.


@dataclass(frozen=True)
class Unit:
    """One attempt of a task: what its body will be known by."""

    key: str
    name: str
    task_run: str
    attempt: int
    kept: bool
    function: Callable[..., Any]


_attempted: ContextVar[Unit | None] = ContextVar("harness_prefect_attempted", default=None)


def watch_units(hook: Hook, opened: Callable[[Unit], None]) -> None:
    """Let `hook` see the body of every task that Prefect will keep the result of. `opened` hears of it first."""
    sync, unsync = task_engine.SyncTaskRunEngine, task_engine.AsyncTaskRunEngine
    call_sync, call_async, call = sync.call_task_fn, unsync.call_task_fn, task_engine.call_with_parameters

    @wraps(call_sync)
    def call_task_fn(self: Any, transaction: Any) -> Any:
        with _attempting(hook, self, transaction):
            return call_sync(self, transaction)

    @wraps(call_async)
    async def acall_task_fn(self: Any, transaction: Any) -> Any:
        with _attempting(hook, self, transaction):
            return await call_async(self, transaction)

    @wraps(call)
    def call_with_parameters(fn: Callable[..., Any], parameters: dict[str, Any]) -> Any:
        unit = _attempted.get()
        if unit is None or unit.function is not fn:
            return call(fn, parameters)
        opened(unit)
        return call(hook.unit(fn, unit.key, unit.name, unit.attempt) if unit.kept else fn, parameters)

    sync.call_task_fn = call_task_fn
    unsync.call_task_fn = acall_task_fn
    task_engine.call_with_parameters = call_with_parameters


@contextmanager
def _attempting(hook: Hook, engine: Any, transaction: Any) -> Iterator[None]:
    unit = Unit(
        key=transaction.key or str(engine.task_run.id),
        name=engine.task.name,
        task_run=str(engine.task_run.id),
        attempt=engine.retries + 1,
        kept=bool(transaction.key and transaction.store and transaction.write_on_commit),
        function=engine.task.fn,
    )
    if unit.kept:
        hook.called(unit.key, unit.name)
    before = _attempted.get()
    _attempted.set(unit)
    try:
        yield
    finally:
        _attempted.set(before)


def keeps(task: Task[Any, Any]) -> bool:
    """Whether Prefect would keep the result of a task that is called here and now."""
    persisted = task.persist_result if task.persist_result is not None else should_persist_result()
    uncached = task.cache_policy in (None, NO_CACHE)
    return persisted and not (uncached and task.result_storage_key is None)


# Commits.

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


# Time.


def scale_times(scale: float) -> None:
    """Divide the timeouts and retry delays of tasks and flows where they are used, whoever configured them, however."""
    if scale == 1.0:
        return
    for kind, name in ((task_engine.BaseTaskRunEngine, "task"), (flow_engine.BaseFlowRunEngine, "flow")):
        _scale_where_used(kind, name, scale)


def _scale_where_used(kind: Any, name: str, scale: float) -> None:
    initialise = kind.__post_init__

    @wraps(initialise)
    def scaled_first(self: Any) -> None:
        setattr(self, name, scaled(getattr(self, name), scale))
        initialise(self)

    kind.__post_init__ = scaled_first


def scaled(unit: Task[Any, Any] | Flow[Any, Any], scale: float) -> Any:
    """A copy of a task or flow whose times are divided."""
    changed = copy.copy(unit)
    if changed.timeout_seconds:
        changed.timeout_seconds /= scale
    delay = changed.retry_delay_seconds
    if isinstance(delay, list):
        changed.retry_delay_seconds = [one / scale for one in delay]
    elif delay:
        changed.retry_delay_seconds = delay / scale
    return changed


# Flows.

RunFlow = Callable[[Any, dict[str, Any]], Any]

_adopting: ContextVar[RunFlow | None] = ContextVar("harness_prefect_adopting", default=None)


def adopt_flows() -> None:
    """Let `adopting` decide how a flow is run that somebody calls."""
    call = Flow.__call__

    @wraps(call)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        run = _adopting.get()
        if run is None or not self.isasync or prefect.context.FlowRunContext.get() is not None:
            return call(self, *args, **kwargs)
        _adopting.set(None)
        return run(self, inspect.signature(self.fn).bind(*args, **kwargs).arguments)

    Flow.__call__ = called  # type: ignore[method-assign]


@contextmanager
def adopting(run: RunFlow) -> Iterator[None]:
    """While this lasts, the first outermost flow that is called is run by `run(flow, parameters)`: one flow, once."""
    _adopting.set(run)
    try:
        yield
    finally:
        _adopting.set(None)
