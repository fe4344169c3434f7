"""The child's half of Temporal: a client, and a worker that lives as long as the process.

Temporal recovers by itself: any worker of the task queue goes on with a run whose worker died, once the server has
noticed. So recovery here is what it is in production: another worker process starts, and the caller waits.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engines.base import Case, Hook, NotStarted, Store, Unsupported
from harness.engines.clock import Clock
from harness.engines.temporal import records
from harness.errors import EngineUnavailable
from harness.faults import LATE
from harness.retries.live import Live, Unit

if TYPE_CHECKING:
    from temporalio import activity
    from temporalio.client import Client, WorkflowHandle

    from harness.engines.temporal.interceptors import Watch
    from harness.engines.temporal.underway import UnderWay

CONNECTING = 10.0
"""Seconds that a process waits for the server, which may be on its way back from a fault of ours."""
SYNC_ACTIVITIES = 100
"""As many synchronous activities as a worker takes at a time by default."""
STICKY = timedelta(milliseconds=50)
"""How long a task waits for the worker that knows its workflow; 10 s by default, and that worker may be dead."""
IDLE = (*LATE, "duplicate")
"""Faults after which a timeout of the engine must pass: a worker that lives does not do its work."""
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
        from harness.engines.temporal import examine, expiry, given, interceptors  # noqa: F401  or each life would

        seams.allow_slow_code()
        given.remember()

    def bind(self, case: Case) -> Unsupported | None:
        from harness.engines.temporal.binding import bind

        self._case = case
        bound = bind(case)
        if isinstance(bound, Unsupported):
            return bound
        self._bound = bound
        self._task = timedelta(seconds=max(TASK, ROOM * bound.importing))
        self._client: Client | None = None
        self._running: asyncio.Task[None] | None = None
        self._watch: Watch | None = None
        self._commits: UnderWay | None = None
        return None

    def retry_layers(self, unit: Unit) -> Sequence[Live]:
        from harness.engines.held import look_at_pydantic_ai
        from harness.engines.temporal.seams import AI

        look_at_pydantic_ai("temporal", AI)
        from harness.engines.temporal.retries import layers

        return layers(self._case.subject.value, unit, self._case.options)

    def seams(self, hook: Hook) -> None:
        self._hook = hook

    def opens_unit(self, function: Any) -> bool:
        return False

    async def start(self, store: Store, invocation: int) -> Any:
        from temporalio.common import WorkflowIDConflictPolicy

        from harness.engines.temporal import own_workflow

        client, watch = await self._working(store)
        prompt, keywords = await self._case.invoke(_Listener(), invocation)
        handle: Any = await client.start_workflow(
            self._bound.run,
            args=self._bound.arguments(prompt, keywords),
            id=workflow_id(store, invocation),
            task_queue=store.values["queue"],
            task_timeout=self._task,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            **own_workflow.ends(self._case.options, watch),
        )
        return await self._result(handle)

    async def recover(self, store: Store, invocation: int) -> Any:
        from temporalio.client import WorkflowExecutionStatus
        from temporalio.service import RPCError, RPCStatusCode

        from harness.engines.temporal import expiry, own_workflow

        client = await self._connected(store)
        handle: Any = client.get_workflow_handle_for(self._bound.run, workflow_id(store, invocation))
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                raise NotStarted from None
            raise
        if description.status is WorkflowExecutionStatus.RUNNING:
            await self._take_over(client, [handle, *await expiry.children(client, description)], Path(store.folder))
        _, watch = await self._working(store)
        own_workflow.ends(self._case.options, watch)  # the server has kept it; what was configured is known from here
        return await self._result(handle)

    async def _result(self, handle: Any) -> Any:
        try:
            result = await handle.result()
        finally:
            if self._watch is not None:
                await self._watch.given_up()
        if self._commits is not None:
            await self._commits.left()
        return result

    async def examine(self, store: Store) -> None:
        """Leave in the store's folder what `Session.observe` reads."""
        from harness.engines.temporal.examine import examine

        client = await self._connected(store)
        await examine(client, lambda number: workflow_id(store, number), Path(store.folder), self._bound)

    async def _take_over(self, client: Client, running: Sequence[WorkflowHandle[Any, Any]], folder: Path) -> None:
        """Spare the run the time that the server would take to notice that the last worker has died."""
        from harness.engines.temporal import expiry

        is_possible = await expiry.is_possible(client)
        for handle in running:
            await expiry.forget_worker(client, handle)
            if is_possible:
                records.keep_failures(folder, handle.id, await expiry.let_go(client, handle))

    async def _connected(self, store: Store) -> Client:
        if self._client is None:
            self._client = await connect(store.values["address"], store.values["namespace"])
        return self._client

    async def _working(self, store: Store) -> tuple[Client, Watch]:
        """The client, with a worker at work behind it, and what watches that. All once per process."""
        from harness.engines.temporal.children import Children
        from harness.engines.temporal.interceptors import Watch

        client = await self._connected(store)
        if self._watch is None:
            clock = await self._clock(client, store)
            children = Children(self._bound.names, self._task)
            self._watch = Watch(self._hook, clock, functools.partial(self._is_awaited, client), children)
            self._running = asyncio.create_task(self._worker(client, store, self._watch).run())
        return client, self._watch

    def _worker(self, client: Client, store: Store, watch: Watch) -> Any:
        from temporalio.worker import Worker

        from harness.engines.temporal import binding, noticing, seams

        clock = watch.clock
        self._hook.scaled(clock.delay)
        self._commits = seams.watch_commits(self._hook, watch.unit_of, watch.workflow_of)
        seams.scale_timers(self._hook, clock.wait)
        return Worker(
            client,
            task_queue=store.values["queue"],
            workflows=self._bound.kinds,
            activities=self._bound.activities,
            activity_executor=ThreadPoolExecutor(SYNC_ACTIVITIES) if self._bound.activities else None,
            interceptors=[watch],
            workflow_runner=binding.runner(),
            build_id="harness",  # the SDK would hash every loaded module to make one up: a second
            sticky_queue_schedule_to_start_timeout=STICKY,
            max_heartbeat_throttle_interval=timedelta(seconds=noticing.RAREST / clock.delay),
        )

    async def _is_awaited(self, client: Client, info: activity.Info) -> bool:
        """Whether an attempt's result will be taken. Asked only where a fault may have made the server give it up."""
        from harness.engines.temporal import expiry

        if not self._hook.plans(*IDLE) or info.workflow_id is None:
            return True
        return await expiry.waits_for(client.get_workflow_handle(info.workflow_id), info.activity_id, info.attempt)

    async def _clock(self, client: Client, store: Store) -> Clock:
        """Timeouts stay as configured, unless this run waits for one of them to pass."""
        from harness.engines.temporal import expiry

        ease, haste = self._hook.ease(), self._case.haste
        if not self._case.auto_scale:
            return Clock(self._case.scale, asked=True, ease=ease, haste=haste)
        pace = self._hook.pace()
        hurried = self._hook.plans(*IDLE) or pace is not None or not await expiry.is_possible(client)
        factor, usual = store.values["factor"], store.values["usual"]
        return Clock(pace or factor, usual, hurried=hurried, ease=ease, haste=haste)


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
