"""Where flows ask for tasks: what numbers them, whichever of them a thread begins first.

The key of a task is only known when it begins, because it depends on what the task is given. A flow that is run again
by the same process asks for the same tasks at the same places.
"""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from contextvars import ContextVar
from functools import wraps
from typing import Any
from uuid import uuid4

from prefect.context import FlowRunContext, TaskRunContext
from prefect.task_engine import BaseTaskRunEngine
from prefect.task_runners import ThreadPoolTaskRunner

from harness.engines.base import Hook
from harness.subjects.places import Setting


class _Code:
    """The code of a flow, as it runs once: where that is, and what it has asked for so far."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._asked: Counter[str] = Counter()
        self._flows: dict[str, str] = {}

    def next(self, name: str) -> str:
        """The place at which it asks for something of that name now."""
        self._asked[name] += 1
        return f"{self._place}:{name}-{self._asked[name]}"

    def flow(self, flow_run: Any, name: str) -> str:
        """The place of a flow run that it has asked for, which is the same each time that one is tried again."""
        if (key := str(flow_run.id)) not in self._flows:
            self._flows[key] = self.next(f"flow {name}")
        return self._flows[key]


_running: ContextVar[_Code | None] = ContextVar("harness_prefect_running", default=None)
"""The flow whose code runs here."""
_submitted: ContextVar[str | None] = ContextVar("harness_prefect_submitted", default=None)
"""Where the task was asked for that begins here in a thread of its own."""


def watch_places(hook: Hook) -> None:
    """Let `hook` count tasks as they are asked for, and every task's engine know where that was: `harness_place`."""
    initialise, submit = BaseTaskRunEngine.__post_init__, ThreadPoolTaskRunner.submit

    @wraps(initialise)
    def begun(self: Any) -> None:
        initialise(self)
        self.harness_place = _submitted.get() or _place(hook, self.task.name)
        _submitted.set(None)  # what this task asks for is something else

    @wraps(submit)
    def submitted(self: Any, task: Any, *args: Any, **kwargs: Any) -> Any:
        with Setting(_submitted, _place(hook, task.name)):
            return submit(self, task, *args, **kwargs)

    BaseTaskRunEngine.__post_init__ = begun  # type: ignore[method-assign]
    ThreadPoolTaskRunner.submit = submitted  # type: ignore[method-assign]


def in_flow(flow_run: Any, name: str) -> AbstractContextManager[None]:
    """Surround the code of a flow: it asks for its first tasks.

    One that another flow asks for is a flow run of its own each time that the other one is tried again.
    """
    outer = _running.get() if TaskRunContext.get() is None else None
    return Setting(_running, _Code(str(flow_run.id) if outer is None else outer.flow(flow_run, name)))


def _place(hook: Hook, name: str) -> str:
    """A new place; one in the code of a flow has its number at once, one inside of a task when it begins."""
    flow = _running.get()
    if flow is None or FlowRunContext.get() is None or TaskRunContext.get() is not None:
        return str(uuid4())
    place = flow.next(name)
    hook.called(place, name)
    return place
