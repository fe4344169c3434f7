"""After a run, in a process that took no part in it: what only Temporal can tell is left in the run's folder.

The history of each invocation, what the server is still waiting for, and whether the history can be replayed here.
`records.py` reads it where no engine is imported.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
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
            kept = json.loads(file.read_text("utf-8"))
            _keep(file, {**kept, "replay": await _failure(_told_again(kept), bound)})
            continue
        handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(workflow_id(number))
        family = await _family(client, handle)
        if not family:
            return
        told, *children = family
        kept = {
            **told.kept(),
            "children": [child.kept() for child in children],
            "notes": bound.notes,
            "replay": await _failure([history for one in family for history in one.histories], bound),
        }
        _keep(file, kept)
        for one in family:
            if one.is_running:  # a child may have been ended with its parent by now
                with suppress(RPCError):
                    await one.handle.terminate("the harness has ended this run")


@dataclass(frozen=True)
class _Told:
    """What the server tells of one workflow: its history, and those of the workflows that continued as this one."""

    handle: WorkflowHandle[Any, Any]
    histories: Sequence[WorkflowHistory]
    pending: Sequence[dict[str, Any]]
    is_running: bool

    def children(self) -> Iterator[str]:
        """The ids of the children that it asked for and that are served here, the first first."""
        for event in (event for history in self.histories for event in history.events):
            asked = event.start_child_workflow_execution_initiated_event_attributes
            if records.HEADER in asked.header.fields:
                yield asked.workflow_id

    def kept(self) -> dict[str, Any]:
        """What is left of it in the run's folder."""
        *before, history = [json.loads(told.to_json()) for told in self.histories]
        return {"workflow": self.handle.id, "history": history, "before": before, "pending": self.pending}


async def _family(client: Client, handle: WorkflowHandle[Any, Any]) -> list[_Told]:
    """A workflow and, one after the other, its children and theirs; nothing if there is no such workflow."""
    found = [told] if (told := await _told(client, handle)) is not None else []
    for known in found:
        children = [await _told(client, client.get_workflow_handle(child)) for child in known.children()]
        found += [child for child in children if child is not None]
    return found


async def _told(client: Client, handle: WorkflowHandle[Any, Any]) -> _Told | None:
    """What the server tells of a workflow, None if it does not know it."""
    try:
        description = await handle.describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    history = await handle.fetch_history()
    return _Told(
        handle,
        [*await _before(client, handle.id, history), history],
        [_pending(activity) for activity in description.raw_description.pending_activities],
        description.status is WorkflowExecutionStatus.RUNNING,
    )


def _told_again(kept: dict[str, Any]) -> Iterator[WorkflowHistory]:
    """The histories that were kept; all else was read before we ended the workflows."""
    for told in records.family(kept):
        for history in records.histories(told):
            yield WorkflowHistory.from_json(told["workflow"], dict(history))


async def _failure(histories: Iterable[WorkflowHistory], bound: binding.Bound) -> str | None:
    """Why a workflow's histories cannot be replayed here, the first reason; None if they can."""
    failures = [await failure_of(bound.kinds, told, binding.runner()) for told in histories]
    return next((failure for failure in failures if failure is not None), None)


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
