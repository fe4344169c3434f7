"""After a run, in a process that took no part in it: what only Temporal can tell is left in the run's folder.

The history of each invocation, what the server is still waiting for, and whether the history can be replayed here.
`records.py` reads it where no engine is imported.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from temporalio.api.enums.v1 import ContinueAsNewInitiator, PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode

from harness.engines.temporal import binding, records
from harness.engines.temporal.replay import failure_of


async def examine(client: Client, workflow_id: Callable[[int], str], folder: Path, bound: binding.Bound) -> None:
    """Look after the workflows of a run's invocations, as far as they were started. One that still runs is ended."""
    for number in itertools.count(1):
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id(number))
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return
            raise
        history = await handle.fetch_history()
        before = await _before(client, handle.id, history)
        failures = [await failure_of(bound.kind, told, binding.runner()) for told in (*before, history)]
        kept = {
            "history": json.loads(history.to_json()),
            "before": [json.loads(told.to_json()) for told in before],
            "pending": [_pending(activity) for activity in description.raw_description.pending_activities],
            "notes": bound.notes,
            "replay": next((failure for failure in failures if failure is not None), None),
        }
        (folder / records.FILE.format(number)).write_text(json.dumps(kept), "utf-8")
        if description.status is WorkflowExecutionStatus.RUNNING:
            await handle.terminate("the harness has ended this run")


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
