"""Durable states, read from histories that were written by hand."""

from __future__ import annotations

import pytest

from harness.explore.properties.states import expected, pairs
from harness.faults import FaultPlan
from tests.builders import Story


def test_a_fault_is_paired_with_what_was_on_record_and_in_flight() -> None:
    story = Story("crash@tool:charge#1/between").life().kept("model#1").entered("tool:charge#1", recorded=True)
    history = story.crash().history()

    assert list(pairs(history)) == [({"model#1"}, {"tool:charge#1"}, "crash@tool:charge#1/between")]


def test_a_run_without_faults_has_no_such_pair() -> None:
    assert list(pairs(Story().life().kept("model#1").finished().history())) == []


@pytest.mark.parametrize(
    ("fault", "recorded", "flying"),
    [
        ("crash@run/before", set(), set()),
        ("crash@model#1/before", set(), {"run"}),
        ("crash@model#1/between", set(), {"run"}),
        ("crash@model#1/after", {"model#1"}, {"run"}),
        ("crash@tool:charge#1/between", {"model#1"}, {"run"}),
        ("crash@run/after~2", {"model#1", "run"}, set()),
    ],
)
def test_what_a_plan_will_come_to_is_read_off_a_run_without_faults(
    fault: str, recorded: set[str], flying: set[str]
) -> None:
    story = Story().life().entered("run", recorded=True).kept("model#1").ran("tool:charge#1")
    history = story.left("run").committed("run").history()

    assert list(expected(history, FaultPlan.parse(fault))) == [(recorded, flying, fault)]
