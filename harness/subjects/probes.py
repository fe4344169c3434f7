"""Probes: the wrappers around bodies and commits that write the journal, ask the plan, and act.

A model request, a tool call and an engine's unit all pass through here. At each boundary the event is written first
and the fault happens second: a crash keeps no promises. Which unit a body belongs to is known from the engine's own
key, carried in a context variable from the unit's entry to the body and looked up again at the commit seam.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, Literal, TypeVar, cast

from harness.faults import LATE
from harness.history import StepEntered, StepLeft
from harness.journal import Journal
from harness.steps import StepId
from harness.subjects import units
from harness.subjects.clock import Clock, Limit, configured, in_order, limited, shortened
from harness.subjects.commits import Commit
from harness.subjects.numbers import Numbers
from harness.subjects.places import (
    Body,
    Entered,
    Setting,
    Unit,
    placed,
    replaying_here,
    step_here,
    surrounded,
    unit_here,
    waiting_here,
)
from harness.subjects.strikes import Strikes, pause
from harness.subjects.turns import Turns
from harness.subjects.units import named

__all__ = ["Body", "Probes"]

T = TypeVar("T")

RUN_UNIT = "run"


@dataclass
class Probes:
    """The probes of one process.

    `clock` scales timeouts where one has to act; `siblings` are the tool steps of each response with several calls;
    `settled` the steps recorded in earlier lives; `records_run` says that the engine makes the run's own end durable,
    and `is_own` that the run is a workflow or flow of the person's own, which may have no agent, or several.
    """

    journal: Journal
    strikes: Strikes
    clock: Clock = field(default_factory=Clock)
    siblings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    records_run: bool = False
    is_own: bool = False
    invocation: int = 1
    _units: dict[str, Unit] = field(default_factory=dict)
    _numbers: Numbers = field(default_factory=Numbers)
    _attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    settled: set[str] = field(default_factory=set)
    committing: set[str] = field(default_factory=set)
    _runs: int = 0
    _contained: Literal["no", "now", "before"] = "no"
    _inner: Counter[tuple[StepId, int]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._turns = Turns(self.siblings, self.strikes.planned, self.settled)

    def begin(self, invocation: int) -> None:
        """Another invocation begins: what was counted belongs to the one before, and steps have their ids anew."""
        if invocation != self.invocation:
            self.settled.clear()
            self._turns.forget()
        self.invocation, self._runs, self._contained = invocation, 0, "no"
        self._units.clear()
        self._numbers.clear()
        self._attempts.clear()
        self._inner.clear()

    # Bodies: model requests, tool calls, listings.

    async def body(self, body: Body, run: Callable[[], Awaitable[T]], *, opens_unit: bool = False) -> T:
        """Run one body between its probes. With `opens_unit` the engine decides whether it runs at all."""
        body = placed(body)
        try:
            if self.siblings:
                await self._turns.wait(str(body.step))
            if opens_unit:
                return await self._opening(body, run)
            return await self._run(body, run, unit_here.get())
        except BaseException:
            self._turns.failed(str(body.step))
            raise

    async def _opening(self, body: Body, run: Callable[[], Awaitable[T]]) -> T:
        """Run what has the engine open a unit for the body."""
        body = replace(body, own=True)
        if (around := unit_here.get()) is not None:
            around.claimed = True  # it only holds the tool's own unit, which is the record of the body
            body = replace(body, within=around.key)
        with Setting(waiting_here, body):
            result = await run()
        self.settled.add(str(body.step))
        return result

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
        body, unit = placed(body), unit_here.get()

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await self._run(body, lambda: function(*args, **kwargs), unit)

        def called(*args: Any, **kwargs: Any) -> Any:
            return self._run_sync(body, lambda: function(*args, **kwargs), unit)

        try:
            if self.siblings:
                await self._turns.wait(str(body.step))
            return await call(wraps(function)(awaited if is_async else called))
        except BaseException:
            self._turns.failed(str(body.step))
            raise

    async def _run(self, body: Body, run: Callable[[], Awaitable[T]], unit: Unit | None) -> T:
        step = str(body.step)
        if seconds := self.strikes.at(step, "before"):
            await self.strikes.hold(seconds)
        return await self._finish(self._enter(body, step, unit), run())

    async def _finish(self, entered: Entered, running: Awaitable[T]) -> T:
        try:
            with Setting(step_here, entered.body.step):
                result = await running
        except BaseException as error:
            self._raised(entered, error)
            raise
        if seconds := self._returned(entered, result):
            await self.strikes.hold(seconds)
        return result

    def _run_sync(self, body: Body, run: Callable[[], T], unit: Unit | None) -> T:
        step = str(body.step)
        pause(self.strikes.at(step, "before"))
        entered = self._enter(body, step, unit)
        try:
            with Setting(step_here, body.step):
                result = run()
        except BaseException as error:
            self._raised(entered, error)
            raise
        if inspect.isawaitable(result):  # no coroutine function, and asynchronous all the same
            return cast(T, self._finish(entered, result))
        pause(self._returned(entered, result))
        return result

    def _enter(self, body: Body, step: str, unit: Unit | None) -> Entered:
        """Claim the unit around the body, if it is there to record this body, and announce the body."""
        key = None
        if unit is not None and not unit.claimed:
            key, unit.step, unit.claimed = unit.key, step, True
        self._attempts[step] += 1
        entered = Entered(body, step, key, self._attempts[step])
        self.journal.tell(
            StepEntered,
            step=step,
            unit=key,
            attempt=entered.attempt,
            function=body.function,
            arguments=body.arguments,
            call=body.call,
            may=body.may,
            within=body.within,
            own=body.own,
            limits=configured(),
            effective=shortened(),
            invocation=self.invocation,
        )
        return entered

    def _returned(self, entered: Entered, result: Any, *, holds: bool = True) -> float:
        """A body has returned. Without a commit, the windows `between` and `after` are this one moment."""
        self._left(entered, result=result, calls=entered.body.calls(result))
        seconds = self.strikes.at(entered.step, "between", crashes=entered.unit is None, holds=holds)
        if entered.unit is None:
            seconds += self.strikes.at(entered.step, "after")
            self.settled.add(entered.step)
        return seconds

    def _raised(self, entered: Entered, error: BaseException) -> None:
        """A body that raises has ended, too: a tool asks for other arguments so. Only crashes fit that moment.

        An engine may record an error or not, and the crash comes before it would: after that there may be no commit.
        """
        self._left(entered, error=error)
        self.strikes.at(entered.step, "between", only_crashes=True)
        if entered.unit is None:
            self.strikes.at(entered.step, "after", only_crashes=True)
            self.settled.add(entered.step)

    def _left(
        self, entered: Entered, *, result: Any = None, calls: Sequence[str] = (), error: BaseException | None = None
    ) -> None:
        self.journal.tell(
            StepLeft,
            step=entered.step,
            unit=entered.unit,
            attempt=entered.attempt,
            outcome="ok" if error is None or units.handed_over(error) else "error",
            result=result,
            error=named(error),
            calls=list(calls),
            invocation=self.invocation,
        )

    @contextmanager
    def run(self) -> Iterator[None]:
        """Surround one run of an agent. A second one in the same container, or in the same body, is `run#2`."""
        if (parent := step_here.get()) is not None:
            with Setting(step_here, self._nested(parent)):
                yield
            return
        self._runs += 1
        step = StepId.of("run", number=self._runs)
        if replaying_here.get() or (self._contained == "now" and self._runs == 1):
            with self.inside(str(step) if self._runs > 1 else None):
                yield
            return
        with self._around(step):
            yield

    @contextmanager
    def container(self) -> Iterator[None]:
        """Surround the code of a workflow or flow as it runs here: if it is the person's own, that is the run.

        The first agent in it has its steps there. What the same process runs again, after a failure, is a replay.
        """
        if not self.is_own or self._contained == "now":
            yield
            return
        again, self._contained = self._contained == "before", "now"
        try:
            with self.replaying() if again else self._around(StepId.of("run"), own=True):
                yield
        finally:
            self._contained = "before"

    @contextmanager
    def _around(self, step: StepId, *, own: bool = False) -> Iterator[None]:
        """Surround the body of a run, the first of which is the one that the engine keeps the outcome of."""
        number, unit = step.path[-1].number, None
        if self.records_run and number == 1:
            unit = self._units[RUN_UNIT] = Unit(RUN_UNIT, str(step))
        self.strikes.at(str(step), "before", holds=False)
        entered = self._enter(Body(step, own=own), str(step), unit)
        with self._entered(entered), Setting(step_here, step if number > 1 else None):
            yield

    @contextmanager
    def _entered(self, entered: Entered) -> Iterator[None]:
        """Surround a body that is already announced and has no result of its own."""
        try:
            yield
        except BaseException as error:
            self._left(entered, error=error)
            raise
        self._returned(entered, None, holds=False)

    def _nested(self, parent: StepId) -> StepId:
        """What the steps of an agent that the body of `parent` runs are inside of; each attempt counts anew."""
        attempt = parent, self._attempts[str(parent)]
        self._inner[attempt] += 1
        number = self._inner[attempt]
        return parent if number == 1 else StepId.of("run", number=number).inside(parent)

    def parent(self) -> StepId | None:
        """The step whose body is running here: what a nested agent's steps are inside of."""
        return step_here.get()

    def current(self) -> str | None:
        """The same, spelled."""
        step = step_here.get()
        return None if step is None else str(step)

    def place(self) -> str | None:
        """Where what the world sees here belongs: the same, or a unit of the workflow's own, which is a step itself."""
        unit = unit_here.get()
        return self.current() if unit is None or unit.claimed or self._is_in_a_body else unit.step

    @property
    def is_around(self) -> bool:
        """Whether what runs here is the agent's own code: in no body, in no unit, and not merely replayed."""
        return not self._is_in_a_body and unit_here.get() is None and not replaying_here.get()

    @property
    def _is_in_a_body(self) -> bool:
        step = step_here.get()
        return step is not None and any(segment.kind not in ("run", "step") for segment in step.path)

    # Units and commits: what adapters call (`engines.base.Hook`).

    def called(self, key: str, name: str) -> None:
        """Number the units of one name in the container's own order, whether they run or are replayed."""
        self._numbers.called(key, name)

    def known(self, place: str, key: str) -> None:
        """Unit `key` has the number of the place at which it was asked for."""
        self._numbers.known(place, key)

    def unit(
        self, body: Callable[..., Any], key: str, name: str, attempt: int | None = None, tries: int | None = None
    ) -> Callable[..., Any]:
        """Wrap the body of a unit: it is the record of the first step that runs in it, or a step of its own."""
        self.called(key, name)
        if inspect.iscoroutinefunction(body):

            @wraps(body)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                unit, waiting = self._open(key, name, attempt, tries), waiting_here.get()
                with Setting(unit_here, unit):
                    if waiting is not None:
                        with Setting(waiting_here, None):
                            return await self._run(waiting, lambda: body(*args, **kwargs), unit)
                    if seconds := units.entered(self, unit, name, attempt, (args, kwargs)):
                        await self.strikes.hold(seconds)
                    try:
                        result = await body(*args, **kwargs)
                    except BaseException as error:
                        units.left(self, unit, error)
                        raise
                    if seconds := units.left(self, unit, result=result):
                        await self.strikes.hold(seconds)
                    return result

            return awaited

        @wraps(body)
        def called(*args: Any, **kwargs: Any) -> Any:
            unit, waiting = self._open(key, name, attempt, tries), waiting_here.get()
            with Setting(unit_here, unit):
                if waiting is not None:
                    with Setting(waiting_here, None):
                        return self._run_sync(waiting, lambda: body(*args, **kwargs), unit)
                pause(units.entered(self, unit, name, attempt, (args, kwargs)))
                try:
                    result = body(*args, **kwargs)
                except BaseException as error:
                    units.left(self, unit, error)
                    raise
                pause(units.left(self, unit, result=result))
                return result

        return called

    def part(self, body: Callable[..., Any], key: str, name: str) -> Callable[..., Any]:
        """Wrap the body of a unit that has units of its own, as a workflow has that a workflow calls."""
        seen = self.unit(body, key, name)
        step = Body(self._numbers.step(key, name))
        return surrounded(seen, lambda: Setting(waiting_here, step))

    @contextmanager
    def child(
        self, key: str, name: str, attempt: int | None = None, tries: int | None = None, *, again: bool = False
    ) -> Iterator[None]:
        """The same around code that may not pause. What is replayed, or goes on, neither begins nor ends here."""
        self.called(key, name)
        step = self._numbers.step(key, name)
        if again:
            self._units.setdefault(key, Unit(key, str(step), claimed=True))
            self._inner.pop((step, self._attempts[str(step)]), None)
            with Setting(replaying_here, True), Setting(step_here, step):
                yield
            return
        unit = self._open(key, name, attempt, tries)
        self.strikes.at(str(step), "before", holds=False)
        with self._entered(self._enter(Body(step), str(step), unit)), Setting(step_here, step):
            yield

    def unkept(self, body: Callable[..., Any], key: str, name: str) -> Callable[..., Any]:
        """Wrap a function of the person's own that the engine runs like a unit, and whose result it will not keep.

        In a body it is a part of that; else it is a step of its own, which has no record.
        """
        if self._is_in_a_body or unit_here.get() is not None:
            return body
        self.called(key, name)
        step = Body(self._numbers.step(key, name))
        if inspect.iscoroutinefunction(body):

            @wraps(body)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                return await self._run(step, lambda: body(*args, **kwargs), None)

            return awaited

        @wraps(body)
        def called(*args: Any, **kwargs: Any) -> Any:
            return self._run_sync(step, lambda: body(*args, **kwargs), None)

        return called

    def _open(self, key: str, name: str, attempt: int | None, tries: int | None) -> Unit:
        self._units[key] = unit = Unit(key, str(self._numbers.step(key, name)))
        if tries is not None:
            units.tried(self, unit, attempt or 1, tries)
        return unit

    def commit(self, key: str) -> AbstractContextManager[None]:
        """Surround the seam at which the engine makes a result durable. A key nobody ran here is none of ours."""
        unit = self._units.get(key)
        return nullcontext() if unit is None else Commit(self, unit)

    def answered(self, key: str, answer: Any) -> None:
        """The engine gave `answer` to whoever asked for unit `key`."""
        if key not in self._units:
            units.answered(self, key, answer)

    def asked(self, key: str, place: str, name: str, given: Mapping[str, Any] | None, *, found: bool) -> None:
        """Somebody asks at `place` for unit `key`, which a person has made up."""
        self.called(place, name)
        units.asked(self, key, self._numbers.step(place, name), given, found=found)

    def plans(self, *actions: str) -> bool:
        """Whether one of these actions is planned for this run: after a `hang`, the engine's timeouts must act."""
        return any(fault.action in actions for fault in self.strikes.plan.faults)

    def limit(self, seconds: float, *, whole: bool = False) -> float:
        """What a configured timeout is to be here: shorter, if one has to act in this run."""
        if not self.clock.strikes and not self.plans(*LATE):
            return seconds
        return in_order(self.clock.limit(seconds, whole=whole)).effective

    def ease(self) -> float:
        """How many times longer than usual scaled times are to be here."""
        return self.clock.ease

    def pace(self) -> float | None:
        """What waits and the timeouts around them are divided by alike, if that has to be here."""
        return self.clock.pace

    def waits(self, seconds: float, effective: float, *within: float) -> None:
        """The engine waits where it is said, inside of what limits it there and of `within`."""
        units.waited(self, seconds, effective, within)

    def limited(self, configured: float, effective: float, *, interrupts: bool = True) -> AbstractContextManager[None]:
        """Surround what is given up after so many seconds: as configured, and as it is here."""
        return limited(Limit(configured, effective, interrupts))

    def scaled(self, factor: float) -> None:
        """Say that times are divided by `factor` here, so that a planned delay is, too."""
        self.strikes.scale = factor

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """Surround the container's code when it runs again in the same process only to be replayed: no run begins."""
        self._runs = 0
        with Setting(replaying_here, True):
            yield

    def begun(self) -> int:
        """How many agent runs the container has begun, for one that goes on as another container."""
        return self._runs if (here := step_here.get()) is None else self._inner[here, self._attempts[str(here)]]

    def continues(self, begun: int) -> None:
        """The container that begins here goes on with one that had `begun` so many agent runs: they keep their ids.

        The run's own end is still to be recorded, by whoever has come to it.
        """
        if (here := step_here.get()) is not None:
            self._inner[here, self._attempts[str(here)]] = begun
            return
        self._runs = begun
        if self.records_run and begun:
            self._units.setdefault(RUN_UNIT, Unit(RUN_UNIT, str(StepId.of("run"))))

    @contextmanager
    def inside(self, step: str | None) -> Iterator[None]:
        """Go on inside `step`, as `current` told it elsewhere."""
        with Setting(step_here, None if step is None else StepId.parse(step)):
            yield
