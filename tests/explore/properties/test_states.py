"""Durable states, read from histories that were written by hand."""

from __future__ import annotations

from harness.explore.properties.states import depth, pairs
from tests.builders import Story


def test_a_fault_is_paired_with_what_was_on_record_and_in_flight() -> None:
    story = Story("crash@tool:charge#1/between").life().kept("model#1").entered("tool:charge#1", recorded=True)
    history = story.crash().history()

    assert list(pairs(history)) == [({"model#1"}, {"tool:charge#1"}, "crash@tool:charge#1/between")]
    assert depth(history) == 2


def test_a_run_without_faults_has_no_such_pair() -> None:
    assert list(pairs(Story().life().kept("model#1").finished().history())) == []
