"""The numbers of calls, counted over the script as written."""

from __future__ import annotations

from harness.subjects.numbering import Numbering
from harness.subjects.script import Call, Turn
from tests.subjects.scripted import conversation

NUMBERING = Numbering(
    conversation(
        Turn(calls=(Call("a", on_retry=(Turn(calls=(Call("a"), Call("b"))),)), Call("b"), Call("a"))),
        Turn(calls=(Call("a"),), on_retry=(Turn(calls=(Call("a"), Call("c"))), Turn(text="no"))),
        Turn(output=1),
        Turn(calls=(Call("done"),)),
        Turn(output=2),
    )
)


def test_calls_count_over_all_turns() -> None:
    assert [(found.call.tool, found.number) for turn in (1, 2) for found in NUMBERING.of_turn(turn)] == [
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("a", 3),
    ]


def test_calls_of_retries_come_on_top() -> None:
    assert [NUMBERING.of_retry(1, 0, 0, index) for index in (0, 1)] == [4, 2]
    assert [NUMBERING.of_retry(2, None, 0, index) for index in (0, 1)] == [5, 1]


def test_a_call_is_found_by_its_number_with_its_place() -> None:
    found = NUMBERING.find("b", 2)
    assert found is not None
    assert (found.turn, found.owner) == (1, 0)
    assert NUMBERING.find("b", 3) is None


def test_outputs_count_after_the_calls_that_were_written() -> None:
    assert [NUMBERING.of_output("done", turn) for turn in (3, 5)] == [2, 3]
    assert [NUMBERING.of_output("final_result", turn) for turn in (3, 5)] == [1, 2]
