"""What happened, as data: the events of a journal and a read-only view over them.

Events are facts (probes saw them) or testimony (`EngineRecord`: the engine says so). They are joined by `unit`, the
key that the engine itself gave the unit when its body was entered; never by name, order or clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache, cached_property
from typing import Any, ClassVar, Self, TypeVar

from harness.steps import StepId

E = TypeVar("E", bound="Event")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of a journal. `seq` is the line's number, from 1; times are seconds since the epoch, for people only."""

    kinds: ClassVar[dict[str, type[Event]]] = {}
    seq: int = -1
    time: float = 0.0
    pid: int = 0
    worker: int = 0
    incarnation: int = 0
    invocation: int = 1

    def __init_subclass__(cls) -> None:
        cls.kinds[cls.__name__] = cls

    def to_json(self) -> dict[str, Any]:
        """The event as JSON values, without `seq` (a line's number is where it stands)."""
        values = {"kind": type(self).__name__, **vars(self)}
        del values["seq"]
        return values

    @classmethod
    def from_json(cls, seq: int, values: dict[str, Any]) -> Event:
        """The event of one line. Fields this version does not know are left out; an unknown kind is a `Note`."""
        kind = str(values.get("kind"))
        if kind not in cls.kinds:
            return Note(seq=seq, text=f"an event of another version: {values.get('kind')!r}")
        return cls.kinds[kind](**{name: values[name] for name in _names(kind) if name in values}, seq=seq)


@cache
def _names(kind: str) -> tuple[str, ...]:
    """The fields of a line, asked for at every probe."""
    return tuple(field.name for field in fields(Event.kinds[kind]) if field.name != "seq")


@cache
def unsaid(kind: Any) -> dict[str, Any]:
    """What a line of this kind says before anything is told: its fields in their order, each at its default."""
    return {"kind": kind.__name__, **{field.name: _default(field) for field in fields(kind) if field.name != "seq"}}


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return None if field.default is MISSING else field.default


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A run begins: what is run, under which engine, with which faults."""

    run: str
    engine: str
    subject: str
    plan: str


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """The run is over. `how` is `finished`, `stuck` (the watchdog ended it) or `limit` (too many incarnations)."""

    how: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcessStarted(Event):
    """A life of the process begins."""

    hash_seed: int = 0
    cold: bool = False
    recovering: bool = False


@dataclass(frozen=True, kw_only=True)
class ProcessEnded(Event):
    """A life of the process ended. `cause` is `crash`, `exit`, `hang` or `death` (killed, but not by a fault)."""

    cause: str
    signal: int | None = None
    code: int | None = None
    stacks: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServerChanged(Event):
    """The engine's server was killed or started."""

    act: str


@dataclass(frozen=True, kw_only=True)
class UnitEntered(Event):
    """The engine runs the body of one of its units. `step` is the id it has if no step's body turns out to be in it.

    `limits` are the timeouts that are known to be around it, in seconds as they were configured.
    """

    unit: str
    name: str
    step: str
    attempt: int = 1
    limits: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class UnitLeft(Event):
    """The body of a unit returned or raised. `claimed` says whether the unit was the record of another step."""

    unit: str
    step: str
    claimed: bool
    outcome: str = "ok"
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class StepEntered(Event):
    """A body is about to run. `unit` is the engine's key for it, None where the engine records nothing.

    `within` is the key of a unit that holds that unit and nothing else, and so is no step of its own. `limits` are the
    timeouts that are known to be around the body, in seconds as they were configured.
    """

    step: str
    unit: str | None = None
    attempt: int = 1
    arguments: Any = None
    call: str | None = None
    may: dict[str, Any] | None = None
    within: str | None = None
    limits: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StepLeft(Event):
    """A body returned (`ok`) or raised (`error`). For a model request, `calls` are the tool steps it asked for."""

    step: str
    unit: str | None = None
    attempt: int = 1
    outcome: str = "ok"
    result: Any = None
    error: str | None = None
    calls: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CommitEntered(Event):
    """The engine is about to make the result of a unit durable."""

    step: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class CommitLeft(Event):
    """The engine says that it is durable."""

    step: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class Effect(Event):
    """Something the outside world saw, declared by `harness.effect` or read off the wire."""

    name: str
    step: str | None = None
    key: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Called(Event):
    """A function of the person's own ran outside every step. `role` says what it is to the agent."""

    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Sent(Event):
    """A request that the body of `step` sent to change something elsewhere, and the idempotency key in its headers."""

    name: str
    step: str
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class HttpRequest(Event):
    """A request that reached the wire, and what it met there: a `status`, or the name of an error.

    `headers` are those that tell attempts and repeats apart. `step` is the body that it came from.
    """

    method: str
    host: str
    path: str = ""
    status: int | None = None
    error: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    step: str | None = None


@dataclass(frozen=True, kw_only=True)
class Waited(Event):
    """A wait inside a body, in configured seconds; how long it really took is another matter."""

    seconds: float
    step: str | None = None


@dataclass(frozen=True, kw_only=True)
class FaultFired(Event):
    """A planned fault is about to happen. `fault` is its spelling in the plan.

    `wait` is for how many seconds nothing may happen after it, rightly: a delay, or the longest timeout around a hang.
    """

    fault: str
    step: str
    window: str
    wait: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome(Event):
    """How one invocation ended, as its caller sees it. `status` is `ok` or `error`."""

    status: str
    output: Any = None
    messages: Any = None
    usage: dict[str, Any] | None = None
    error: str | None = None
    error_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class EngineRecord(Event):
    """Testimony: what the engine's own records say of one unit or of the run."""

    unit: str
    name: str
    status: str
    attempts: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Observation(Event):
    """Something that needed the engine to find out, kept so that nothing later needs the engine."""

    name: str
    value: Any = None


CANCELLED = "hang cancelled"
"""The observation that a hang was ended from outside, so that nothing of it goes on in its process."""
SHOWN = "shown"
"""The observation that holds the names of the tools that the model request of a `step` shows, in their order."""


@dataclass(frozen=True, kw_only=True)
class Note(Event):
    """A sentence for the report: what the harness did differently, or could not see."""

    text: str


@dataclass(frozen=True)
class Execution:
    """One time that a body ran: its events, as far as it got."""

    entered: StepEntered | UnitEntered
    left: StepLeft | UnitLeft | None
    commit_entered: CommitEntered | None
    commit_left: CommitLeft | None

    @property
    def step(self) -> str:
        return self.entered.step

    @property
    def incarnation(self) -> int:
        return self.entered.incarnation

    @property
    def finished(self) -> bool:
        """The body returned before its process died."""
        return self.left is not None and self.left.outcome == "ok"

    @property
    def recorded(self) -> bool:
        """The engine said that it had made the result durable."""
        return self.commit_left is not None

    @property
    def arguments(self) -> Any:
        return self.entered.arguments if isinstance(self.entered, StepEntered) else None


@dataclass(frozen=True)
class History:
    """Immutable view over the events of one run. `torn` says that the last line was cut off by a death."""

    events: tuple[Event, ...]
    torn: bool = False

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """Every event of one kind, in the order of the journal."""
        if kind not in self._by_kind:
            self._by_kind[kind] = tuple(event for event in self.events if isinstance(event, kind))
        return self._by_kind[kind]

    def observed(self, name: str) -> tuple[Observation, ...]:
        """Every observation of one name."""
        return tuple(event for event in self.of(Observation) if event.name == name)

    @cached_property
    def _by_kind(self) -> dict[type[Any], tuple[Any, ...]]:
        """What has been asked for so far: checks ask for the same few kinds over and over."""
        return {}

    @cached_property
    def executions(self) -> tuple[Execution, ...]:
        """Every time that a body ran, in the order in which the bodies were entered."""
        return tuple(sorted(_executions(self.events), key=lambda execution: execution.entered.seq))

    @cached_property
    def by_step(self) -> dict[str, tuple[Execution, ...]]:
        """Executions per step and invocation; steps in the order of their first body. Invocation 1 has bare ids."""
        grouped: dict[str, list[Execution]] = defaultdict(list)
        for execution in self.executions:
            grouped[spelled(execution.step, execution.entered.invocation)].append(execution)
        return {step: tuple(executions) for step, executions in grouped.items()}

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose bodies ran, in the order of their first body."""
        return tuple(self.by_step)

    def recorded_steps(self) -> frozenset[str]:
        """The steps for which the engine passed its commit seam at least once."""
        return frozenset(step for step, runs in self.by_step.items() if any(run.commit_entered for run in runs))

    @cached_property
    def fired(self) -> tuple[FaultFired, ...]:
        return self.of(FaultFired)

    @cached_property
    def outcomes(self) -> dict[int, Outcome]:
        """The last outcome of each invocation."""
        return {outcome.invocation: outcome for outcome in self.of(Outcome)}

    @property
    def incarnations(self) -> int:
        return len(self.of(ProcessStarted))

    def deaths(self) -> tuple[ProcessEnded, ...]:
        """Ends of processes that were no orderly exits."""
        return tuple(end for end in self.of(ProcessEnded) if end.cause != "exit")

    def siblings(self) -> dict[str, tuple[str, ...]]:
        """For each tool step of a response with several calls: those calls of it that ran, in message order.

        A call that the agent rejected has no body: whoever waited for its end would wait in vain.
        """
        ran = {execution.step for execution in self.executions}
        groups = [tuple(step for step in left.calls if step in ran) for left in self.of(StepLeft)]
        return {step: group for group in groups if len(group) > 1 for step in group}

    def calls(self, invocation: int) -> dict[str, list[str]]:
        """For each model request of one invocation, the tool calls that it asked for, in message order."""
        return {left.step: left.calls for left in self.of(StepLeft) if left.calls and left.invocation == invocation}

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def before(self, seq: int) -> Self:
        """The history up to and without event `seq`."""
        return type(self)(tuple(event for event in self.events if event.seq < seq))


def spelled(step: str, invocation: int) -> str:
    """The id of a step of one of several invocations: `run#2.model#1`; the first invocation is left out."""
    if invocation == 1:
        return step
    return f"run#{invocation}" if step == "run" else f"run#{invocation}.{step}"


def located(step: str) -> tuple[int, str]:
    """The reverse of `spelled`: which invocation, and the step inside it."""
    head = StepId.parse(step).path[0]
    if head.kind != "run" or head.number == 1:
        return 1, step
    return head.number, step.partition(".")[2] or "run"


class _Open:
    """The events of one execution while the journal is being read."""

    def __init__(self, entered: StepEntered | UnitEntered) -> None:
        self.entered = entered
        self.left: StepLeft | UnitLeft | None = None
        self.commit_entered: CommitEntered | None = None
        self.commit_left: CommitLeft | None = None
        self.claimed = False

    def close(self) -> Execution:
        return Execution(self.entered, self.left, self.commit_entered, self.commit_left)


def _executions(events: tuple[Event, ...]) -> Iterator[Execution]:
    """Join events into executions. A unit that records another step is that step's execution, not one of its own."""
    bodies = _Bodies()
    for event in events:
        bodies.take(event)
    # A unit that died before the step in it was entered is known by its key, once another life enters that step.
    entered = [event for event in events if isinstance(event, StepEntered)]
    claimed = {(event.invocation, unit) for event in entered for unit in (event.unit, event.within) if unit}
    for opened in bodies.all:
        unit = opened.entered
        if isinstance(unit, UnitEntered) and (opened.claimed or (unit.invocation, unit.unit) in claimed):
            continue
        yield opened.close()


class _Bodies:
    """Finds the body that an event belongs to, per process: nothing that one process began is finished by another."""

    def __init__(self) -> None:
        self.all: list[_Open] = []
        self._steps: dict[tuple[Any, ...], _Open] = {}
        self._units: dict[tuple[Any, ...], _Open] = {}

    def take(self, event: Event) -> None:
        place = (event.pid, event.incarnation, event.invocation)
        match event:
            case StepEntered():
                if event.unit is not None and (unit := self._units.get((*place, event.unit))):
                    unit.claimed = True
                self._steps[(*place, event.step)] = self._steps[(*place, event.step, event.attempt)] = self._open(event)
            case UnitEntered():
                self._units[(*place, event.unit)] = self._open(event)
            case StepLeft():
                # An attempt that was given up may return after the next one has begun.
                known = self._steps.get((*place, event.step, event.attempt)) or self._steps.get((*place, event.step))
                if known is not None:
                    known.left = event
            case UnitLeft() if unit := self._units.get((*place, event.unit)):
                unit.left, unit.claimed = event, unit.claimed or event.claimed
            case FaultFired(window="before"):
                self._struck(place, event)
            case CommitEntered() | CommitLeft():
                self._commit(place, event)

    def _struck(self, place: tuple[Any, ...], fired: FaultFired) -> None:
        """A fault before a body, in a unit that was just opened for it: the unit is that step's, which never began."""
        waiting = [
            unit for key, unit in self._units.items() if key[:3] == place and unit.left is None and not unit.claimed
        ]
        latest = max(waiting, key=lambda unit: unit.entered.seq, default=None)
        if latest is not None and spelled(latest.entered.step, fired.invocation) != fired.step:
            latest.claimed = True

    def _open(self, entered: StepEntered | UnitEntered) -> _Open:
        self.all.append(opened := _Open(entered))
        return opened

    def _commit(self, place: tuple[Any, ...], event: CommitEntered | CommitLeft) -> None:
        for known in (self._steps.get((*place, event.step)), self._units.get((*place, event.unit))):
            if known is None:
                continue
            if isinstance(event, CommitEntered):
                known.commit_entered = event
            else:
                known.commit_left = event
