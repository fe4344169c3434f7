"""What a dead worker held is let go at once, rather than when its timeout has passed.

A server notices that a worker has died only by waiting: 60 seconds for an activity by default. In a test that wait is
lost time, and a shorter timeout would strike healthy bodies, too. So where the server lets us, time is made to pass for
exactly those activities that a dead worker was running, and every other one keeps what was configured. What follows is
what would have followed: the attempt is timed out, and the activity's own retry policy decides.

A timeout is made to pass by changing it. Where another attempt follows, it would have to be changed back, which servers
do not survive: of an attempt that was timed out they do not know when it ended, so one whose options change while it
waits for the next is begun again in 1970, and a limit on waiting in the queue ends the activity at once. (Server
1.29.1: `GetNextScheduledTime` reads `LastAttemptCompleteTime`, which `RetryActivity` does not set for a timeout.) Such
an attempt is failed instead, in the dead worker's place and with the server's own words for the timeout.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState, TimeoutType
from temporalio.api.failure.v1 import Failure, TimeoutFailureInfo
from temporalio.api.workflowservice.v1 import (
    ResetStickyTaskQueueRequest,
    RespondActivityTaskFailedByIdRequest,
    UpdateActivityOptionsRequest,
)
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from harness.engines.temporal.records import message

AT_ONCE = 0.001
"""Seconds; a timeout of none would mean that there is no timeout."""
PATIENCE = 5.0
"""Seconds for the server to time out what we told it to."""
WHOLE, BEAT, ATTEMPT = "schedule_to_close_timeout", "heartbeat_timeout", "start_to_close_timeout"
RUNNING = {
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
}


@dataclass(frozen=True)
class Held:
    """An activity that a dead worker was running. `timeouts` as configured; `used` of the whole before this attempt.

    `gone` are the seconds of this attempt that have really passed. `last` says that its policy allows no other attempt.
    """

    id: str
    timeouts: Mapping[str, float]
    used: float = 0.0
    last: bool = False
    gone: float = 0.0

    def first(self) -> tuple[str, float]:
        """The timeout that would be the first to pass, and after how many seconds of this attempt."""
        left = {name: max(AT_ONCE, seconds - self.used * (name == WHOLE)) for name, seconds in self.timeouts.items()}
        name = min(left, key=lambda known: left[known])
        return name, left[name]

    @property
    def ends(self) -> bool:
        """Whether it is over when that has passed."""
        return self.last or self.first()[0] == WHOLE

    def expired(self) -> dict[str, float]:
        """What to change so that it passes now."""
        return {self.first()[0]: AT_ONCE}

    def waited(self) -> dict[str, float]:
        """What to change because it passes now: the time for all attempts is shorter by what nobody waits for."""
        whole, spared = self.timeouts.get(WHOLE), max(0.0, self.first()[1] - max(0.0, self.gone))
        return {} if whole is None else {WHOLE: max(AT_ONCE, whole - spared)}

    def failure(self) -> Failure:
        """What the server would say of this attempt."""
        kind, name = _TIMED_OUT[self.first()[0]]
        timed_out = TimeoutFailureInfo(timeout_type=kind)
        return Failure(message=f"activity {name} timeout", source="Server", timeout_failure_info=timed_out)


_TIMED_OUT = {
    BEAT: (TimeoutType.TIMEOUT_TYPE_HEARTBEAT, "Heartbeat"),
    ATTEMPT: (TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE, "StartToClose"),
}


async def is_possible(client: Client) -> bool:
    """Whether the server lets us change an activity's timeouts. One that does knows what it is asked for."""
    try:
        await _change(client, "harness-none", "1", {ATTEMPT: AT_ONCE})
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return True


async def children(client: Client, parent: WorkflowExecutionDescription) -> list[WorkflowHandle[Any, Any]]:
    """The children on its task queue that a workflow still waits for, one after the other, and theirs."""
    found: list[WorkflowHandle[Any, Any]] = []
    described = [parent]
    for known in described:
        for child in known.raw_description.pending_children:
            begun: WorkflowHandle[Any, Any] = client.get_workflow_handle(child.workflow_id)
            with suppress(RPCError):  # it has been asked for, and does not run yet
                if (told := await begun.describe()).task_queue == parent.task_queue:
                    found.append(begun)
                    described.append(told)
    return found


async def let_go(client: Client, handle: WorkflowHandle[Any, Any]) -> dict[str, str]:
    """Time out what a dead worker was running of a workflow. To be called while no worker is at work.

    Returns the server's words for each, by activity id: it forgets them when an option changes.
    """
    running = [one for one in await _pending(handle) if one.state in RUNNING]
    first = await _first_asked_for(handle) if any(map(_has_whole, running)) else {}
    held = [_read(one, first.get(one.activity_id)) for one in running]
    for activity in held:
        # First, because the server counts a change of an attempt that has failed as one more wait before the next.
        if changes := activity.expired() if activity.ends else activity.waited():
            await _change(client, handle.id, activity.id, changes)
        if not activity.ends:
            await _fail(client, handle.id, activity)
    timed_out = await _timed_out(handle, [activity.id for activity in held])
    return {one.activity_id: message(MessageToDict(one.last_failure)) for one in timed_out}


async def forget_worker(client: Client, handle: WorkflowHandle[Any, Any]) -> None:
    """Let the next workflow task come to any worker at once; the server would first wait for the dead one's queue."""
    execution = WorkflowExecution(workflow_id=handle.id)
    request = ResetStickyTaskQueueRequest(namespace=client.namespace, execution=execution)
    await client.workflow_service.reset_sticky_task_queue(request)


async def waits_for(handle: WorkflowHandle[Any, Any], activity: str, attempt: int) -> bool:
    """Whether the server still waits for this attempt of an activity: the result of any other will be refused."""
    pending = await _pending(handle)
    return any(one.activity_id == activity and one.attempt == attempt and one.state in RUNNING for one in pending)


async def _timed_out(handle: WorkflowHandle[Any, Any], held: Collection[str]) -> list[Any]:
    """Wait until the server has timed out the `held` activities; returns those of them that it will try again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        known = [one for one in await _pending(handle) if one.activity_id in held]
        if not any(one.state in RUNNING for one in known) or time.monotonic() > deadline:
            return known
        await asyncio.sleep(0.005)


async def _pending(handle: WorkflowHandle[Any, Any]) -> Sequence[Any]:
    return (await handle.describe()).raw_description.pending_activities


async def _first_asked_for(handle: WorkflowHandle[Any, Any]) -> dict[str, datetime]:
    """When each activity was asked for: the server tells of the attempt that runs only when that was."""
    found = {}
    async for event in handle.fetch_history_events():
        if activity := event.activity_task_scheduled_event_attributes.activity_id:
            found[activity] = event.event_time.ToDatetime(UTC)
    return found


def _has_whole(activity: Any) -> bool:
    return bool(getattr(activity.activity_options, WHOLE).ToTimedelta())


def _read(activity: Any, first: datetime | None) -> Held:
    """What the server tells of an activity that was `first` asked for then. Its clock is taken to be ours."""
    options = activity.activity_options
    timeouts = {name: getattr(options, name).ToTimedelta().total_seconds() for name in (WHOLE, BEAT, ATTEMPT)}
    started = activity.last_started_time.ToDatetime(UTC)
    used = (started - (first or started)).total_seconds()
    last = 0 < activity.maximum_attempts <= activity.attempt
    known = {name: value for name, value in timeouts.items() if value}
    return Held(activity.activity_id, known, used, last, (datetime.now(UTC) - started).total_seconds())


async def _fail(client: Client, workflow: str, activity: Held) -> None:
    request = RespondActivityTaskFailedByIdRequest(
        namespace=client.namespace, workflow_id=workflow, activity_id=activity.id, failure=activity.failure()
    )
    await client.workflow_service.respond_activity_task_failed_by_id(request)


async def _change(client: Client, workflow: str, activity: str, timeouts: Mapping[str, float]) -> None:
    options = ActivityOptions()
    for name, seconds in timeouts.items():
        getattr(options, name).FromTimedelta(timedelta(seconds=seconds))
    request = UpdateActivityOptionsRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow),
        id=activity,
        activity_options=options,
        update_mask=FieldMask(paths=list(timeouts)),
    )
    await client.workflow_service.update_activity_options(request)
