"""What limits the body that runs here, and by how much those times are divided so that nobody waits for them in full.

Where a body is made to hang or to be late, a timeout must act. All that are known from the fault-free run are divided
alike, down to a floor that leaves bodies their room. A run that waits for no timeout keeps them as configured. And one
in which a timeout strikes that no fault explains is done again at `EASE` times the time, before anybody is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.history import History, StepEntered, UnitEntered

FLOOR = 0.3
"""Seconds below which no timeout is scaled: a busy machine may stall a healthy body for that long."""
CEILING = 3.0
"""Seconds that the longest timeout should come to, or a run would wait for it longer than anybody watches."""
ROOM = 10
"""How many times as long as the longest body a timeout must stay, and one of the whole run as the whole run."""
EASE = 10
"""How many times as long as usual every time is in a run that is done again."""


@dataclass(frozen=True)
class Limit:
    """A timeout around a body: as it was configured, and as it is here. In seconds.

    One that does not interrupt lets a body that is under way come to its end.
    """

    configured: float
    effective: float
    interrupts: bool = True


_limits: ContextVar[tuple[Limit, ...]] = ContextVar("harness_limits", default=())


def limits() -> tuple[Limit, ...]:
    """What limits the body that runs here, the outermost first."""
    return _limits.get()


def configured() -> list[float]:
    """The same in seconds, as they were configured."""
    return [limit.configured for limit in _limits.get()]


def sparing() -> list[float]:
    """Those of them that let what is under way come to its end."""
    return [limit.configured for limit in _limits.get() if not limit.interrupts]


def shortened() -> list[float]:
    """The same as they are here; nothing if all of them are as they were configured."""
    known = _limits.get()
    return [limit.effective for limit in known] if any(limit.effective < limit.configured for limit in known) else []


@contextmanager
def limited(limit: Limit) -> Iterator[None]:
    """Surround what `limit` limits."""
    before = _limits.get()
    _limits.set((*before, limit))
    try:
        yield
    finally:
        _limits.set(before)


def eased(factor: float, ease: float) -> float:
    """A time factor that makes times `ease` times longer than `factor` does, as long as it still divides them."""
    return max(min(1.0, factor), factor / ease)


@dataclass(frozen=True)
class Clock:
    """Scales timeouts by `factor`, which is 1 where nothing is known. `asked`: it is the person's own.

    Below `floor` no timeout of a body is scaled, below `run_floor` none of the whole run. `ease` makes everything that
    many times longer, though never longer than configured. A `pace` is what waits and timeouts are divided by alike, in
    a run whose waits may outlast a timeout around them.
    """

    factor: float = 1.0
    floor: float = FLOOR
    asked: bool = False
    run_floor: float = FLOOR
    ease: float = 1.0
    pace: float | None = None

    @property
    def divisor(self) -> float:
        """What times are divided by."""
        return eased(self.pace or self.factor, self.ease)

    @property
    def strikes(self) -> bool:
        """Whether timeouts are scaled in this run even if no fault asks for it."""
        return self.asked or self.pace is not None

    def limit(self, configured: float, *, whole: bool = False) -> Limit:
        """A timeout of a body, or of the `whole` run; never longer than configured."""
        floor = self.ease * (self.run_floor if whole else self.floor)
        return Limit(configured, min(configured, max(floor, configured / self.divisor)))


def learned(history: History) -> Clock:
    """The clock for runs that wait for timeouts, from the fault-free run: what was configured, how long bodies took.

    The smallest timeout comes to the floor, or the longest to the ceiling; where the two disagree the ceiling wins.
    """
    from harness.history import StepEntered, UnitEntered
    from harness.steps import StepId

    bodies = [run for run in history.executions if StepId.parse(run.step).path[-1].kind != "run" and run.left]
    longest = max((run.left.time - run.entered.time for run in bodies if run.left), default=0.0)
    entered: list[StepEntered | UnitEntered] = [*history.of(StepEntered), *history.of(UnitEntered)]
    known = [limit for event in entered for limit in event.limits if limit > 0]
    floor, run_floor = max(FLOOR, ROOM * longest), max(FLOOR, ROOM * lasted(history))
    return Clock(max(1.0, min(known) / floor, max(known) / CEILING) if known else 1.0, floor, run_floor=run_floor)


def lasted(history: History) -> float:
    """Seconds from the first to the last that the longest invocation did, without what the engine waited for."""
    from harness.history import EngineWaited

    times: dict[int, list[float]] = defaultdict(list)
    waits: dict[int, float] = defaultdict(float)
    for event in history:
        if event.worker:
            times[event.invocation].append(event.time)
        if isinstance(event, EngineWaited):
            waits[event.invocation] += event.effective
    return max((max(told) - min(told) - waits[number] for number, told in times.items()), default=0.0)


def in_order(limit: Limit) -> Limit:
    """The same timeout, later than those around it that are sooner: what acts first in production must do so here.

    Floors differ, because a run takes longer than a body, so scaling alone would turn some round.
    """
    sooner = [around.effective + FLOOR for around in limits() if around.configured <= limit.configured]
    return Limit(limit.configured, min(limit.configured, max([limit.effective, *sooner])))


def passed(seconds: float) -> float:
    """A planned delay as it is here: shortened as the shortest timeout that it may run into, if there is one."""
    shortest = min(limits(), key=lambda limit: limit.configured, default=Limit(1.0, 1.0))
    return seconds * shortest.effective / shortest.configured
