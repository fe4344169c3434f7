"""Events of tool calls as steps: numbers in message order, and a handler that is struck in a real process."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_ai.durable_exec import BaseDurabilityCapability

from harness.explore import sweep as exploring
from harness.history import StepEntered
from harness.journal import load
from harness.scenario import Scenario
from harness.steps import StepId
from harness.subjects import events
from harness.subjects.events import numbered

CALLS = {
    "model#1": ["tool:find#1"],
    "model#2": ["tool:charge#1", "tool:delegate#1"],
    "model#2+1": ["tool:charge#1+1"],
    "tool:delegate#1.model#1": ["tool:delegate#1.tool:charge#1"],
    "model#3": ["tool:charge#2"],
}
IDS = {
    "find#1": "turn1-find-1",
    "charge#1": "turn2-charge-1",
    "charge#1+1": "turn2r1-charge-1",
    "delegate#1": "turn2-delegate-1",
    "charge#2": "turn3-charge-2",
    "inner charge#1": "turn1-charge-1",
    "another's": "call_8hX",
    "unknown": "turn9-charge-9",
}


def event(kind: str, call: str) -> Any:
    return SimpleNamespace(event_kind=kind, part=SimpleNamespace(tool_call_id=IDS[call]))


@pytest.mark.parametrize(
    ("kind", "call", "step"),
    [
        pytest.param("function_tool_call", "find#1", "event#1", id="first-call"),
        pytest.param("function_tool_result", "find#1", "event#2", id="its-result"),
        pytest.param("function_tool_call", "charge#1", "event#3", id="calls-of-a-response-come-first"),
        pytest.param("function_tool_call", "delegate#1", "event#4", id="its-second-call"),
        pytest.param("function_tool_result", "charge#1", "event#5", id="then-results-in-the-order-of-calls"),
        pytest.param("function_tool_result", "delegate#1", "event#6", id="whichever-ended-first"),
        pytest.param("function_tool_call", "charge#1+1", "event#3+1", id="a-reissue-has-the-place-of-its-turn"),
        pytest.param("function_tool_call", "charge#2", "event#7", id="and-shifts-nothing"),
        pytest.param("output_tool_result", "charge#2", "event#8", id="output-tools-are-tools"),
    ],
)
def test_events_are_numbered_in_message_order(kind: str, call: str, step: str) -> None:
    assert str(numbered(event(kind, call), CALLS)) == step


def test_events_of_an_inner_agent_have_numbers_of_their_own() -> None:
    inner = numbered(event("function_tool_result", "inner charge#1"), CALLS, StepId.parse("tool:delegate#1"))

    assert str(inner) == "event#2"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(SimpleNamespace(event_kind="custom", name="progress"), id="a-custom-event"),
        pytest.param(event("function_tool_call", "another's"), id="a-call-that-no-script-made"),
        pytest.param(event("function_tool_call", "unknown"), id="a-call-that-nobody-asked-for"),
    ],
)
def test_an_event_of_no_known_call_has_no_number(given: Any) -> None:
    assert numbered(given, CALLS) is None


def test_the_private_name_is_where_it_was() -> None:
    assert events.problems() == []


def test_a_private_name_that_has_moved_is_said_in_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(BaseDurabilityCapability, events.HELD[1])

    (note,) = events.problems()

    assert "BaseDurabilityCapability._event_stream_handler_operation is gone" in note


def test_a_handler_that_died_before_its_commit_handles_its_event_again(tmp_path: Path) -> None:
    subject = "fixtures.agents.uses.events_journal:agent"
    scenario = Scenario.make(subject=subject, engine="journal", faults=["crash@event#2/between"])

    (run,) = exploring.run(scenario, out=tmp_path).runs

    entered = load(Path(run.folder) / "journal.jsonl").of(StepEntered)
    assert [(one.incarnation, one.arguments["event"]) for one in entered if one.step.startswith("event#")] == [
        (1, "function_tool_call"),
        (1, "function_tool_result"),
        (2, "function_tool_result"),
    ]
