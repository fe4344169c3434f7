"""Replaying histories: would the workflow code, as it is now, take the steps that the history recorded?

A workflow that takes others cannot be recovered, so this is the determinism check, both after a run of ours and for
histories saved in production (`saved.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic_ai.durable_exec.temporal import PydanticAIPlugin
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from harness.engines.temporal.children import Recorded

BUSY = "[TMPRL1101]"
"""The SDK's number for workflow code that did not yield in time: the machine may be busy rather than the code stuck."""
TRIES = 3


async def failure_of(
    kinds: Sequence[type], history: WorkflowHistory, runner: WorkflowRunner | None = None
) -> str | None:
    """Why `history` cannot be replayed by that of the workflow classes `kinds` that it is of, None if it can.

    `runner` is the sandbox to replay in, pydantic-ai's own where none is given.
    """
    failure = None
    for _ in range(TRIES):
        failure = await _failure(kinds, history, runner)
        if failure is None or BUSY not in failure:
            break
    return failure


async def _failure(kinds: Sequence[type], history: WorkflowHistory, runner: WorkflowRunner | None) -> str | None:
    replayer = Replayer(
        workflows=kinds,
        plugins=[PydanticAIPlugin()],
        interceptors=[Recorded(history)],
        workflow_runner=runner or SandboxedWorkflowRunner(),
        build_id="harness",  # the SDK would hash every loaded module to make one up: a second
    )
    replayed: Any = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    failure = replayed.replay_failure
    return None if failure is None else _words(str(failure)) or type(failure).__name__


def _words(said: str) -> str:
    """What the SDK's core means: it prints the whole object that it made of its message."""
    message = re.search(r'message: "((?:[^"\\]|\\.)+)"', said)
    return message[1].replace('\\"', '"').replace("\\n", " ") if message else said.strip()
