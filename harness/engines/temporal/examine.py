"""After a run, in a process that took no part in it: what only Temporal can tell is left in the run's folder.

The history of each invocation, what the server is still waiting for, and whether the history can be replayed here.
`records.py` reads it where no engine is imported.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from temporalio.api.enums.v1 import ContinueAsNewInitiator, PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from harness.engines.temporal import binding, records
from harness.engines.temporal.replay import failure_of


async def examine(client: Client, workflow_id: Callable[[int], str], folder: Path, bound: binding.Bound) -> None:
    """Look after the workflows of a run's invocations, as far as they were started. One that still runs is ended.

    Asked again, of what it left behind: only the replay is done again, and its answer replaced.
    """
    for number in itertools.count(1):
        file = folder / records.FILE.format(number)
        if file.exists():
            await _again(file, workflow_id(number), bound)
            continue
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id(number))
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return
            raise
        history = await handle.fetch_history()
        before = await _before(client, handle.id, history)
        kept = {
            "history": json.loads(history.to_json()),
            "before": [json.loads(told.to_json()) for told in before],
            "pending": [_pending(activity) for activity in description.raw_description.pending_activities],
            "notes": bound.notes,
            "replay": await _failure([*before, history], bound),
        }
        _keep(file, kept)
        if description.status is WorkflowExecutionStatus.RUNNING:
            await handle.terminate("the harness has ended this run")


async def _again(file: Path, workflow: str, bound: binding.Bound) -> None:
    """Replace the replay in what is kept already; all else was read before we ended the workflow."""
    kept = _kept(file)
    told = [WorkflowHistory.from_json(workflow, history) for history in (*kept["before"], kept["history"])]
    _keep(file, {**kept, "replay": await _failure(told, bound)})


async def _failure(histories: Iterable[WorkflowHistory], bound: binding.Bound) -> str | None:
    """Why a workflow's histories cannot be replayed here, the first reason; None if they can."""
    failures = [await failure_of(bound.kind, told, binding.runner()) for told in histories]
    return next((failure for failure in failures if failure is not None), None)


def _kept(file: Path) -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return kept


def _keep(file: Path, kept: dict[str, Any]) -> None:
    file.write_text(json.dumps(kept), "utf-8")


async def _before(client: Client, workflow: str, history: WorkflowHistory) -> list[WorkflowHistory]:
    """The histories of the workflows that continued as this one, the first first."""
    found: list[WorkflowHistory] = []
    while (begun := _begun(history)).initiator == ContinueAsNewInitiator.CONTINUE_AS_NEW_INITIATOR_WORKFLOW:
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow, run_id=begun.continued_execution_run_id)
        history = await handle.fetch_history()
        found.insert(0, history)
    return found


def _begun(history: WorkflowHistory) -> Any:
    """What the first event says: whether a workflow was started, retried, or continues another."""
    return history.events[0].workflow_execution_started_event_attributes


def _pending(activity: Any) -> dict[str, Any]:
    state = PendingActivityState.Name(activity.state).removeprefix("PENDING_ACTIVITY_STATE_").lower()
    failure = MessageToDict(activity.last_failure) if activity.HasField("last_failure") else {}
    return {
        "activity": activity.activity_id,
        "state": state,
        "attempt": activity.attempt,
        "failure": records.message(failure),
    }
