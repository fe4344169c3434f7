"""The adapter protocol: the parent's half imports no engine at all, the child's half lives in the worker process.

To add an engine, start from `none.py`: an `Engine` with a name, a contract and a session, and a `Worker` whose `start`
awaits `case.invoke`. Then let `harness conform NAME` say what is missing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:  # whoever needs no more than these protocols is not to wait for what they speak of
    from harness.contract import Contract
    from harness.history import EngineRecord, Note, Observation
    from harness.retries.live import Live, Unit

RUN = "run"
"""The key of the run's own unit: its outcome becoming durable."""


class Hook(Protocol):
    """What the probes offer to an adapter, so that bodies and commits are seen with the engine's own keys."""

    def called(self, key: str, name: str) -> None:
        """The container asked for unit `key`, be it run or replayed. Call it in the container's order.

        Where the key is not known yet, give what tells the places apart at which units are asked for; see `known`.
        """

    def known(self, place: str, key: str) -> None:
        """What was asked for at `place` is unit `key`."""

    def unit(
        self, body: Callable[..., Any], key: str, name: str, attempt: int | None = None, tries: int | None = None
    ) -> Callable[..., Any]:
        """Wrap the body of unit `key` for one execution (or several attempts). Sync stays sync, async stays async.

        `attempt` is the engine's own number of this one, from 1, and `tries` how many it declares (0: any number), to
        which it is held. An engine that counts anew in each life begins with attempt 1 again there; one whose `tries`
        are for all lives together goes on counting.
        """

    def part(self, body: Callable[..., Any], key: str, name: str) -> Callable[..., Any]:
        """The same for a unit that has units of its own, as a workflow has that the person's own workflow calls."""

    def child(
        self, key: str, name: str, attempt: int | None = None, tries: int | None = None, *, again: bool = False
    ) -> AbstractContextManager[None]:
        """The same around workflow code that may not pause. `again` if it is replayed, or goes on for another."""

    def unkept(self, body: Callable[..., Any], key: str, name: str) -> Callable[..., Any]:
        """Wrap a function of the person's own that the engine runs like a unit, and whose result it will not keep.

        `key` is the same for every attempt at it.
        """

    def commit(self, key: str) -> AbstractContextManager[None]:
        """Surround the seam at which the engine makes the result of unit `key` durable."""

    def answered(self, key: str, answer: Any) -> None:
        """The engine gave `answer` to whoever asked for unit `key`, recorded or new: it is compared with what ran.

        One that does not say it is not judged by it.
        """

    def asked(self, key: str, place: str, name: str, given: Mapping[str, Any] | None, *, found: bool) -> None:
        """Somebody asks at `place` for unit `key`, and which key that is was left to a person, who may have it wrong.

        `given` is what their own function is called with, by name; None if the unit is no function of theirs. If it is
        `found` among what is recorded, no body runs.
        """

    def plans(self, *actions: str) -> bool:
        """Whether one of these actions is planned for this run: after a `hang`, the engine's timeouts must act."""

    def limit(self, seconds: float, *, whole: bool = False) -> float:
        """What a configured timeout (of the `whole` run) is to be here: shorter, if one has to act in this run."""

    def ease(self) -> float:
        """How many times longer than usual scaled times are to be here: a timeout has struck that no fault explains.

        `limit` knows it; an adapter that scales by itself asks.
        """

    def pace(self) -> float | None:
        """What waits and the timeouts around them are to be divided by alike here; None: as the adapter divides them.

        A wait that is divided by more than the timeout around it cannot outlast it.
        """

    def waits(self, configured: float, effective: float, *within: float) -> None:
        """Say that the engine waits, for a retry or a timer: for how many seconds as configured, and as it is here.

        `within` are the timeouts that it counts for, as configured, besides those that surround us as `limited`.
        """

    def limited(self, configured: float, effective: float, *, interrupts: bool = True) -> AbstractContextManager[None]:
        """Surround what is given up after so many seconds: as configured, and as it is here.

        One that does not interrupt lets a body that is under way come to its end.
        """

    def scaled(self, factor: float) -> None:
        """Say that times are divided by `factor` here, so that a planned delay is, too."""

    def replaying(self) -> AbstractContextManager[None]:
        """Surround the container's code when it runs again in the same process only to be replayed: no run begins."""

    def container(self) -> AbstractContextManager[None]:
        """Surround the code of a workflow or flow as it runs here: if it is the person's own, that is the run."""

    def begun(self) -> int:
        """How many agent runs the container has begun, for one that goes on as another container."""

    def continues(self, begun: int) -> None:
        """The container that begins here goes on with one that had `begun` so many agent runs: they keep their ids."""

    def current(self) -> str | None:
        """The step that is around us, to be carried to where its context does not reach."""

    def inside(self, step: str | None) -> AbstractContextManager[None]:
        """Go on inside `step`, as `current` told it elsewhere."""


class Unwatched:
    """A hook for units that nobody watches: a zygote's warming up, a measurement without probes."""

    def called(self, key: str, name: str) -> None:
        pass

    def known(self, place: str, key: str) -> None:
        pass

    def unit(
        self, body: Callable[..., Any], key: str, name: str, attempt: int | None = None, tries: int | None = None
    ) -> Callable[..., Any]:
        return body

    def part(self, body: Callable[..., Any], key: str, name: str) -> Callable[..., Any]:
        return body

    def child(
        self, key: str, name: str, attempt: int | None = None, tries: int | None = None, *, again: bool = False
    ) -> AbstractContextManager[None]:
        return nullcontext()

    def unkept(self, body: Callable[..., Any], key: str, name: str) -> Callable[..., Any]:
        return body

    def commit(self, key: str) -> AbstractContextManager[None]:
        return nullcontext()

    def answered(self, key: str, answer: Any) -> None:
        pass

    def asked(self, key: str, place: str, name: str, given: Mapping[str, Any] | None, *, found: bool) -> None:
        pass

    def plans(self, *actions: str) -> bool:
        return False

    def limit(self, seconds: float, *, whole: bool = False) -> float:
        return seconds

    def ease(self) -> float:
        return 1.0

    def pace(self) -> float | None:
        return None

    def waits(self, configured: float, effective: float, *within: float) -> None:
        pass

    def limited(self, configured: float, effective: float, *, interrupts: bool = True) -> AbstractContextManager[None]:
        return nullcontext()

    def scaled(self, factor: float) -> None:
        pass

    def replaying(self) -> AbstractContextManager[None]:
        return nullcontext()

    def container(self) -> AbstractContextManager[None]:
        return nullcontext()

    def begun(self) -> int:
        return 0

    def continues(self, begun: int) -> None:
        pass

    def current(self) -> str | None:
        return None

    def inside(self, step: str | None) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(frozen=True)
class Store:
    """Where one run keeps its durable state: JSON values only, it crosses to the child.

    `quiet` is for how many seconds the engine may rightly be silent, besides what the scenario allows.
    """

    run_id: str
    folder: str
    values: dict[str, Any] = field(default_factory=dict)
    quiet: float = 0.0


@dataclass(frozen=True)
class Unsupported:
    """The engine refuses this subject when it is bound: n/a, in the engine's own words."""

    reason: str


class NotStarted(Exception):
    """Raised by `Worker.recover`: the engine never accepted the run, whoever asked for it must ask again."""


@dataclass
class Case:
    """What an adapter's child half gets: the subject and the way to run it.

    `invoke(agent, invocation)` runs the agent once (prompt, deps and history of that invocation) and returns
    pydantic-ai's run result. The adapter calls it inside the engine's durable container. `scale` divides the times it
    configured; with `auto_scale` nobody asked for a factor, and the adapter may choose one. Waits between attempts that
    may go on without end are divided by `haste` at least. All are read in the child, because a life may have a pace of
    its own. A workflow or flow of the person's own is run as it is: `invoke` is given
    that instead of an agent, and returns what it returned. If nothing `runs`, the adapter is only asked for its
    retries: it may leave out what spares lives a part of their work, but not what tells whether the engine takes the
    subject.
    """

    subject: Any
    invoke: Callable[[Any, int], Awaitable[Any]]
    options: dict[str, Any]
    scale: float = 1.0
    auto_scale: bool = False
    haste: float = 1.0
    runs: bool = True


class Worker(Protocol):
    """The child's half. `prepare` and `bind` run once in the zygote; everything else in the forked child."""

    def prepare(self) -> None:
        """Import the engine and do its lazy work. No threads, no clients, no event loop."""

    def bind(self, case: Case) -> Unsupported | None:
        """Make the subject durable under this engine, the way its user would at import time."""

    def seams(self, hook: Hook) -> None:
        """Call the hook around unit bodies and around commits. Raises `EngineUnavailable` if a seam has moved."""

    def opens_unit(self, function: Callable[..., Any]) -> bool:
        """Whether calling `function` here and now would open a unit of the engine (a tool that is itself a step)."""

    async def start(self, store: Store, invocation: int) -> Any:
        """Run one invocation from its beginning; return pydantic-ai's run result or raise what its caller would see."""

    async def recover(self, store: Store, invocation: int) -> Any:
        """Pick the run up as this engine is recovered in production; same result. Raises `NotStarted`."""


class Audited(Protocol):
    """A worker that can say what its engine does with a failure, for the retry audit.

    `prepare_to_be_asked`, if it has one, stands for `prepare` where nothing will run.
    """

    def retry_layers(self, unit: Unit) -> Sequence[Live]:
        """The engine's layers around a unit, the innermost first. `bind` comes before. Nothing is started."""


class Examiner(Protocol):
    """A worker whose engine has to be asked after the run, because the parent's half cannot read its records."""

    async def examine(self, store: Store) -> None:
        """Leave in the store's folder what `Session.observe` reads. The process took no part in the run.

        Called once more, in a cold process, where `observe` then says that the history cannot be replayed.
        """


class Session(Protocol):
    """What many runs of one engine share: a server, a template database."""

    def store(self, run_id: str, folder: Path) -> Store:
        """A fresh store for one run."""

    def observe(self, store: Store) -> Iterable[EngineRecord | Observation | Note]:
        """The engine's own records of a run, read after it is over. Its store may be gone after that."""

    def fingerprint(self, store: Store) -> str | None:
        """A hash of everything durable, None if this engine cannot tell."""

    def server(self, act: Literal["kill", "start"]) -> None:
        """Kill or start the engine's server. Raises `UsageError` where there is none of ours."""


class Apart(Protocol):
    """A session whose server other sessions may be using, too: runs that do it harm are given another one."""

    def store_apart(self, run_id: str, folder: Path) -> Store:
        """A fresh store for one run under whose plan `server` is called; nobody but this session is on its server."""


@runtime_checkable
class Peeks(Protocol):
    """A session whose `observe` ends the run, but whose records can be read before that, as often as one likes.

    A stateful test looks at a store whenever nothing is left to recover, and may then send the next prompt.
    """

    def peek(self, store: Store) -> Iterable[EngineRecord | Observation | Note]:
        """What `observe` would say now. The run may go on."""


@runtime_checkable
class Replays(Protocol):
    """An engine whose recorded histories can be judged without a run: saved in production, say."""

    name: ClassVar[str]
    replays: ClassVar[str]
    """Import path of the function that does it, called once in a cold process with `subject` and `files`.

    It returns `{"said": [{"file", "workflow", "ok", "message"}]}`; `ok` is None for a file that cannot be replayed.
    """


@runtime_checkable
class Choosy(Protocol):
    """An engine that tells a mistake in its options from what keeps it from running: nobody is to take it for missing.

    Of an engine without it everything is a problem.
    """

    def mistakes(self, options: dict[str, Any]) -> list[str]:
        """What is wrong with the options by themselves, each with what to write. Nothing is asked of this machine."""


class Engine(Protocol):
    """The parent's half: what an engine is called, what it claims, and how to get at it."""

    name: ClassVar[str]
    unit: ClassVar[str]
    worker: ClassVar[str]
    """Import path of the child's half, `module:class`, imported in the child only."""
    examines: ClassVar[bool]
    """Whether the child's half is an `Examiner` too."""

    def problems(self, options: dict[str, Any]) -> list[str]:
        """What keeps this engine from running here, each with the command that mends it. `mistakes` comes before."""

    def contract(self) -> Contract:
        """What the engine claims."""

    def session(self, options: dict[str, Any], folder: Path) -> AbstractContextManager[Session]:
        """Open what many runs share; closing it leaves nothing behind."""
