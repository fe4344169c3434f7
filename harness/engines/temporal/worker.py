"""The child's half of Temporal: a client, and a worker that lives as long as the process.

Temporal recovers by itself: any worker of the task queue goes on with a run whose worker died, once the server has
noticed. So recovery here is what it is in production: another worker process starts, and the caller waits.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engines.base import Case, Hook, NotStarted, Store, Unsupported
from harness.engines.temporal.clock import Clock
from harness.errors import EngineUnavailable

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowHandle

CONNECTING = 10.0
"""Seconds that a process waits for the server, which may be on its way back from a fault of ours."""
STICKY = timedelta(milliseconds=50)
"""How long a task waits for the worker that knows its workflow; 10 s by default, and that worker may be dead."""
TASK = 1.0
"""Seconds that a workflow task may be in a worker's hands; 10 by default."""
ROOM = 10
"""How many times as long as importing the subject into the sandbox, which a workflow task has to do, it must be."""


class TemporalWorker:
    """Runs an agent in a Temporal workflow: a bare one with `TemporalDurability`, a durable one as it is."""

    def prepare(self) -> None:
        import temporalio.client
        import temporalio.worker  # noqa: F401

        from harness.engines.temporal import seams

        seams.check()

    def bind(self, case: Case) -> Unsupported | None:
        from harness.engines.temporal.binding import bind

        self._case = case
        bound = bind(case)
        if isinstance(bound, Unsupported):
            return bound
        self._workflow: Any = bound.kind
        self._task = timedelta(seconds=max(TASK, ROOM * bound.importing))
        self._client: Client | None = None
        self._running: asyncio.Task[None] | None = None
        return None

    def seams(self, hook: Hook) -> None:
        self._hook = hook

    def opens_unit(self, function: Any) -> bool:
        return False

    async def start(self, store: Store, invocation: int) -> Any:
        from temporalio.common import WorkflowIDConflictPolicy

        client = await self._working(store)
        prompt, keywords = await self._case.invoke(_Listener(), invocation)
        handle: Any = await client.start_workflow(
            self._workflow.run,
            args=[prompt, keywords.get("deps"), keywords.get("message_history")],
            id=workflow_id(store, invocation),
            task_queue=store.values["queue"],
            task_timeout=self._task,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        return await handle.result()

    async def recover(self, store: Store, invocation: int) -> Any:
        from temporalio.client import WorkflowExecutionStatus
        from temporalio.service import RPCError, RPCStatusCode

        handle = await self._handle(store, invocation)
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotStarted from None
            raise
        if description.status is WorkflowExecutionStatus.RUNNING:
            await self._forget_dead_worker(handle)
        await self._working(store)
        return await handle.result()

    async def _forget_dead_worker(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Let the next task come to any worker at once. The server would first wait for the dead one's own queue."""
        from temporalio.api.common.v1 import WorkflowExecution
        from temporalio.api.workflowservice.v1 import ResetStickyTaskQueueRequest

        assert self._client is not None
        execution = WorkflowExecution(workflow_id=handle.id)
        request = ResetStickyTaskQueueRequest(namespace=self._client.namespace, execution=execution)
        await self._client.workflow_service.reset_sticky_task_queue(request)

    async def examine(self, store: Store) -> None:
        """Leave in the store's folder what `Session.observe` reads."""
        from harness.engines.temporal.examine import examine

        client = await self._connected(store)
        await examine(client, lambda number: workflow_id(store, number), Path(store.folder), self._workflow)

    async def _handle(self, store: Store, invocation: int) -> WorkflowHandle[Any, Any]:
        from harness.engines.temporal.ended import Ended

        client = await self._connected(store)
        return client.get_workflow_handle(workflow_id(store, invocation), result_type=Ended)

    async def _connected(self, store: Store) -> Client:
        if self._client is None:
            self._client = await connect(store.values["address"], store.values["namespace"])
        return self._client

    async def _working(self, store: Store) -> Client:
        """The client, with a worker at work behind it. Both once per process."""
        client = await self._connected(store)
        if self._running is None:
            self._running = asyncio.create_task(self._worker(client, store).run())
        return client

    def _worker(self, client: Client, store: Store) -> Any:
        from temporalio.worker import Worker

        from harness.engines.temporal import binding, seams
        from harness.engines.temporal.interceptors import Watch

        clock = self._clock(store)
        self._hook.scaled(clock.factor or 1.0)
        watch = Watch(self._hook, clock)
        seams.watch_commits(self._hook, watch.unit_of)
        seams.scale_timers(clock.wait)
        return Worker(
            client,
            task_queue=store.values["queue"],
            workflows=[self._workflow],
            interceptors=[watch],
            workflow_runner=binding.runner(),
            build_id="harness",  # the SDK would hash every loaded module to make one up: a second
            sticky_queue_schedule_to_start_timeout=STICKY,
        )

    def _clock(self, store: Store) -> Clock:
        if not self._case.auto_scale:
            return Clock(self._case.scale, asked=True)
        return Clock(store.values.get("factor"), store.values.get("usual", {}))


class _Listener:
    """Stands where the agent would, and hears what a run is asked: it is asked again inside the workflow."""

    async def run(self, prompt: Any, **keywords: Any) -> tuple[Any, dict[str, Any]]:
        return prompt, keywords


def workflow_id(store: Store, invocation: int) -> str:
    """The id of the workflow that is one invocation of a run."""
    return f"{store.values['queue']}-{invocation}"


async def connect(address: str, namespace: str) -> Client:
    """A client with pydantic-ai's plugin. Raises `EngineUnavailable` if nobody answers in time."""
    from temporalio.client import Client

    from harness.engines.temporal import binding

    deadline = time.monotonic() + CONNECTING
    while True:
        try:
            return await Client.connect(address, namespace=namespace, plugins=[binding.plugin()])
        except RuntimeError as error:
            if time.monotonic() >= deadline:
                raise EngineUnavailable(f"the Temporal server at {address} does not answer: {error}") from error
            await asyncio.sleep(0.05)
