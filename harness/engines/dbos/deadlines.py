"""The timeouts of whole workflows: scaled where a person sets them, and known to whatever runs inside of them.

DBOS itself keeps only the moment at which a workflow is to be over. What was configured is remembered here, by what it
was scaled to; a process that recovers a workflow of somebody else's knows no more than the time that is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import dbos

from harness.engines.base import Hook
from harness.engines.dbos import seams

_known: ContextVar[int | None] = ContextVar("harness_dbos_deadline", default=None)
"""The deadline that is known to be around us: a child workflow has its parent's, unless it is given its own."""


class Deadlines:
    """Sees the timeouts that are set, and says to `hook` what limits a workflow."""

    def __init__(self) -> None:
        self._hook: Hook | None = None
        self._configured: dict[float, float] = {}

    def report(self, hook: Hook, limit: Callable[[float], float]) -> None:
        """From now on scale what is set by `SetWorkflowTimeout` to what `limit` says."""
        self._hook = hook
        original = dbos.SetWorkflowTimeout.__init__

        @wraps(original)
        def set_timeout(setting: Any, workflow_timeout_sec: float | None) -> None:
            original(setting, None if workflow_timeout_sec is None else self._scaled(limit, workflow_timeout_sec))

        dbos.SetWorkflowTimeout.__init__ = set_timeout  # type: ignore[method-assign, assignment]

    @contextmanager
    def around(self) -> Iterator[None]:
        """Surround the body of a workflow with what limits it."""
        deadline = seams.deadline()
        if self._hook is None or deadline is None or deadline == _known.get():
            yield
            return
        left = max(0.0, deadline / 1000 - time.time())
        effective = min((known for known in self._configured if known >= left), default=left)
        before = _known.get()
        _known.set(deadline)
        try:
            with self._hook.limited(self._configured.get(effective, effective), effective, interrupts=False):
                yield
        finally:
            _known.set(before)

    def _scaled(self, limit: Callable[[float], float], configured: float) -> float:
        effective = limit(configured)
        self._configured[effective] = configured
        return effective
