"""What a live layer is asked, whoever owns it: adapters and libraries answer, the audit puts the answers together.

A layer is asked with the error that really reaches it, so a condition, a list of types or a predicate of the person's
own decides for itself, as it would in production.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from harness.retries.values import Kind, RetryLayer


def at_once(_attempt: int) -> float:
    """The wait of a layer that does not wait."""
    return 0.0


@dataclass(frozen=True)
class Answer:
    """What a layer does with an error: so many attempts (None: no limit), `wait(n)` seconds after the n-th.

    Where chance decides, `wait` is the longest that it may be, and `shortest` the shortest.
    `raises` is what its caller sees in the end. `noticed` are the seconds that pass before the layer notices how an
    attempt has ended. `strikes(n)` is when its time for all attempts really ends them, if one takes n seconds; if
    nothing is said, when it has passed. A layer that cannot tell says why in `unknown`; one `chooses` whose own
    condition ends it before its number does.
    """

    attempts: int | None = 1
    wait: Callable[[int], float] = at_once
    raises: BaseException | None = None
    unknown: str = ""
    noticed: float = 0.0
    chooses: bool = False
    strikes: Callable[[float], float] | None = None
    shortest: Callable[[int], float] | None = None


class Live(Protocol):
    """A layer that can be asked. One that is on a function itself keeps the object around it there, as `wrapper`.

    What code may ask for by a name, and no run shows as a unit of that name, keeps the name as `known_as`. One whose
    deadlines do not strike at once says in `sure(age)` how old an attempt is when they come too late for what
    it does at the age of `age` seconds. One each of whose attempts opens its connections `anew` says that; of others,
    all attempts in one run share what it holds open. One whose body is `elsewhere` says that: a worker has it, and if
    it is a method, the object of that. One that `abandons` what it gives up after its time does not end it: that goes
    on beside the next attempt. One that `tries_once`, whatever comes up to it, says that. One of which nobody can say
    whether it does again what had finished, or lets an attempt come to its end, is in `sparing` the layer that does
    not.
    """

    layer: RetryLayer

    def answer(self, error: BaseException) -> Answer:
        """What becomes of `error`. Never raises: a condition that raises is part of the answer."""


def of_kind(lives: Iterable[Live], *kinds: Kind) -> list[Live]:
    """Those of the layers that are of one of these kinds."""
    return [live for live in lives if live.layer.kind in kinds]


class TimedOut(Exception):
    """Stands for the engine's own error when it ends an attempt at its deadline."""


class Died(BaseException):
    """Stands for the end of the process in which an attempt was made: no code of that process hears of it."""


class Unfit(Exception):
    """Stands for the failure of a run whose units had all finished: what they said was recorded, and is of no use."""


class Deadline:
    """A layer that tries once and ends what takes too long."""

    def __init__(self, layer: RetryLayer) -> None:
        self.layer = layer

    def answer(self, error: BaseException) -> Answer:
        """Once, whatever the error is."""
        return Answer(raises=error)


class Opaque:
    """A layer that cannot be asked; its `unknown` says why."""

    def __init__(self, layer: RetryLayer) -> None:
        self.layer = layer

    def answer(self, error: BaseException) -> Answer:
        """Nobody knows."""
        return Answer(raises=error, unknown=self.layer.unknown)


class Answering:
    """A live layer as it is, but for what it does with some failures. Each kind of it says that in its `answer`."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self.layer = live.layer

    def __getattr__(self, name: str) -> Any:
        if name == "_live":  # a copy that is being made has none yet, and is asked what it has
            raise AttributeError(name)
        return getattr(self._live, name)


@dataclass(frozen=True)
class Unit:
    """A unit whose engine layers are asked for: `model`, `tool`, `listing`, `event`, `own` or the `run` itself.

    `flow` is what runs in the flow or workflow itself, in no unit: whatever fails there fails the run as a whole.
    A tool comes with its name, the function that it calls, its metadata and the id of its toolset. `owner` is the agent
    that it belongs to, where the subject is a workflow around that agent. Of a unit of the person's own, `calls` are
    those in the workflow that say how units are tried, and `names` all that its code uses by a name.
    """

    kind: str
    name: str = ""
    function: Any = None
    metadata: Any = None
    toolset: str | None = None
    mcp: bool = False
    owner: Any = None
    calls: tuple[MadeInCall, ...] = ()
    names: frozenset[str] = frozenset()


UNPACKED = "**"
"""Among the names of options: those that a call takes out of something which only a run knows."""


@dataclass(frozen=True, eq=False)
class MadeInCall:
    """A unit that a call makes of what it is given, in place of the function of a `Unit`. Each is only equal to itself.

    `options` are those of the call, None if only a run shows them, and `hidden` the names of those that only a run
    shows; `called` is what the function calls itself, if that is known; `file` and `line` are where the call is. `runs`
    is what the call says to run, a function or a name; None where it does not tell. `by` is the function that is called
    for it, where there are several.
    """

    name: str
    options: dict[str, Any] | None
    called: str
    file: str
    line: int
    runs: Any = None
    hidden: frozenset[str] = frozenset()
    by: str = ""
