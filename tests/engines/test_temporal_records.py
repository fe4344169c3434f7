"""What is read from a history, in Temporal's own JSON, where no engine is imported."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from harness.engines.temporal import records
from harness.engines.temporal.engine import TemporalSession
from harness.errors import UsageError
from harness.history import EngineRecord, Note, Observation
from harness.subjects.owned import arguments

CHARGE = "agent__shop__toolset__tools__call_tool"


class Told:
    """A history that is written event by event."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, kind: str, seconds: float = 0.0, **said: Any) -> str:
        name = "".join(word.capitalize() for word in kind.split("_"))
        attributes = name[0].lower() + name[1:] + "EventAttributes"
        number = str(len(self.events) + 1)
        time = f"2026-01-01T00:00:{seconds:09.6f}Z"
        self.events.append(
            {"eventId": number, "eventTime": time, "eventType": f"EVENT_TYPE_{kind.upper()}", attributes: said}
        )
        return number

    def scheduled(self, name: str = CHARGE, unit: str | None = None, **configured: float) -> str:
        told = base64.b64encode(json.dumps({"unit": unit, "configured": configured}).encode()).decode()
        header = {"header": {"fields": {records.HEADER: {"data": told}}}} if unit else {}
        activity = str(len(self.events) + 1)
        times = {"startToCloseTimeout": "60s", "heartbeatTimeout": "0s", "retryPolicy": {"initialInterval": "0.010s"}}
        return self.event(
            "activity_task_scheduled", activityId=activity, activityType={"name": name}, **times, **header
        )

    def keep(self, folder: Path, invocation: int = 1, **kept: Any) -> None:
        nothing: dict[str, Any] = {"before": [], "pending": [], "children": [], "notes": [], "replay": None}
        kept = {"workflow": "w", "history": {"events": self.events}, **nothing, **kept}
        (folder / records.FILE.format(invocation)).write_text(json.dumps(kept))


def told(folder: Path) -> dict[str, EngineRecord]:
    return {record.unit: record for record in records.of_run(folder) if isinstance(record, EngineRecord)}


def test_an_activity_is_known_by_the_key_that_travelled_with_it(tmp_path: Path) -> None:
    history = Told()
    scheduled = history.scheduled(unit="charge#7", start_to_close_timeout=600.0)
    started = history.event("activity_task_started", 1.0, scheduledEventId=scheduled, attempt=3)
    history.event("activity_task_completed", 1.5, scheduledEventId=scheduled, startedEventId=started)
    history.event("workflow_execution_completed", 2.0)
    history.keep(tmp_path)
    record = told(tmp_path)["charge#7"]
    assert (record.status, record.attempts, record.name) == ("recorded", 3, CHARGE)
    assert record.detail["configured"] == {"start_to_close_timeout": 600.0}
    assert record.detail["effective"] == {"start_to_close_timeout": 60.0, "initial_interval": 0.01}
    assert told(tmp_path)["run"].status == "recorded"


def test_an_activity_of_another_worker_is_counted_by_its_name(tmp_path: Path) -> None:
    history = Told()
    history.scheduled()
    history.scheduled("other")
    history.scheduled()
    history.keep(tmp_path)
    assert list(told(tmp_path)) == [f"{CHARGE}#1", "other#1", f"{CHARGE}#2", "run"]
    assert told(tmp_path)["run"].status == "running"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("activity_task_failed", "error"),
        ("activity_task_timed_out", "timed out"),
        ("activity_task_canceled", "cancelled"),
    ],
)
def test_how_an_activity_ended_is_told_with_its_failure(tmp_path: Path, event: str, status: str) -> None:
    history = Told()
    scheduled = history.scheduled(unit="charge#1")
    cause = {"message": "no money", "applicationFailureInfo": {"type": "ValueError"}}
    history.event(event, scheduledEventId=scheduled, failure={"message": "failed", "cause": cause})
    history.keep(tmp_path)
    record = told(tmp_path)["charge#1"]
    assert record.status == status
    assert record.detail["failure"] == "failed, because of ValueError: no money"


def test_what_the_server_still_waits_for_is_told_as_it_says(tmp_path: Path) -> None:
    history = Told()
    activity = history.scheduled(unit="charge#1")
    waiting = {"activity": activity, "state": "started", "attempt": 7, "failure": "ConnectionError: bank"}
    history.keep(tmp_path, pending=[waiting])
    record = told(tmp_path)["charge#1"]
    assert (record.status, record.attempts) == ("started", 7)
    assert record.detail["last_failure"] == "ConnectionError: bank"


def test_what_was_said_of_an_attempt_that_was_let_go_is_kept_beside_the_history(tmp_path: Path) -> None:
    history = Told()
    activity = history.scheduled(unit="charge#1")
    history.keep(tmp_path, invocation=1)
    records.keep_failures(tmp_path, "w", {activity: "TIMEOUT_TYPE_HEARTBEAT: gone"})
    records.keep_failures(tmp_path, "another", {activity: "of another workflow"})
    assert told(tmp_path)["charge#1"].detail["last_failure"] == "TIMEOUT_TYPE_HEARTBEAT: gone"


@pytest.mark.parametrize(
    ("over", "words"), [(False, "tries again for ever"), (True, "at first")], ids=["still running", "over"]
)
def test_workflow_code_that_fails_is_a_note(tmp_path: Path, over: bool, words: str) -> None:
    history = Told()
    history.event("workflow_task_failed", failure={"message": "boom", "applicationFailureInfo": {"type": "KeyError"}})
    if over:
        history.event("workflow_execution_completed")
    history.keep(tmp_path, notes=["a note of the worker"])
    notes = [record.text for record in records.of_run(tmp_path) if isinstance(record, Note)]
    assert notes[0] == "a note of the worker"
    assert words in notes[1]
    assert "KeyError: boom" in notes[1]


def test_a_local_activity_is_a_note_and_other_markers_are_none(tmp_path: Path) -> None:
    history, data = Told(), base64.b64encode(json.dumps({"seq": 1, "activity_type": "charge"}).encode()).decode()
    history.event("marker_recorded", markerName="core_patch", details={})
    history.event("marker_recorded", markerName="core_local_activity", details={"data": {"payloads": [{"data": data}]}})
    history.keep(tmp_path)

    (note,) = (event for event in records.of_run(tmp_path) if isinstance(event, Note))
    assert note.text.startswith("local activity `charge` is no step")


def test_each_invocation_says_whether_it_can_be_replayed(tmp_path: Path) -> None:
    for invocation, replay in ((1, None), (2, "[TMPRL1100] nondeterminism")):
        history = Told()
        history.event("workflow_execution_completed")
        history.keep(tmp_path, invocation, replay=replay)
    seen = [record for record in records.of_run(tmp_path) if isinstance(record, Observation)]
    assert [(one.invocation, one.value["ok"]) for one in seen] == [(1, True), (2, False)]
    assert seen[1].value["message"] == "[TMPRL1100] nondeterminism"


@pytest.mark.parametrize("over", [True, False])
def test_a_life_that_could_not_replay_its_history_is_told_of_a_run_that_came_to_its_end(
    tmp_path: Path, over: bool
) -> None:
    history, other = Told(), {"message": "[TMPRL1100] Nondeterminism error"}
    history.event("workflow_task_failed", cause="WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR", failure=other)
    if over:
        history.event("workflow_execution_completed")
    history.keep(tmp_path)

    told = list(records.of_run(tmp_path))
    (replay,) = (record.value for record in told if isinstance(record, Observation))
    ended = {"ok": False, "message": other["message"], "needed": True}
    assert replay == (ended if over else {"ok": True, "message": ""})
    assert any(isinstance(record, Note) for record in told) is not over


def test_a_run_that_left_nothing_has_nothing_to_tell(tmp_path: Path) -> None:
    assert list(records.of_run(tmp_path)) == []


def test_a_session_learns_from_the_first_run_how_long_bodies_take(tmp_path: Path) -> None:
    session = TemporalSession("127.0.0.1:1", "default", None)
    assert session.store("first", tmp_path).values["factor"] is None
    for run, seconds in (("first", 0.5), ("second", 20.0)):
        history = Told()
        scheduled = history.scheduled(unit="charge#1", start_to_close_timeout=60.0)
        history.event("activity_task_started", 1.0, scheduledEventId=scheduled)
        history.event("activity_task_completed", 1.0 + seconds, scheduledEventId=scheduled)
        (tmp_path / run).mkdir()
        history.keep(tmp_path / run)
        list(session.observe(session.store(run, tmp_path / run)))
    values = session.store("third", tmp_path).values
    assert values["usual"] == {CHARGE: pytest.approx(0.5), records.WHOLE: pytest.approx(1.5)}
    assert values["factor"] == pytest.approx(200.0)


async def by_prompt(self: Any, prompt: str, order: dict[str, int] | None = None) -> None: ...


async def by_order(self: Any, order: dict[str, int]) -> None: ...


async def by_nothing(self: Any) -> None: ...


@pytest.mark.parametrize(
    ("run", "deps", "expected"),
    [
        (by_prompt, None, ["hello"]),
        (by_prompt, {"id": 1}, ["hello", {"id": 1}]),
        (by_order, {"id": 1}, [{"id": 1}]),
        (by_nothing, {"id": 1}, []),
    ],
)
def test_a_workflow_gets_the_prompt_as_its_text_and_the_deps_for_the_rest(run: Any, deps: Any, expected: Any) -> None:
    assert arguments(run, "hello", deps) == expected


def test_a_workflow_that_needs_more_says_what() -> None:
    with pytest.raises(UsageError, match="needs order; give it as `--deps`"):
        arguments(by_order, "hello", None)
