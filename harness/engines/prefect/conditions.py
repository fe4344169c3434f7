"""What a task's own condition says, as `can_retry` of Prefect's engine asks it: with the task, its run and its state.

No run is there when an audit asks. Of what a run shows, a few things are known of every one: how often it has begun, in
which state it is then, what its task says. A condition that reads anything else is nobody's to tell but a run's.
"""

from __future__ import annotations

import inspect
from typing import Any
from uuid import UUID

from prefect.client.schemas.objects import TaskRun, TaskRunPolicy
from prefect.states import Failed, Retrying, Running

from harness.retries.live import TimedOut
from harness.retries.values import MOST_MEASURED
from harness.subjects.loops import run_once

_KNOWN = {"run_count", "state", "state_type", "state_name", "empirical_policy", "task_key", "task_version"}
"""What a task run shows alike in every run."""


class Unshown(Exception):
    """A condition reads what only a run shows. Its text says what that is."""


class _Run:
    """A task run that has `failed` so often. Notes what is read of it."""

    def __init__(self, task: Any, failed: int) -> None:
        state: Any = Running() if failed == 1 else Retrying()
        policy = TaskRunPolicy(
            retries=task.retries,
            retry_delay=task.retry_delay_seconds,
            retry_jitter_factor=task.retry_jitter_factor,
        )
        self._run = TaskRun(
            id=UUID(int=0),
            task_key=task.task_key,
            task_version=task.version,
            dynamic_key="",
            empirical_policy=policy,
            run_count=failed,
            state=state,
            state_type=state.type,
            state_name=state.name,
        )
        self._read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._run, name)
        self._read.add(name)
        return value

    @property
    def was_read(self) -> bool:
        """Whether the answer may be another one after another attempt. Raises `Unshown` where nobody knows it."""
        if hidden := sorted(self._read - _KNOWN):
            raise Unshown(f"reads `task_run.{hidden[0]}`, which only a run shows")
        return bool(self._read)


def attempts(task: Any, error: BaseException) -> int:
    """How many attempts a task has if each fails with this error.

    Raises `Unshown`, and whatever the person's own condition raises. One that counts is asked after each of them, and
    what it wants after very many it is taken to want for ever.
    """
    for failed in range(1, min(task.retries, MOST_MEASURED) + 1):
        run = _Run(task, failed)
        wanted = _wanted(task, run, error)
        counts = run.was_read
        if not wanted:
            return failed
        if not counts:
            break
    return int(task.retries) + 1


def _wanted(task: Any, run: _Run, error: BaseException) -> bool:
    """What `can_retry` of Prefect's engine says."""
    condition = task.retry_condition_fn
    if condition and isinstance(error, TimedOut):
        from prefect.task_engine import TaskRunTimeoutError  # here: it takes time, too

        error = TaskRunTimeoutError(f"Scope timed out after {task.timeout_seconds} second(s).")
    state: Any = Failed(data=error, message=f"Task run encountered unexpected exception: {_spelled(error)}")
    if inspect.iscoroutinefunction(condition):
        return bool(run_once(condition(task, run, state)))
    if inspect.isfunction(condition):
        return bool(run_once(_called(condition, task, run, state)) if task.isasync else condition(task, run, state))
    return not condition


def _spelled(error: BaseException) -> str:
    """An error as Python shows it, its type's name if only a run shows more."""
    try:
        return repr(error)
    except Exception:  # noqa: BLE001  whatever an error of the person's own raises when it is asked
        return type(error).__name__


async def _called(condition: Any, task: Any, run: _Run, state: Any) -> Any:
    """An async task calls a plain condition in its event loop, where `state.result()` is only a promise."""
    return condition(task, run, state)
