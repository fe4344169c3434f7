"""Where flows and tasks ask for tasks: what numbers them, whichever of them a thread begins first.

The key of a task is only known when it begins, because it depends on what the task is given. A flow that is run again
asks for the same tasks at the same places, in whichever life. What it calls, be it a flow or a task, has a place even
if its code does not run, because Prefect has its result: then its tasks are not asked for, and keep the numbers of the
lives before.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import wraps
from typing import Any
from uuid import uuid4

from prefect.context import FlowRunContext
from prefect.flow_engine import BaseFlowRunEngine
from prefect.task_engine import BaseTaskRunEngine
from prefect.task_runners import ThreadPoolTaskRunner

from harness.engines.base import Hook
from harness.subjects.places import Setting


class _Code:
    """The code of a flow or task, as it runs once: where that is, and what it has asked for so far."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._asked: Counter[str] = Counter()

    def next(self, name: str) -> str:
        """The place at which it asks for something of that name now."""
        self._asked[name] += 1
        return f"{self._place}:{name}-{self._asked[name]}"


_running: ContextVar[_Code | None] = ContextVar("harness_prefect_running", default=None)
"""The flow, or the task in one, whose code runs here."""
_submitted: ContextVar[str | None] = ContextVar("harness_prefect_submitted", default=None)
"""Where the task was asked for that begins here in a thread of its own."""
_numbering = threading.Lock()
"""Flows may be in several threads, and what is taken down has to be in the order of the numbers."""


def watch_places(hook: Hook, asked: Callable[[str, str], None]) -> None:
    """Let `hook` count tasks as they are asked for, and every engine know where that was: `harness_place`.

    `asked` is told the place and the name of each that is counted, in that order.
    """
    initialise, submit = BaseTaskRunEngine.__post_init__, ThreadPoolTaskRunner.submit
    initialise_flow = BaseFlowRunEngine.__post_init__

    @wraps(initialise)
    def begun(self: Any) -> None:
        initialise(self)
        self.harness_place = _submitted.get() or _place(hook, asked, self.task.name)
        _submitted.set(None)  # what this task asks for is something else

    @wraps(initialise_flow)
    def called(self: Any) -> None:
        initialise_flow(self)
        outer = _running.get()
        self.harness_place = None if outer is None else outer.next(f"flow {self.flow.name}")

    @wraps(submit)
    def submitted(self: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        with Setting(_submitted, _place(hook, asked, task.name)):
            return submit(self, task, *args, **kwargs)

    BaseTaskRunEngine.__post_init__ = begun  # type: ignore[method-assign]
    BaseFlowRunEngine.__post_init__ = called  # type: ignore[method-assign]
    ThreadPoolTaskRunner.submit = submitted  # type: ignore[method-assign]


def in_flow(engine: Any) -> AbstractContextManager[None]:
    """Surround the code of a flow, which `engine` runs: it asks for its first tasks.

    One that another flow calls may be a new flow run each time that the other one is tried again, but not a new place.
    """
    return Setting(_running, _Code(engine.harness_place or str(engine.flow_run.id)))


def in_task(engine: Any) -> AbstractContextManager[None]:
    """Surround an attempt at a task, which `engine` makes: each asks for the same again."""
    return Setting(_running, _Code(engine.harness_place))


def _place(hook: Hook, asked: Callable[[str, str], None], name: str) -> str:
    """A new place, which has its number at once; one outside of every flow is none that any life comes back to."""
    code = _running.get()
    if code is None or FlowRunContext.get() is None:
        return str(uuid4())
    place = code.next(name)
    with _numbering:
        hook.called(place, name)
        asked(place, name)
    return place
