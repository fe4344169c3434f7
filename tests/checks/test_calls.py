"""The agent's own code is noted when a recovery ran it again, and only then."""

from __future__ import annotations

from harness.checks.baseline import Baseline
from harness.checks.calls import called_again
from harness.history import Called, History


def calls(*names: str) -> History:
    return History(tuple(Called(seq=number, name=name, role="instructions") for number, name in enumerate(names, 1)))


def test_a_function_called_more_often_than_without_faults_is_noted_once():
    (note,) = called_again(calls("greet", "greet", "greet", "rest"), Baseline(calls("greet", "rest")))
    assert note.startswith("`greet` (instructions) is outside every step")


def test_as_many_calls_as_without_faults_are_nothing_to_speak_of():
    assert list(called_again(calls("greet", "greet"), Baseline(calls("greet", "greet")))) == []
