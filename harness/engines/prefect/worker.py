"""The child's half of Prefect: run the agent in a flow run whose id is known, and after a crash retry that flow run.

Prefect does not notice by itself that a process has died: the flow run says `Running` until a person, an automation or
a deployment's worker asks for a retry. Here that is a forced `AwaitingRetry`, which is what those do: the same flow run
runs again, and its tasks find their results.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.engines.base import Case, Hook, NotStarted, Store, Unsupported
from harness.engines.clock import Clock
from harness.engines.prefect import home
from harness.engines.prefect.api import TAG
from harness.engines.prefect.records import Ledger, run_name
from harness.faults import LATE
from harness.retries.live import Live, Unit
from harness.subjects.loops import awaited

LOST = object()
"""Stands for a result that was not kept: None may be one."""


class PrefectWorker:
    """Runs an agent in a Prefect flow: a bare one with `PrefectDurability`, a durable one as it is."""

    def prepare(self) -> None:
        home.replace(os.environ, home.of_zygote(os.environ))
        from harness.engines.prefect import seams

        seams.check()
        self._entered = False
        self._ids: set[str] = set()
        self._ledger: Ledger | None = None

    def prepare_to_be_asked(self) -> None:
        home.replace(os.environ, home.of_zygote(os.environ))
        with _without_log():
            self.prepare()

    def bind(self, case: Case) -> Unsupported | None:
        from harness.engines.prefect import lazy
        from harness.engines.prefect.binding import bind

        self._case = case
        if case.runs:
            lazy.warm()
        bound = bind(case, self._replaying)
        if isinstance(bound, Unsupported):
            return bound
        self._run: Callable[[int], Awaitable[Any]] = bound
        return None

    def retry_layers(self, unit: Unit) -> Sequence[Live]:
        from harness.engines.held import look_at_pydantic_ai
        from harness.engines.prefect.seams import AI

        look_at_pydantic_ai("prefect", AI)
        from harness.engines.prefect.retries import layers

        return layers(self._case.subject.value, unit, self._case.options, lambda: self._deps)

    @cached_property
    def _deps(self) -> Any:
        """What a run of the subject is given. None if it cannot be made here."""
        with suppress(Exception):  # the person's own factory may need what is not there
            return awaited(self._case.subject.deps.make())
        return None

    def seams(self, hook: Hook) -> None:
        from harness.engines.prefect import adoption, commits, places, units

        self._hook = hook
        places.watch_places(hook, self._asked)
        units.watch_units(hook, self._taken_down)
        commits.watch_commits(hook, self._ids.__contains__)
        adoption.adopt_flows()

    def opens_unit(self, function: Callable[..., Any]) -> bool:
        from prefect import Task
        from prefect.context import FlowRunContext

        from harness.engines.prefect import units

        return isinstance(function, Task) and FlowRunContext.get() is not None and units.keeps(function)

    async def start(self, store: Store, invocation: int) -> Any:
        self._enter(store)
        return await self._through(lambda flow: self._create(store, invocation, flow), invocation)

    async def recover(self, store: Store, invocation: int) -> Any:
        from prefect.context import AsyncClientContext

        self._enter(store)
        async with AsyncClientContext.get_or_create():  # one for all that is asked here
            known = await _find(run_name(store, invocation))
            if known is None:
                raise NotStarted
            if known.state.is_failed():
                return await known.state.aresult()  # raises what the run raised: nobody retries a run that has ended
            if known.state.is_completed() and (kept := await _kept(known.state)) is not LOST:
                return kept
            return await self._through(lambda _flow: self._retry(known), invocation)

    def _enter(self, store: Store) -> None:
        """Point this process at the run's server and folders."""
        if self._entered:
            return
        from harness.engines.prefect import flows, pace, seams

        values = store.values
        folder = Path(values["home"])
        folder.mkdir(exist_ok=True)
        seams.write_one_certificate(folder / home.CERTIFICATE)
        settings = home.of_run(folder, Path(values["results"]), values["api_url"], ours=values["ours"])
        os.environ.update({name: value for name, value in home.spelled(settings).items() if value is not None})
        seams.change_settings(settings)
        self._clock = self._clock_of(store)
        self._hook.scaled(self._clock.delay)
        pace.scale_times(self._clock)
        pace.ask_again_sooner()
        self._ledger = Ledger(Path(values["ledger"]))
        flows.watch_flows(self._hook, self._ledger)
        self._entered = True

    async def _through(self, flow_run_of: Callable[[Any], Awaitable[Any]], invocation: int) -> Any:
        """Run the invocation; the flow that it calls runs as the flow run that `flow_run_of` gives for it."""
        from prefect.context import AsyncClientContext
        from prefect.flow_engine import run_flow_async, run_flow_sync

        from harness.engines.prefect import adoption, seams

        assert self._ledger is not None, "no flow runs before the run's folders are entered"
        self._invocation = invocation
        for place, name, step in self._ledger.places(invocation):  # of earlier lives
            with self._hook.inside(step):
                self._hook.called(place, name)
        loop = asyncio.get_running_loop()

        async def known(flow: Any) -> Any:
            async with AsyncClientContext.get_or_create():
                flow_run = await flow_run_of(flow)
            self._ids.add(str(flow_run.id))
            return flow_run

        async def awaited(flow: Any, parameters: dict[str, Any]) -> Any:
            async with AsyncClientContext.get_or_create():  # the flow run engine would open another one
                return await run_flow_async(flow, flow_run=await known(flow), parameters=parameters)

        def run(flow: Any, parameters: dict[str, Any]) -> Any:
            if flow.isasync:
                return awaited(flow, parameters)
            flow_run = asyncio.run_coroutine_threadsafe(known(flow), loop).result()  # we are in a thread of its own
            return run_flow_sync(flow, flow_run=flow_run, parameters=parameters)

        try:
            with adoption.adopting(run):
                return await self._run(invocation)
        finally:
            await seams.flush_events()

    async def _create(self, store: Store, invocation: int, flow: Any) -> Any:
        from harness.engines.prefect import pace

        scaled = pace.scaled(flow, self._clock)  # the server keeps its own copy of the retry policy
        return await _client().create_flow_run(scaled, name=run_name(store, invocation), tags=[TAG])

    async def _retry(self, flow_run: Any) -> Any:
        from prefect.states import AwaitingRetry

        await _client().set_flow_run_state(flow_run.id, AwaitingRetry(), force=True)
        return await _client().read_flow_run(flow_run.id)

    def _replaying(self) -> AbstractContextManager[None]:
        return self._hook.replaying()

    def _clock_of(self, store: Store) -> Clock:
        if not self._case.auto_scale:
            return Clock(self._case.scale, asked=True, ease=self._hook.ease())
        pace = self._hook.pace()
        hurried = self._hook.plans(*LATE) or pace is not None
        return Clock(pace or store.values["factor"], store.values["usual"], hurried=hurried, ease=self._hook.ease())

    def _asked(self, place: str, name: str) -> None:
        """Take down where a flow or task asks for a unit, for the lives that come after this one."""
        assert self._ledger is not None, "no flow runs before the run's folders are entered"
        self._ledger.asked(place, name, self._hook.current(), self._invocation)

    @contextmanager
    def _taken_down(self, unit: Any) -> Iterator[None]:
        """Take down that a unit's body begins, before it does, and how long it took."""
        assert self._ledger is not None, "no task runs before the run's folders are entered"
        self._ledger.opened(unit.key, unit.name, unit.task_run, unit.times, self._invocation)
        started = time.monotonic()
        yield
        self._ledger.finished(unit.name, time.monotonic() - started)


def _client() -> Any:
    """The client of whatever is asked now."""
    from prefect.context import AsyncClientContext

    context = AsyncClientContext.get()
    assert context is not None
    return context.client


@contextmanager
def _without_log() -> Iterator[None]:
    """Where nothing will run there is nothing to log, and to set that up takes a twentieth of Prefect's import."""
    try:
        from prefect.logging import configuration

        usual = configuration.setup_logging
    except (ImportError, AttributeError):  # a release that spells it otherwise sets it up
        yield
        return
    configuration.setup_logging = lambda *_, **__: {}
    try:
        yield
    finally:
        configuration.setup_logging = usual


async def _find(name: str) -> Any:
    """The flow run of that name, None if the server never heard of it."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    named = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
    found = await _client().read_flow_runs(flow_run_filter=named, sort=FlowRunSort.START_TIME_ASC, limit=1)
    return found[0] if found else None


async def _kept(state: Any) -> Any:
    """The result of a flow run that has completed; `LOST` if it was not kept, or cannot be read."""
    try:
        return await state.aresult()
    except Exception:  # noqa: BLE001  a missing file, a class that cannot be unpickled, storage that is gone
        return LOST
