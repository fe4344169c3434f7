"""The events of a journal, one class per kind of line.

Events are facts (probes saw them) or testimony (`EngineRecord`: the engine says so). A field that a kind gains later
needs a default, so that journals written before can still be read.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar


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
class UnitTried(Event):
    """The engine begins an attempt at one of its units, and has said how many it declares for it (0: any number).

    It is written before anything of the attempt happens: one that an error keeps from its body was made, too. `attempt`
    is the engine's own number; `step` is that of the body, if it is known by then.
    """

    unit: str
    step: str
    attempt: int
    tries: int


@dataclass(frozen=True, kw_only=True)
class UnitEntered(Event):
    """The engine runs the body of one of its units. `step` is the id it has if no step's body turns out to be in it.

    `limits` are the timeouts that are known to be around it, in seconds as they were configured; `effective` are the
    same as they are here, unless that is the same, and `sparing` those of `limits` that let a body that is under way
    come to its end. `given` is a digest of the plain values that it was called with.
    """

    unit: str
    name: str
    step: str
    attempt: int = 1
    given: str | None = None
    limits: list[float] = field(default_factory=list)
    effective: list[float] = field(default_factory=list)
    sparing: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class EngineWaited(Event):
    """The engine waits, for a retry or a timer: for so many seconds as `configured`, and `effective` ones here.

    `limits` are the timeouts that count this wait, as configured, and `sparing` as in `UnitEntered`.
    """

    configured: float
    effective: float
    limits: list[float] = field(default_factory=list)
    sparing: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Paced(Event):
    """This run is done again with waits and the timeouts around them divided alike: `waits` s stand within `limit` s.

    `ended` is how the run ended before, when no timeout was divided: the type of the error by invocation, or "ok".
    """

    limit: float
    waits: float
    ended: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class UnitLeft(Event):
    """The body of a unit returned or raised. `claimed` says whether the unit was the record of another step.

    `said` is a digest of what it returned, where that is the same in every store.
    """

    unit: str
    step: str
    claimed: bool
    outcome: str = "ok"
    error: str | None = None
    said: str | None = None


@dataclass(frozen=True, kw_only=True)
class UnitAnswered(Event):
    """The engine gave whoever asked for a unit what it has, and its body did not run. `said` as in `UnitLeft`."""

    unit: str
    said: str


@dataclass(frozen=True, kw_only=True)
class UnitAsked(Event):
    """Somebody asks for a unit whose key is of a person's choice. `found`: the engine has an answer, and no body runs.

    `step` is the call, if it is known which one. `arguments` are by name, if it is a function of the person's own; what
    cannot tell two calls apart (a client, a logger) is only told by its type.
    """

    unit: str
    found: bool
    step: str | None = None
    arguments: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class StepEntered(Event):
    """A body is about to run. `unit` is the engine's key for it, None where the engine records nothing.

    `within` is the key of a unit that holds that unit and nothing else, and so is no step of its own. `own`: the unit
    is the person's own function, whose key is theirs to choose, or the run their own workflow. `limits` and `effective`
    as in `UnitEntered`. `function` is what a person calls an output function whose step is called as the model does.
    """

    step: str
    unit: str | None = None
    attempt: int = 1
    function: str | None = None
    arguments: Any = None
    call: str | None = None
    may: dict[str, Any] | None = None
    within: str | None = None
    own: bool = False
    limits: list[float] = field(default_factory=list)
    effective: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StepLeft(Event):
    """A body returned (`ok`) or raised (`error`). For a model request, `calls` are the tool steps it asked for.

    A tool that raises pydantic-ai's `CallDeferred` has done its part (`ok`); `error` still names it.
    """

    step: str
    unit: str | None = None
    attempt: int = 1
    outcome: str = "ok"
    result: Any = None
    error: str | None = None
    calls: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class CallAnswered(Event):
    """The engine's toolset has answered a tool call: its body has run, or a record was taken for its result.

    `own`: the tool is a unit of the person's own, as in `StepEntered`. `dynamic`: what answered below may also be
    something of the agent's own, made for this run inside of the engine's unit.
    """

    step: str
    own: bool = False
    dynamic: bool = False


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
    """A function of the person's own ran outside every step. `role` says what it is to the agent.

    `at` is the step of the agent run, `given` a digest of the conversation until then, and `said` one of the answer,
    where its kind is known; the words of an error if it `raised` one.
    """

    name: str
    role: str
    at: int | None = None
    given: str | None = None
    said: str | None = None
    raised: bool = False


@dataclass(frozen=True, kw_only=True)
class Sent(Event):
    """A request that the body of `step` sent to change something elsewhere, and the idempotency key in its headers."""

    name: str
    step: str
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class HttpRequest(Event):
    """A request that reached the wire, and what it met there: a `status`, or the name of an error.

    `headers` are those that tell attempts and repeats apart. `step` is the body that it came from, `sender` the number
    of the client, if it has one. `query` is a digest: what stands there may be a key, and only tells requests apart.
    """

    method: str
    host: str
    path: str = ""
    query: str = ""
    status: int | None = None
    error: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    step: str | None = None
    sender: str = ""


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
ASKED = "asked"
"""The observation that the engine asks for the run of the subject: what ended before was the engine, or the world."""
SHOWN = "shown"
"""The observation that holds the names of the tools that the model request of a `step` shows, in their order."""


@dataclass(frozen=True, kw_only=True)
class Note(Event):
    """A sentence for the report: what the harness did differently, or could not see."""

    text: str
