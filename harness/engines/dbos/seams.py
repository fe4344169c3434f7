"""Every private name of DBOS that we hold on to: where units run, where they become durable, and what makes it wait.

An upgrade may move any of them, so `check` looks at each when the engine is prepared and says clearly what has moved.
Nothing else under `harness` touches DBOS's private modules.

- `dbos._core.invoke_step` runs every step: `@DBOS.step`, `DBOS.run_step`, transactions, and pydantic-ai's own steps.
- `SystemDatabase.record_operation_result` makes a step's result or error durable.
- `update_workflow_outcome` does so for a workflow.
- `record_sleep` turns a durable sleep, or a wait with a timeout, into seconds.
- `create_start_workflow_child` gives a child workflow its id, and `check_operation_execution` is asked before it runs
  and says whether it is known already.
- `SQLiteSystemDatabase._create_engine` makes the engine that it uses; one is made before the fork, for all lives.
- the internal queue, polled once a second, is where recovery puts the workflows that it found.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial, wraps
from pathlib import Path
from typing import Any, cast

import dbos
from dbos import _context as contexts
from dbos import _core as core
from dbos import _dbos as registry
from dbos._sys_db import SystemDatabase
from dbos._sys_db_sqlite import SQLiteSystemDatabase

from harness.engines.base import RUN, Hook
from harness.engines.dbos.versions import KNOWN
from harness.engines.dbos.waiting import backoff
from harness.engines.held import Function, moved, unsupported
from harness.subjects.wrapping import wrappers

QUICK = 0.01
"""Seconds between two looks at something that is about to come."""

NEVER = 3600.0

Around = Callable[[], AbstractContextManager[None]]

HELD: tuple[Function, ...] = (
    (core, "invoke_step", ("step_ctx", "func", "step_name", "retries_allowed", "max_attempts")),
    (SystemDatabase, "record_operation_result", ("result",)),
    (SystemDatabase, "update_workflow_outcome", ("workflow_id", "status")),
    (SystemDatabase, "check_operation_execution", ("workflow_id", "function_id", "function_name")),
    (SystemDatabase, "record_sleep", ("workflow_uuid", "function_id", "seconds")),
    (SQLiteSystemDatabase, "_create_engine", ("system_database_url", "engine_kwargs")),
    (contexts, "get_local_dbos_context", ()),
    (contexts.DBOSContext, "create_start_workflow_child", ("cur_ctx",)),
    (registry, "_get_or_create_dbos_registry", ()),
)
"""What we replace or call."""


VALUES = (
    "dbos._context.DBOSContext.workflow_deadline_epoch_ms",
    "dbos._core.DEFAULT_POLLING_INTERVAL",
    "dbos._dbos._dbos_global_instance",
    "dbos._dbos._dbos_global_registry",
    "dbos._queue.Queue._polling_interval_sec",
    "dbos.DBOS._serializer",
    "dbos._error.DBOSMaxStepRetriesExceeded",
    "dbos._registrations.DEFAULT_MAX_RECOVERY_ATTEMPTS",
    "dbos._registrations.get_func_info",
)
"""What we read or set besides; the last three for what `retries.py` tells."""

AI = (
    "pydantic_ai.durable_exec.dbos.DBOSAgent._model_step_config",
    "pydantic_ai.durable_exec.dbos.DBOSAgent._mcp_step_config",
    "pydantic_ai.durable_exec.dbos.DBOSDurability._model_step_config",
    "pydantic_ai.durable_exec.dbos.DBOSDurability._mcp_step_config",
    "pydantic_ai.durable_exec.dbos.DBOSDurability._event_stream_handler_step_config",
)
"""What `retries.py` reads of pydantic-ai's half of this engine, and looks for first: only an audit needs it."""


def check() -> None:
    """Look at every name we hold. Raises `EngineUnavailable` naming the first that has moved; takes milliseconds."""
    if what := moved(HELD, VALUES):
        raise unsupported("dbos", "dbos", KNOWN, what)


def internal_queue() -> Any:
    """The queue that recovery uses."""
    return registry._get_or_create_dbos_registry().get_internal_queue()  # noqa: SLF001


def context() -> Any:
    """The context of the workflow or step that is running here."""
    return contexts.get_local_dbos_context()


def deadline() -> int | None:
    """When the workflow that is running here is given up, in milliseconds of the epoch; None for never."""
    return getattr(context(), "workflow_deadline_epoch_ms", None)


def instance() -> Any:
    """The subject's or our DBOS object, None if nobody made one."""
    return registry._dbos_global_instance  # noqa: SLF001


@contextmanager
def apart() -> Iterator[None]:
    """A DBOS for a while that knows nothing of what is registered here, and leaves it as it is."""
    kept = registry._dbos_global_instance, registry._dbos_global_registry  # noqa: SLF001
    interval = core.DEFAULT_POLLING_INTERVAL
    registry._dbos_global_instance = registry._dbos_global_registry = None  # noqa: SLF001
    try:
        yield
    finally:
        registry._dbos_global_instance, registry._dbos_global_registry = kept  # noqa: SLF001
        core.DEFAULT_POLLING_INTERVAL = interval


def sqlite_engine(url: str, options: dict[str, Any]) -> Any:
    """The engine that DBOS makes for itself on SQLite."""
    return SQLiteSystemDatabase._create_engine(cast(Any, None), url, options)  # noqa: SLF001


def made_by_dbos(function: Callable[..., Any]) -> bool:
    """Whether a function is DBOS's wrapper around somebody's function, perhaps inside other decorators."""
    home = f"{Path(dbos.__file__).parent}{os.sep}"
    around = wrappers(getattr(function, "func", function))
    codes = [getattr(getattr(one, "__func__", one), "__code__", None) for one in around]
    return any(code is not None and code.co_filename.startswith(home) for code in codes)


def running_step() -> str | None:
    """The key of the step that is running here."""
    here = context()
    if here is None or not here.workflow_id or here.curr_step_function_id < 0:
        return None
    return f"{here.workflow_id}:{here.curr_step_function_id}"


def watch_units(
    hook: Hook, scale: float, is_their_own: Callable[[Callable[..., Any]], bool], limit: Callable[[float], float]
) -> None:
    """Let `hook` see every step's body, attempt by attempt; divide its waits by `scale`, and `limit` its timeout.

    A body that is DBOS's own is passed on as it is.
    """
    original = core.invoke_step

    @wraps(original)
    def invoke_step(dbos: Any, step_ctx: Any, func: Any, args: Any, kwargs: Any, **options: Any) -> Any:
        key, name = f"{step_ctx.workflow_id}:{step_ctx.function_id}", options["step_name"]
        hook.called(key, name)
        waits = partial(_waits, hook, scale, dict(options))
        if options.get("interval_seconds") is not None:
            options["interval_seconds"] /= scale
        around: Around = nullcontext
        if (configured := options.get("timeout_seconds")) is not None:
            options["timeout_seconds"] = limit(configured)
            around = partial(hook.limited, configured, options["timeout_seconds"])
        if is_their_own(func):
            return original(dbos, step_ctx, func, args, kwargs, **options)
        body = _attempted(hook, func, key, name, around, waits, _tries(options))
        return _answered(hook, key, original(dbos, step_ctx, body, args, kwargs, **options))

    core.invoke_step = invoke_step


def _answered(hook: Hook, key: str, answer: Any) -> Any:
    """Pass on what DBOS gives for a step, or what it will once it is awaited."""

    async def awaited() -> Any:
        return _answered(hook, key, await answer)

    if inspect.iscoroutine(answer):
        return awaited()
    hook.answered(key, answer)
    return answer


def _tries(options: dict[str, Any]) -> int:
    """How many attempts a step declares: DBOS ignores `max_attempts` where retries are not allowed."""
    return int(options["max_attempts"]) if options["retries_allowed"] else 1


@contextmanager
def _waits(hook: Hook, scale: float, options: dict[str, Any], attempt: int) -> Iterator[None]:
    """Surround an attempt, after which DBOS waits if it fails and is not the last."""
    try:
        yield
    except Exception:
        if attempt < _tries(options):
            interval, rate = options["interval_seconds"], options["backoff_rate"]
            hook.waits(backoff(interval, rate, attempt), backoff(interval / scale, rate, attempt))
        raise


def _attempted(
    hook: Hook,
    func: Callable[..., Any],
    key: str,
    name: str,
    around: Around,
    waits: Callable[[int], AbstractContextManager[None]],
    tries: int,
) -> Callable[..., Any]:
    """The body of a step, with each of its attempts seen by the hook; `around` each of them is what limits it."""
    attempts = 0

    def attempt() -> Callable[..., Any]:
        nonlocal attempts
        attempts += 1
        return hook.unit(func, key, name, attempts, tries)

    if inspect.iscoroutinefunction(func):

        @wraps(func)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            body = attempt()
            with waits(attempts), around():
                return await body(*args, **kwargs)

        return awaited

    @wraps(func)
    def called(*args: Any, **kwargs: Any) -> Any:
        body = attempt()
        with waits(attempts), around():
            return body(*args, **kwargs)

    return called


def watch_questions(hook: Hook, asked: Callable[[str, str], None]) -> None:
    """Let `hook` count each child workflow when its parent asks for it, which is before it can begin.

    `asked` is told where that was, and its id: the one that is recorded, or else the one that it is about to be given.
    """
    create, check_execution = contexts.DBOSContext.create_start_workflow_child, SystemDatabase.check_operation_execution
    given: dict[tuple[str, int], str] = {}

    @wraps(create)
    def create_start_workflow_child(cur_ctx: Any) -> Any:
        child = create(cur_ctx)
        given[child.parent_workflow_id, child.parent_workflow_fid] = child.id_assigned_for_next_workflow
        return child

    @wraps(check_execution)
    def check_operation_execution(self: Any, workflow_id: str, function_id: int, *args: Any, **options: Any) -> Any:
        new = given.pop((workflow_id, function_id), None)
        if new is None:
            return check_execution(self, workflow_id, function_id, *args, **options)
        place = f"{workflow_id}:{function_id}"
        hook.called(place, options.get("function_name") or args[0])
        known = check_execution(self, workflow_id, function_id, *args, **options)
        asked(place, (known and known["child_workflow_id"]) or new)
        return known

    setattr(contexts.DBOSContext, create.__name__, staticmethod(create_start_workflow_child))
    SystemDatabase.check_operation_execution = check_operation_execution  # type: ignore[method-assign]


def watch_commits(hook: Hook, is_run: Callable[[str], bool]) -> None:
    """Let `hook` surround the writes that make steps and workflows durable. `is_run` knows the ids of our own runs."""
    record, update = SystemDatabase.record_operation_result, SystemDatabase.update_workflow_outcome

    @wraps(record)
    def record_operation_result(self: Any, result: Any, **options: Any) -> None:
        with hook.commit(f"{result['workflow_uuid']}:{result['function_id']}"):
            record(self, result, **options)

    @wraps(update)
    def update_workflow_outcome(self: Any, workflow_id: str, status: Any, **options: Any) -> Any:
        try:
            with hook.commit(RUN if is_run(workflow_id) else workflow_id):
                return _written(update(self, workflow_id, status, **options))
        except _NotOurs:
            return False

    SystemDatabase.record_operation_result = record_operation_result  # type: ignore[method-assign]
    SystemDatabase.update_workflow_outcome = update_workflow_outcome  # type: ignore[method-assign]


class _NotOurs(Exception):
    """The workflow belongs to another process by now: nothing was written, so no commit was left."""


def _written(answer: Any) -> Any:
    if answer is False:  # older versions answer nothing
        raise _NotOurs
    return answer


def scale_waits(hook: Hook, scale: float) -> None:
    """Divide durable sleeps and the timeouts of durable waits by `scale`; say to `hook` what they were."""
    sleep = SystemDatabase.record_sleep

    @wraps(sleep)
    def record_sleep(self: Any, workflow_uuid: str, function_id: int, seconds: float, **options: Any) -> float:
        hook.waits(seconds, seconds / scale)
        return sleep(self, workflow_uuid, function_id, seconds / scale, **options)

    SystemDatabase.record_sleep = record_sleep  # type: ignore[method-assign]


def leave_recovery_to_others() -> None:
    """Let what a recovery queues be taken by the process that recovers; this one would look at the queue, too."""
    internal_queue()._polling_interval_sec = NEVER  # noqa: SLF001


def poll_at_once() -> None:
    """Let recovery begin at once: it queues what it found, and the queue is otherwise looked at once a second.

    So is the outcome of a child that another execution runs.
    """
    internal_queue()._polling_interval_sec = QUICK  # noqa: SLF001
    core.DEFAULT_POLLING_INTERVAL = QUICK


def serializer(made: Any) -> Any:
    """The serializer of the subject's own DBOS object, None if it made none: what can be recorded depends on it."""
    return getattr(made, "_serializer", None)
