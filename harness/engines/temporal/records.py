"""What Temporal itself says about a run, read from its history in Temporal's own JSON. Imports no engine.

The child that looks after the run (`examine.py`) leaves the histories in the run's folder; the parent reads them here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.engines.base import RUN

if TYPE_CHECKING:
    from harness.history import EngineRecord, Note, Observation

FILE = "temporal-history-{}.json"
"""What is left in a run's folder for each invocation: `workflow` (its id), `history`, `pending`, and `replay`
(a failure, or null).

`before` are the histories of the workflows that continued as that one, the first first; `children` holds the same of
every child workflow."""
FAILURES = "temporal-let-go.jsonl"
"""What the server said of attempts that a dead worker held; the history does not keep it."""
HEADER = "harness-unit"
"""The header that carries a unit's key, and the times that its subject configured, into the history."""
UNSEEN = "harness-unseen"
"""The header that carries what a local activity would be called if it was a step."""
BEFORE = "harness-before"
"""The header that carries what a workflow had asked for when it continued as a new one."""

DIVERGED = "NON_DETERMINISTIC_ERROR"
"""How the cause ends that a worker gives for code that took other steps than the history has."""
LOCAL = "core_local_activity"
"""The marker that a local activity leaves."""
WHOLE = "the whole workflow"
"""Where it is said how long units usually take, the name of no activity but of what is around all of them."""

ENDINGS = {
    "activityTaskCompletedEventAttributes": "recorded",
    "activityTaskFailedEventAttributes": "error",
    "activityTaskTimedOutEventAttributes": "timed out",
    "activityTaskCanceledEventAttributes": "cancelled",
}
RUN_ENDINGS = {
    "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED": "recorded",
    "EVENT_TYPE_WORKFLOW_EXECUTION_FAILED": "error",
    "EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT": "timed out",
    "EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED": "cancelled",
    "EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED": "terminated",
}
TIMES = {
    "scheduleToCloseTimeout": "schedule_to_close_timeout",
    "scheduleToStartTimeout": "schedule_to_start_timeout",
    "startToCloseTimeout": "start_to_close_timeout",
    "heartbeatTimeout": "heartbeat_timeout",
}
"""The times of an activity as histories name them, and as Python does."""

Json = Mapping[str, Any]


@dataclass
class Activity:
    """One activity of a history. `status` is `scheduled` or `started` while it has no ending."""

    id: str
    key: str
    name: str
    effective: dict[str, float]
    configured: dict[str, float]
    status: str = "scheduled"
    attempts: int = 0
    started: float | None = None
    ended: float | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def times(self) -> dict[str, Any]:
        """The times that its subject configured, and those it ran with."""
        return {"configured": self.configured, "effective": self.effective}

    @property
    def took(self) -> float | None:
        """Seconds that the last attempt took, None unless it gave a result."""
        if self.status != "recorded" or self.started is None or self.ended is None:
            return None
        return max(0.0, self.ended - self.started)


def activities(history: Json) -> dict[str, Activity]:
    """The activities of a history by the id of the event that scheduled them."""
    found: dict[str, Activity] = {}
    for event in history["events"]:
        if (said := event.get("activityTaskScheduledEventAttributes")) is not None:
            found[event["eventId"]] = _scheduled(said, found)
        elif (said := event.get("activityTaskStartedEventAttributes")) is not None:
            _started(found[said["scheduledEventId"]], event, said)
        else:
            for name, status in ENDINGS.items():
                if (said := event.get(name)) is not None:
                    _ended(found[said["scheduledEventId"]], event, said, status)
    return found


def keep_failures(folder: Path, workflow: str, failures: Mapping[str, str]) -> None:
    """Keep what the server said of attempts that were let go of a workflow, by activity id."""
    with (folder / FAILURES).open("a", encoding="utf-8") as file:
        for activity, failure in failures.items():
            file.write(json.dumps({"workflow": workflow, "activity": activity, "failure": failure}) + "\n")


def of_run(folder: Path) -> Iterator[EngineRecord | Observation | Note]:
    """What is known of one run: each invocation's workflow (`run`), its activities, and whether it can be replayed."""
    from harness.history import EngineRecord, Note, Observation

    for invocation, kept in _kept(folder):
        for told in family(kept):
            failures = _failures(folder, told["workflow"])
            for history in told["before"]:
                yield from _of_activities(history, [], failures, invocation)
            yield from _of_activities(told["history"], told["pending"], failures, invocation)
            unit, name = _workflow(told["history"])
            yield EngineRecord(unit=unit, name=name, status=_status(told["history"]), invocation=invocation)
        failing = [text for told in family(kept) for text in _failing_code(told["history"])]
        local = [text for told in family(kept) for history in histories(told) for text in _local(history)]
        for text in (*kept["notes"], *failing, *local):
            yield Note(text=text, invocation=invocation)
        yield Observation(name="replay", value=_replayed(kept), invocation=invocation)


def _replayed(kept: Json) -> dict[str, Any]:
    """What became of the replays of a run: that of a cold process now, and those that its own lives needed."""
    if kept["replay"] is not None:
        return {"ok": False, "message": kept["replay"]}
    for history in (each for told in family(kept) for each in histories(told)):
        if (said := _diverged(history)) is not None:
            return {"ok": False, "message": said, "needed": True}
    return {"ok": True, "message": ""}


def spans_of_run(folder: Path) -> Iterator[float]:
    """Seconds from the first to the last event of each invocation's history."""
    for _, kept in _kept(folder):
        events = [event for history in histories(kept) for event in history["events"]]
        yield _time(events[-1]) - _time(events[0])


def activities_of_run(folder: Path) -> Iterator[Activity]:
    """The activities of all invocations of one run."""
    for _, kept in _kept(folder):
        for history in (history for told in family(kept) for history in histories(told)):
            yield from activities(history).values()


def family(kept: Json) -> list[Json]:
    """What is left of the workflow of one invocation, and of every child workflow."""
    return [kept, *kept["children"]]


def histories(told: Json) -> list[Json]:
    """The histories of a workflow, and of those that continued as that one before it."""
    return [*told["before"], told["history"]]


def _kept(folder: Path) -> Iterator[tuple[int, Json]]:
    invocation = 1
    while (file := folder / FILE.format(invocation)).exists():
        yield invocation, json.loads(file.read_text("utf-8"))
        invocation += 1


def _failures(folder: Path, workflow: str) -> dict[str, str]:
    file = folder / FAILURES
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    return {line["activity"]: line["failure"] for line in lines if line["workflow"] == workflow}


def _of_activities(
    history: Json, pending: list[dict[str, Any]], failures: Mapping[str, str], invocation: int
) -> Iterator[EngineRecord]:
    from harness.history import EngineRecord

    waiting = {entry["activity"]: entry for entry in pending}
    for activity in activities(history).values():
        entry = waiting.get(activity.id, {})
        failure = entry.get("failure") or failures.get(activity.id)
        yield EngineRecord(
            unit=activity.key,
            name=activity.name,
            status=entry.get("state", activity.status),
            attempts=entry.get("attempt", activity.attempts) or None,
            detail={**activity.times, **({"last_failure": failure} if failure else {}), **activity.detail},
            invocation=invocation,
        )


def _workflow(history: Json) -> tuple[str, str]:
    """The unit that a workflow is, and what it is called: the run itself, unless another workflow asked for it."""
    begun = history["events"][0].get("workflowExecutionStartedEventAttributes", {})
    told = _header(begun)
    return (told["unit"], begun["workflowType"]["name"]) if told else (RUN, "workflow")


def _header(said: Json) -> dict[str, Any]:
    """What our header says of a unit, nothing if there is none."""
    header = said.get("header", {}).get("fields", {}).get(HEADER)
    told: dict[str, Any] = json.loads(base64.b64decode(header["data"])) if header else {}
    return told


def _status(history: Json) -> str:
    """How the workflow ended, as far as it has."""
    ends = [RUN_ENDINGS[event["eventType"]] for event in history["events"] if event["eventType"] in RUN_ENDINGS]
    return ends[-1] if ends else "running"


def _failing_code(history: Json) -> list[str]:
    """What is to be said of workflow code that raised, or did not replay: Temporal tries it again for ever."""
    failed = _failed_tasks(history)
    if not failed or _diverged(history) is not None:
        return []
    said = message(failed[-1].get("failure", {}))
    if _is_over(history):
        return [f"Temporal could not run the workflow's own code at first: {said}"]
    return [f"Temporal cannot run the workflow's own code, and tries again for ever: {said}"]


def _diverged(history: Json) -> str | None:
    """What the server was told of code that took other steps than its history has, and then came to an end by luck."""
    other = [task for task in _failed_tasks(history) if str(task.get("cause", "")).endswith(DIVERGED)]
    return message(other[-1].get("failure", {})) if other and _is_over(history) else None


def _failed_tasks(history: Json) -> list[Json]:
    return [said for event in history["events"] if (said := event.get("workflowTaskFailedEventAttributes"))]


def _is_over(history: Json) -> bool:
    return history["events"][-1]["eventType"] in (*RUN_ENDINGS, "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW")


def _local(history: Json) -> Iterator[str]:
    """What a run does not try: a local activity is recorded with the next workflow task, and by nobody before."""
    for event in history["events"]:
        said = event.get("markerRecordedEventAttributes")
        if said is not None and said["markerName"] == LOCAL:
            name = json.loads(base64.b64decode(said["details"]["data"]["payloads"][0]["data"]))["activity_type"]
            yield (
                f"local activity `{name}` is no step, and nothing is made to fail in it, although Temporal runs it"
                " again if its process dies before the workflow task is recorded"
            )


def message(failure: Json) -> str:
    """The messages of a failure and its causes, outermost first."""
    said = []
    seen: Any = failure
    while seen:
        timeout = seen.get("timeoutFailureInfo", {}).get("timeoutType")
        kind = seen.get("applicationFailureInfo", {}).get("type") or timeout
        said.append(f"{kind}: {seen.get('message', '')}" if kind else seen.get("message", ""))
        seen = seen.get("cause")
    return ", because of ".join(said)


def _scheduled(said: Json, before: Mapping[str, Activity]) -> Activity:
    name = said["activityType"]["name"]
    told = _header(said)
    number = 1 + sum(activity.name == name for activity in before.values())
    effective = {ours: _seconds(said[theirs]) for theirs, ours in TIMES.items() if _seconds(said.get(theirs, "0s"))}
    if (interval := said.get("retryPolicy", {}).get("initialInterval")) is not None:
        effective["initial_interval"] = _seconds(interval)
    key, configured = told.get("unit", f"{name}#{number}"), told.get("configured", {})
    return Activity(said["activityId"], key, name, effective, configured)


def _started(activity: Activity, event: Json, said: Json) -> None:
    activity.status, activity.started = "started", _time(event)
    activity.attempts = int(said.get("attempt", 1))
    if said.get("lastFailure"):
        activity.detail["last_failure"] = message(said["lastFailure"])


def _ended(activity: Activity, event: Json, said: Json, status: str) -> None:
    activity.status, activity.ended = status, _time(event)
    if said.get("failure"):
        activity.detail["failure"] = message(said["failure"])


def _seconds(text: str) -> float:
    return float(text.removesuffix("s") or 0)


def _time(event: Json) -> float:
    return datetime.fromisoformat(event["eventTime"]).timestamp()
