"""What a growing journal says about bodies that are begun again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.history import FaultFired, Note, StepEntered, UnitTried
from harness.journal import Journal
from harness.process.tally import TRIES, Tally


def enter(journal: Journal, step: str, times: int, *, invocation: int = 1) -> None:
    for attempt in range(1, times + 1):
        journal.append(StepEntered(step=step, attempt=attempt), invocation=invocation)


def test_many_attempts_at_one_body_are_endless_and_many_bodies_are_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    tally = Tally(journal.path)
    for number in range(1, 2 * TRIES):
        enter(journal, f"model#{number}", 1)
    enter(journal, "tool:charge#1", TRIES - 1)
    enter(journal, "tool:charge#1", TRIES - 1, invocation=2)

    tally.look()
    assert tally.endless is None

    enter(journal, "tool:charge#1", 1)
    assert tally.look() == journal.path.stat().st_size
    assert tally.endless == f"`tool:charge#1` was tried {TRIES} times in one life, and again"


def fire(journal: Journal, action: str, times: int) -> None:
    for _ in range(times):
        journal.append(FaultFired(fault=f"999*{action}@tool:charge#1", step="tool:charge#1", window="before"))


def test_errors_that_come_before_a_body_begins_are_attempts_at_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    tally = Tally(journal.path)
    fire(journal, "error(RuntimeError)", TRIES - 1)
    tally.look()
    assert tally.endless is None

    fire(journal, "error(RuntimeError)", 1)
    tally.look()
    assert tally.endless == f"`tool:charge#1` was tried {TRIES} times in one life, and again"


@pytest.mark.parametrize("action", ["delay(1s)", "error(RuntimeError)"])
def test_a_fault_and_the_body_that_it_struck_are_one_attempt(tmp_path: Path, action: str) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    tally = Tally(journal.path)
    for _ in range(TRIES - 1):
        fire(journal, action, 1)
        enter(journal, "tool:charge#1", 1)
    tally.look()

    assert tally.endless is None


def test_the_longest_wait_that_a_fault_made_is_known(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    tally = Tally(journal.path)
    for seconds in (2.0, 15.0, 0.0):
        journal.append(FaultFired(fault="delay(1s)@model#1", step="model#1", window="before", wait=seconds))

    assert tally.waits == 0.0
    tally.look()
    assert tally.waits == 15.0


def test_a_unit_that_the_engine_tries_counts_though_no_body_is_known(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    tally = Tally(journal.path)
    for attempt in range(1, TRIES + 2):
        assert tally.endless is None  # the one that has begun may go well
        journal.append(UnitTried(unit="ask#1", step="step:ask#1", attempt=attempt, tries=0), invocation=1)
        tally.look()

    assert tally.endless == f"`step:ask#1` was tried {TRIES} times in one life, and again"


def test_what_an_earlier_life_tried_is_not_counted(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    enter(journal, "model#1", TRIES)

    tally = Tally(journal.path)
    tally.look()

    assert tally.endless is None


def test_a_line_is_counted_when_it_is_whole_and_behind_a_torn_one_too(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    tally = Tally(journal.path)
    with journal.path.open("ab") as file:
        file.write(b'{"kind": "StepEnt')  # a death
    enter(journal, "model#1", TRIES - 1)
    journal.append(Note(text='"kind": "StepEntered"'))
    text = journal.path.read_bytes()
    journal.path.write_bytes(text[:-5])
    tally.look()
    with journal.path.open("ab") as file:
        file.write(text[-5:])
    enter(journal, "model#1", 1)
    tally.look()

    assert tally.endless is not None


def test_there_is_news_whenever_a_body_was_tried_more_often_than_any_before(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    tally = Tally(journal.path)

    def news(step: str) -> bool:
        enter(journal, step, 1)
        tally.look()
        return tally.has_news_of_tries()

    assert [news(step) for step in ("a", "b", "a", "b", "a")] == [False, False, True, False, True]
    assert not tally.has_news_of_tries()
