"""Probes: the wrappers around bodies and commits that write the journal, ask the plan, and act.

A model request, a tool call and an engine's unit all pass through here. At each boundary the event is written first
and the fault happens second: a crash keeps no promises. Which unit a body belongs to is known from the engine's own
key, carried in a context variable from the unit's entry to the body and looked up again at the commit seam.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, TypeVar, cast

from harness.history import CommitEntered, CommitLeft, StepEntered, StepLeft, UnitEntered, UnitLeft
from harness.journal import Journal
from harness.steps import StepId
from harness.subjects.clock import LATE, Clock, Limit, in_order, limited, limits
from harness.subjects.strikes import Strikes

T = TypeVar("T")

RUN_UNIT = "run"
PATIENCE = 5.0
"""Seconds that a call waits for those before it, at most."""
RECORDING = 0.2
"""Seconds within which an engine that records errors has recorded one."""


@dataclass
class _Unit:
    """A unit of the engine whose body is running, or has run and waits for its commit."""

    key: str
    step: StepId
    claimed: bool = False


@dataclass(frozen=True)
class Body:
    """What is known about a body before it runs."""

    step: StepId
    arguments: Any = None
    call: str | None = None
    may: dict[str, Any] | None = None
    calls: Callable[[Any], list[str]] = lambda _result: []
    within: str | None = None


@dataclass(frozen=True)
class _Entered:
    """One attempt at a body. It may end after the next one has begun: an engine gives up what takes too long."""

    body: Body
    own: _Unit | None
    attempt: int

    @property
    def step(self) -> str:
        return str(self.body.step)

    @property
    def unit(self) -> str | None:
        return self.own.key if self.own else None


_step: ContextVar[StepId | None] = ContextVar("harness_step", default=None)
_unit: ContextVar[_Unit | None] = ContextVar("harness_unit", default=None)
_replaying: ContextVar[bool] = ContextVar("harness_replaying", default=False)
_waiting: ContextVar[Body | None] = ContextVar("harness_waiting", default=None)
"""A tool that is itself a unit: its body begins when the engine runs the unit's."""


@dataclass
class Probes:
    """The probes of one process.

    `clock` scales timeouts where one has to act; `siblings` are the tool steps of each response with several calls;
    `settled` the steps recorded in earlier lives; `records_run` says that the engine makes the run's own end durable.
    """

    journal: Journal
    strikes: Strikes
    clock: Clock = field(default_factory=Clock)
    siblings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    records_run: bool = False
    invocation: int = 1
    _units: dict[str, _Unit] = field(default_factory=dict)
    _keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _attempts: Counter[str] = field(default_factory=Counter)
    settled: set[str] = field(default_factory=set)
    _failed: dict[str, float] = field(default_factory=dict)
    _runs: int = 0
    _inner: Counter[tuple[StepId, int]] = field(default_factory=Counter)

    def begin(self, invocation: int) -> None:
        """Another invocation begins: what was counted belongs to the one before, and steps have their ids anew."""
        if invocation != self.invocation:
            self.settled.clear()
            self._failed.clear()
        self.invocation, self._runs = invocation, 0
        self._units.clear()
        self._keys.clear()
        self._attempts.clear()
        self._inner.clear()

    # Bodies: model requests, tool calls, listings.

    async def body(self, body: Body, run: Callable[[], Awaitable[T]], *, opens_unit: bool = False) -> T:
        """Run one body between its probes. With `opens_unit` the engine decides whether it runs at all."""
        body = self._placed(body)
        await self._keep_order(body.step)
        with self._failing(body.step):
            return await self._under(body, run, opens_unit=opens_unit)

    async def _under(self, body: Body, run: Callable[[], Awaitable[T]], *, opens_unit: bool) -> T:
        """Run a body under the unit that is there for it, or that the engine will open for it."""
        if opens_unit:
            if (around := _unit.get()) is not None:
                around.claimed = True  # it only holds the tool's own unit, which is the record of the body
                body = replace(body, within=around.key)
            with _set(_waiting, body):
                result = await run()
            self.settled.add(str(body.step))
            return result
        return await self._run(body, run, _unit.get())

    async def function(
        self,
        body: Body,
        function: Callable[..., Any],
        call: Callable[[Callable[..., Any]], Awaitable[T]],
        *,
        is_async: bool,
    ) -> T:
        """Run a body that is a person's function by `call(function)`, which may put it in a thread or under a timeout.

        What goes wrong then goes wrong inside of both: a plain function that hangs keeps its thread, as real ones do.
        """
        body = self._placed(body)
        await self._keep_order(body.step)
        unit = _unit.get()

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await self._run(body, lambda: function(*args, **kwargs), unit)

        def called(*args: Any, **kwargs: Any) -> Any:
            return self._run_sync(body, lambda: function(*args, **kwargs), unit)

        with self._failing(body.step):
            return await call(wraps(function)(awaited if is_async else called))

    def _placed(self, body: Body) -> Body:
        return replace(body, step=body.step.inside(_step.get()))

    async def _run(self, body: Body, run: Callable[[], Awaitable[T]], unit: _Unit | None) -> T:
        await _pause(self.strikes.at(str(body.step), "before"))
        return await self._finish(self._enter(body, unit), run())

    async def _finish(self, entered: _Entered, running: Awaitable[T]) -> T:
        with self._leaving(entered), _set(_step, entered.body.step):
            result = await running
        self._left(entered, result=result)
        await _pause(self._after(entered))
        return result

    def _run_sync(self, body: Body, run: Callable[[], T], unit: _Unit | None) -> T:
        _pause_sync(self.strikes.at(str(body.step), "before"))
        entered = self._enter(body, unit)
        with self._leaving(entered), _set(_step, body.step):
            result = run()
        if inspect.isawaitable(result):  # no coroutine function, and asynchronous all the same
            return cast(T, self._finish(entered, result))
        self._left(entered, result=result)
        _pause_sync(self._after(entered))
        return result

    @contextmanager
    def _leaving(self, entered: _Entered) -> Iterator[None]:
        """A body that raises has ended, too: a tool asks for other arguments so. Only crashes fit that moment.

        An engine may record an error or not, and the crash comes before it would: after that there may be no commit.
        """
        try:
            yield
        except BaseException as error:
            self._left(entered, error=error)
            self.strikes.at(entered.step, "between", only_crashes=True)
            if entered.own is None:
                self.strikes.at(entered.step, "after", only_crashes=True)
                self.settled.add(entered.step)
            raise

    def _enter(self, body: Body, unit: _Unit | None) -> _Entered:
        """Claim the unit around the body, if it is there to record this body, and announce the body."""
        own = unit if unit is not None and not unit.claimed else None
        if own is not None:
            own.step, own.claimed = body.step, True
        step = str(body.step)
        self._attempts[step] += 1
        entered = _Entered(body, own, self._attempts[step])
        self.journal.append(
            StepEntered(
                step=step,
                unit=entered.unit,
                attempt=entered.attempt,
                arguments=body.arguments,
                call=body.call,
                may=body.may,
                within=body.within,
                limits=[limit.configured for limit in limits()],
            ),
            invocation=self.invocation,
        )
        return entered

    def _left(self, entered: _Entered, *, result: Any = None, error: BaseException | None = None) -> None:
        self.journal.append(
            StepLeft(
                step=entered.step,
                unit=entered.unit,
                attempt=entered.attempt,
                outcome="ok" if error is None else "error",
                result=result,
                error=None if error is None else f"{type(error).__name__}: {error}",
                calls=[] if error is not None else entered.body.calls(result),
            ),
            invocation=self.invocation,
        )

    def _after(self, entered: _Entered) -> float:
        """What strikes once the body has returned. Without a commit, `between` and `after` are this one moment."""
        seconds = self.strikes.at(entered.step, "between", crashes=entered.own is None)
        if entered.own is None:
            seconds += self.strikes.at(entered.step, "after")
            self.settled.add(entered.step)
        return seconds

    @contextmanager
    def run(self) -> Iterator[None]:
        """Surround one run of an agent. A second one in the same container, or in the same body, is `run#2`."""
        if (parent := _step.get()) is not None:
            with _set(_step, self._nested(parent)):
                yield
            return
        self._runs += 1
        step = StepId.of("run", number=self._runs)
        if _replaying.get():
            with self.inside(str(step) if self._runs > 1 else None):
                yield
            return
        unit = None
        if self.records_run and self._runs == 1:
            unit = self._units[RUN_UNIT] = _Unit(RUN_UNIT, step)
        self.strikes.at(str(step), "before")
        entered = self._enter(Body(step), unit)
        try:
            with _set(_step, step if self._runs > 1 else None):
                yield
        except BaseException as error:
            self._left(entered, error=error)
            raise
        self._left(entered)
        self._after(entered)

    def _nested(self, parent: StepId) -> StepId:
        """What the steps of an agent that the body of `parent` runs are inside of; each attempt counts anew."""
        attempt = parent, self._attempts[str(parent)]
        self._inner[attempt] += 1
        number = self._inner[attempt]
        return parent if number == 1 else StepId.of("run", number=number).inside(parent)

    def parent(self) -> StepId | None:
        """The step whose body is running here: what a nested agent's steps are inside of."""
        return _step.get()

    def current(self) -> str | None:
        """The same, spelled."""
        step = _step.get()
        return None if step is None else str(step)

    def place(self) -> str | None:
        """Where what the world sees here belongs: the same, or a unit of the workflow's own, which is a step itself."""
        unit = _unit.get()
        return self.current() if unit is None or unit.claimed or self._is_in_a_body else str(unit.step)

    @property
    def is_around(self) -> bool:
        """Whether what runs here is the agent's own code: in no body, in no unit, and not merely replayed."""
        return not self._is_in_a_body and _unit.get() is None and not _replaying.get()

    @property
    def _is_in_a_body(self) -> bool:
        step = _step.get()
        return step is not None and any(segment.kind != "run" for segment in step.path)

    # Units and commits: what adapters call (`engines.base.Hook`).

    def called(self, key: str, name: str) -> None:
        """Number the units of one name in the container's own order, whether they run or are replayed."""
        if key not in self._keys[name]:
            self._keys[name].append(key)

    def unit(self, body: Callable[..., Any], key: str, name: str, attempt: int | None = None) -> Callable[..., Any]:
        """Wrap the body of a unit: it is the record of the first step that runs in it, or a step of its own."""
        self.called(key, name)
        if inspect.iscoroutinefunction(body):

            @wraps(body)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                unit, waiting = self._open(key, name)
                with _set(_unit, unit), _set(_waiting, None):
                    if waiting is not None:
                        return await self._run(waiting, lambda: body(*args, **kwargs), unit)
                    await _pause(self._unit_entered(unit, name, attempt))
                    with self._unit_left(unit):
                        return await body(*args, **kwargs)

            return awaited

        @wraps(body)
        def called(*args: Any, **kwargs: Any) -> Any:
            unit, waiting = self._open(key, name)
            with _set(_unit, unit), _set(_waiting, None):
                if waiting is not None:
                    return self._run_sync(waiting, lambda: body(*args, **kwargs), unit)
                _pause_sync(self._unit_entered(unit, name, attempt))
                with self._unit_left(unit):
                    return body(*args, **kwargs)

        return called

    def _open(self, key: str, name: str) -> tuple[_Unit, Body | None]:
        step = StepId.of("step", name, self._keys[name].index(key) + 1).inside(_step.get())
        self._units[key] = unit = _Unit(key, step)
        return unit, _waiting.get()

    def _unit_entered(self, unit: _Unit, name: str, attempt: int | None) -> float:
        seconds = self.strikes.at(str(unit.step), "before")
        self.journal.append(
            UnitEntered(
                unit=unit.key,
                name=name,
                step=str(unit.step),
                attempt=attempt or 1,
                limits=[limit.configured for limit in limits()],
            ),
            invocation=self.invocation,
        )
        return seconds

    @contextmanager
    def _unit_left(self, unit: _Unit) -> Iterator[None]:
        outcome, text = "ok", None
        try:
            yield
        except BaseException as error:
            outcome, text = "error", f"{type(error).__name__}: {error}"
            raise
        finally:
            left = UnitLeft(unit=unit.key, step=str(unit.step), claimed=unit.claimed, outcome=outcome, error=text)
            self.journal.append(left, invocation=self.invocation)

    @contextmanager
    def commit(self, key: str) -> Iterator[None]:
        """Surround the seam at which the engine makes a result durable. A key nobody ran here is none of ours."""
        unit = self._units.get(key)
        if unit is None:
            yield
            return
        step = str(unit.step)
        self.journal.append(CommitEntered(step=step, unit=key), invocation=self.invocation)
        self.strikes.at(step, "between", crashes=True, only_crashes=True)
        yield
        self.journal.append(CommitLeft(step=step, unit=key), invocation=self.invocation)
        self.strikes.at(step, "after")
        self.settled.add(step)

    def plans(self, *actions: str) -> bool:
        """Whether one of these actions is planned for this run: after a `hang`, the engine's timeouts must act."""
        return any(fault.action in actions for fault in self.strikes.plan.faults)

    def limit(self, seconds: float, *, whole: bool = False) -> float:
        """What a configured timeout is to be here: shorter, if one has to act in this run."""
        if not self.clock.asked and not self.plans(*LATE):
            return seconds
        return in_order(self.clock.limit(seconds, whole=whole)).effective

    def limited(self, configured: float, effective: float) -> AbstractContextManager[None]:
        """Surround what is given up after so many seconds: as configured, and as it is here."""
        return limited(Limit(configured, effective))

    def scaled(self, factor: float) -> None:
        """Say that times are divided by `factor` here, so that a planned delay is, too."""
        self.strikes.scale = factor

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """Surround the container's code when it runs again in the same process only to be replayed: no run begins."""
        self._runs = 0
        with _set(_replaying, True):
            yield

    def begun(self) -> int:
        """How many agent runs the container has begun, for one that goes on as another container."""
        return self._runs

    def continues(self, begun: int) -> None:
        """The container that begins here goes on with one that had `begun` so many agent runs: they keep their ids.

        The run's own end is still to be recorded, by whoever has come to it.
        """
        self._runs = begun
        if self.records_run and begun:
            self._units.setdefault(RUN_UNIT, _Unit(RUN_UNIT, StepId.of("run")))

    @contextmanager
    def inside(self, step: str | None) -> Iterator[None]:
        """Go on inside `step`, as `current` told it elsewhere."""
        with _set(_step, None if step is None else StepId.parse(step)):
            yield

    # Order of parallel calls.

    async def _keep_order(self, step: StepId) -> None:
        """Where a fault is planned among parallel calls, let earlier calls commit before it and start later ones after.

        So a plan means one thing: the histories of parallel calls would otherwise depend on the scheduler.
        """
        group = self.siblings.get(str(step), ())
        targets = [sibling for sibling in group if self.strikes.planned(sibling)]
        if not targets:
            return
        earlier = group[: group.index(str(step))]
        waits_for = [sibling for sibling in earlier if str(step) in targets or sibling in targets]
        deadline = time.monotonic() + PATIENCE
        # A poll, because calls may run in several event loops and threads, and engines may run them one by one.
        while not all(map(self._is_over, waits_for)) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    @contextmanager
    def _failing(self, step: StepId) -> Iterator[None]:
        """Take down when a call ends with an error, its own or one that was planned."""
        try:
            yield
        except BaseException:
            self._failed[str(step)] = time.monotonic()
            raise

    def _is_over(self, step: str) -> bool:
        """Whether a call is settled. An error may be recorded or not, and if it is, then at once."""
        return step in self.settled or time.monotonic() - self._failed.get(step, math.inf) > RECORDING


async def _pause(seconds: float) -> None:
    if seconds == float("inf"):
        await asyncio.Event().wait()
    elif seconds:
        await asyncio.sleep(seconds)


def _pause_sync(seconds: float) -> None:
    if seconds == float("inf"):
        threading.Event().wait()
    elif seconds:
        time.sleep(seconds)


@contextmanager
def _set(variable: ContextVar[T], value: T) -> Iterator[None]:
    # Set back rather than reset: generators may be closed in another context than they were entered in.
    old = variable.get()
    variable.set(value)
    try:
        yield
    finally:
        variable.set(old)
