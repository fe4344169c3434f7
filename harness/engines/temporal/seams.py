"""Every private name of Temporal's SDK that we hold on to: where results become durable, and what makes workflows wait.

An upgrade may move any of them, so `check` looks at each when the engine is prepared and says clearly what has moved.
Nothing else under `harness` touches the SDK's private modules; all other hooks are its public interceptors.

- `temporalio.bridge.worker.Worker.complete_activity_task` reports an activity's outcome and waits for the server.
- `complete_workflow_activation` does so for what workflow code decided, the run's own end among it.
- `_WorkflowInstanceImpl._timer_impl` makes every timer of workflow code: `workflow.sleep`, `asyncio.sleep`, `wait_for`.
- `_WorkflowWorker._deadlock_timeout_seconds` is when workflow code that does not yield counts as deadlocked.
- `temporalio.workflow._Definition` is what a worker itself reads off a workflow class, and validates it with.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from temporalio import workflow
from temporalio.bridge.worker import Worker as Bridge
from temporalio.worker import WorkflowRunner
from temporalio.worker._workflow import _WorkflowWorker as WorkflowWorker
from temporalio.worker._workflow_instance import _WorkflowInstanceImpl as Instance

from harness.engines.base import Hook
from harness.engines.held import Function, moved, unsupported
from harness.engines.temporal.underway import UnderWay
from harness.engines.temporal.versions import KNOWN
from harness.subjects.loops import run_once

DEADLOCK = "_deadlock_timeout_seconds"
PATIENCE = 6.0
"""Seconds that workflow code may run without yielding. The SDK says 2, on machines that do nothing else."""

HELD: tuple[Function, ...] = (
    (Bridge, "complete_activity_task", ("comp",)),
    (Bridge, "complete_workflow_activation", ("comp",)),
    (Instance, "_timer_impl", ("delay", "callback")),
    (workflow._Definition, "must_from_class", ("cls",)),  # noqa: SLF001
)
"""What we replace or call."""


VALUES = (f"temporalio.worker._workflow._WorkflowWorker.{DEADLOCK}", "temporalio.common.RetryPolicy._validate")
"""What we set besides; and what `policies.py` asks."""

AI = (
    "pydantic_ai.durable_exec._toolset.DurableToolsetBase",
    "pydantic_ai.durable_exec._toolset.DurableFunctionToolset._resolve_tool_config",
    "pydantic_ai.durable_exec._toolset.DurableDynamicToolset._resolve_tool_config",
    "pydantic_ai.durable_exec._toolset.DurableMCPToolset._resolve_tool_config",
    "pydantic_ai.durable_exec.temporal._model_errors.model_errors_as_application_errors",
    "pydantic_ai.durable_exec.temporal._toolset.resolve_tool_activity_config",
    "pydantic_ai.durable_exec.temporal._toolset.with_non_retryable_errors",
    "pydantic_ai.durable_exec.temporal.TemporalDurability._model_activity_config",
    "pydantic_ai.durable_exec.temporal.TemporalDurability._event_stream_handler_activity_config",
    "pydantic_ai.durable_exec.temporal.TemporalDurability._toolset_operation_config",
    "pydantic_ai.durable_exec.temporal.TemporalDurability._toolset_activity_config",
    "pydantic_ai.durable_exec.temporal.TemporalDurability._non_retryable_model_errors",
)
"""What an audit reads of pydantic-ai's half of this engine. `retries.py` looks for it first: nobody else needs it."""


def check() -> None:
    """Look at every name we hold. Raises `EngineUnavailable` naming the first that has moved; takes milliseconds."""
    if what := moved(HELD, VALUES) or _not_awaited():
        raise unsupported("temporal", "temporalio", KNOWN, what)


def _not_awaited() -> str:
    """Which of the bridge's functions is no coroutine function any more, in words."""
    names = ("complete_activity_task", "complete_workflow_activation")
    place = next((name for name in names if not inspect.iscoroutinefunction(getattr(Bridge, name))), "")
    return place and f"{Bridge.__module__}.{place} is no coroutine function any more"


def watch_commits(
    hook: Hook, unit_of: Callable[[bytes], Awaitable[str | None]], workflow_of: Callable[[str], str]
) -> UnderWay:
    """Let `hook` surround the calls that make results durable.

    `unit_of` knows the unit behind a task token, `workflow_of` that of a workflow run.

    Only results are commits: a failed attempt is a reason to try again. A unit that is None is none of ours, or an
    attempt that the engine has given up, whose late result it will refuse. Returns what is to be waited for at the end:
    the server may tell a run's result to its caller before it answers the worker.
    """
    commits = UnderWay()
    activity, activation = Bridge.complete_activity_task, Bridge.complete_workflow_activation

    @wraps(activity)
    async def complete_activity_task(self: Any, comp: Any) -> None:
        unit = await unit_of(comp.task_token) if comp.result.HasField("completed") else None
        if unit is None:
            await activity(self, comp)
            return
        with commits.begun(), hook.commit(unit):
            await activity(self, comp)

    @wraps(activation)
    async def complete_workflow_activation(self: Any, comp: Any) -> None:
        if not any(command.HasField("complete_workflow_execution") for command in comp.successful.commands):
            await activation(self, comp)
            return
        with commits.begun(), hook.commit(workflow_of(comp.run_id)):
            await activation(self, comp)

    Bridge.complete_activity_task = complete_activity_task  # type: ignore[method-assign]
    Bridge.complete_workflow_activation = complete_workflow_activation  # type: ignore[method-assign]
    return commits


def allow_slow_code(seconds: float = PATIENCE) -> None:
    """Give workflow code, which may have to share this machine, more time before it counts as deadlocked."""
    original = WorkflowWorker.__init__

    @wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        setattr(self, DEADLOCK, seconds)

    WorkflowWorker.__init__ = init  # type: ignore[method-assign]


def scale_timers(hook: Hook, scaled: Callable[[float], float]) -> None:
    """Let every timer of workflow code take `scaled(seconds)`, and say to `hook` what it was when it begins.

    The scaled time is what the history records. What a local activity itself waits for is of a policy that is scaled.
    """
    original = Instance._timer_impl  # noqa: SLF001

    @wraps(original)
    def timer(self: Any, delay: float, *args: Any, **kwargs: Any) -> Any:
        if isinstance(asyncio.current_task(self), workflow.ActivityHandle):
            return original(self, delay, *args, **kwargs)
        if not self._is_replaying:
            hook.waits(delay, scaled(delay))
        return original(self, scaled(delay), *args, **kwargs)

    Instance._timer_impl = timer  # type: ignore[method-assign]  # noqa: SLF001


def run_method(kind: type) -> Any:
    """The method of a workflow class that is decorated with `@workflow.run`, under whatever name."""
    return workflow._Definition.must_from_class(kind).run_fn  # noqa: SLF001


def name_of(kind: type) -> str | None:
    """The name that a workflow class is registered by, None for a dynamic one."""
    name: str | None = workflow._Definition.must_from_class(kind).name  # noqa: SLF001
    return name


def validate(runner: WorkflowRunner, kind: type) -> None:
    """Import a workflow class as this worker would. Raises what the worker would raise when it starts."""

    async def prepare() -> None:  # it asks for the running loop
        runner.prepare_workflow(workflow._Definition.must_from_class(kind))  # noqa: SLF001

    run_once(prepare())
