"""A fault-free run is known from its conversation and the runs before; a wrong guess costs only time."""

from __future__ import annotations

from harness.explore.properties.foresight import TRUST, Foresight, alike
from harness.history import History
from harness.subjects.script import Call, Turn
from tests.builders import Story

DONE = Turn(text="done")
CALL = Call("charge", {"cents": 1})
REJECTED = Call("charge", {}, on_retry=(Turn(calls=(CALL,)),))


def taught() -> Foresight:
    """By one run whose requests are recorded and whose tool is not."""
    foresight = Foresight()
    foresight.learn(Story().life().kept("model#1").ran("tool:charge#1").kept("run").history(), None)
    return foresight


def seen(turns: list[Turn]) -> History:
    history = taught().history(turns)
    assert history is not None
    return history


def test_a_conversation_says_its_steps_and_earlier_runs_say_what_is_recorded() -> None:
    history = seen([Turn(calls=(CALL,)), DONE])

    assert history.steps == ("run", "model#1", "tool:charge#1", "model#2")
    assert history.recorded_steps() == {"run", "model#1", "model#2"}


def test_calls_of_one_turn_are_siblings() -> None:
    calls = ("tool:charge#1", "tool:charge#2")

    assert seen([Turn(calls=(CALL, CALL)), DONE]).siblings() == dict.fromkeys(calls, calls)


def test_calls_that_are_rejected_run_when_they_have_been_put_right() -> None:
    history = seen([Turn(calls=(REJECTED, CALL)), DONE])

    assert history.steps == ("run", "model#1", "tool:charge#2", "model#1+1", "tool:charge#1+1", "model#2")


def test_nothing_is_guessed_about_what_has_never_run() -> None:
    assert Foresight().history([DONE]) is None
    assert taught().history([Turn(calls=(Call("refund", {}),)), DONE]) is None


def test_who_was_wrong_too_often_guesses_no_more() -> None:
    foresight = taught()
    actual = Story().life().kept("model#1").kept("model#2").kept("run").history()
    guessed = seen([DONE])
    assert not alike(actual, guessed)

    for _ in range(TRUST):
        foresight.learn(actual, guessed)

    assert foresight.history([DONE]) is None
