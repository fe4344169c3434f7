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

_asked: ContextVar[Counter[str] | None] = ContextVar("harness_prefect_asked", default=None)
"""How often the flow that runs here has asked for each task."""
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


def in_flow() -> AbstractContextManager[None]:
    """Surround the code of a flow: it asks for its first tasks."""
    return Setting(_asked, Counter())


def _place(hook: Hook, name: str) -> str:
    """A new place; one in the code of a flow has its number at once, one inside of a task when it begins."""
    flow, asked = FlowRunContext.get(), _asked.get()
    if asked is None or flow is None or flow.flow_run is None or TaskRunContext.get() is not None:
        return str(uuid4())
    asked[name] += 1
    place = f"{flow.flow_run.id}:{name}-{asked[name]}"
    hook.called(place, name)
    return place
