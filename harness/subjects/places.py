"""Where code of a subject is running: inside which step, and inside which unit of its engine.

Carried in context variables, so that it reaches into the tasks that a body starts, and the threads that asyncio starts
for it; not into a thread that it starts itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Generic, TypeVar

from harness.steps import StepId

T = TypeVar("T")


@dataclass
class Unit:
    """A unit of the engine whose body is running, or has run and waits for its commit."""

    key: str
    step: str
    claimed: bool = False


@dataclass(frozen=True)
class Body:
    """What is known about a body before it runs."""

    step: StepId
    arguments: Any = None
    call: str | None = None
    may: dict[str, Any] | None = None
    function: str | None = None
    calls: Callable[[Any], list[str]] = lambda _result: []
    within: str | None = None
    own: bool = False


@dataclass(slots=True)
class Entered:
    """One attempt at a body. It may end after the next one has begun: an engine gives up what takes too long.

    `unit` is the key of the unit that records the body, None where the engine records nothing.
    """

    body: Body
    step: str
    unit: str | None
    attempt: int


step_here: ContextVar[StepId | None] = ContextVar("harness_step", default=None)
unit_here: ContextVar[Unit | None] = ContextVar("harness_unit", default=None)
replaying_here: ContextVar[bool] = ContextVar("harness_replaying", default=False)
waiting_here: ContextVar[Body | None] = ContextVar("harness_waiting", default=None)
"""A tool that is itself a unit: its body begins when the engine runs the unit's."""
unseen_here: ContextVar[StepId | None] = ContextVar("harness_unseen", default=None)
"""What runs here and is no step, because no engine records it as one: as it would be called if it was."""
asked_here: ContextVar[StepId | None] = ContextVar("harness_asked", default=None)
"""The tool call that a toolset of the engine's is to answer: its body runs here, or does not."""


def placed(body: Body) -> Body:
    """The body with the id that it has here, inside of what is running."""
    around = step_here.get()
    return body if around is None else replace(body, step=body.step.inside(around))


class Setting(Generic[T]):
    """Surrounds what a context variable has another value for.

    It is set back rather than reset: generators may be closed in another context than they were entered in. A class,
    because a `contextmanager` takes three times as long and there are two or three of these around every body.
    """

    __slots__ = ("_new", "_old", "_variable")

    def __init__(self, variable: ContextVar[T], value: T) -> None:
        self._variable, self._new = variable, value

    def __enter__(self) -> None:
        self._old = self._variable.get()
        self._variable.set(self._new)

    def __exit__(self, *_error: object) -> None:
        self._variable.set(self._old)


def surrounded(body: Callable[..., Any], around: Callable[[], AbstractContextManager[None]]) -> Callable[..., Any]:
    """The function with something around each of its calls. Sync stays sync, async stays async."""
    if inspect.iscoroutinefunction(body):

        @wraps(body)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with around():
                return await body(*args, **kwargs)

        return awaited

    @wraps(body)
    def called(*args: Any, **kwargs: Any) -> Any:
        with around():
            return body(*args, **kwargs)

    return called
