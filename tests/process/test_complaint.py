from __future__ import annotations

import json
from typing import Any

import pytest

from harness import errors
from harness.process import complaint
from harness.process.newborn import resolve


class RefusedByEngine(errors.EngineUnavailable):
    """A kind that the other process does not know."""


def caught(error: BaseException) -> BaseException:
    """As it is after it was raised, with a traceback."""
    with pytest.raises(type(error)) as raised:
        raise error
    return raised.value


def travelled(error: BaseException) -> errors.HarnessError:
    return complaint.rebuild(json.loads(json.dumps(complaint.describe(error))))


OURS = {
    "usage": (errors.UsageError("no such agent"), errors.UsageError),
    "subject": (errors.SubjectError("not an agent", traceback="line 3"), errors.SubjectError),
    "internal": (errors.InternalError("our bug"), errors.InternalError),
    "a kind of its own": (RefusedByEngine("no server"), errors.EngineUnavailable),
}


@pytest.mark.parametrize(("error", "kind"), OURS.values(), ids=OURS)
def test_error_of_ours_travels_unchanged(error: Exception, kind: type[Exception]) -> None:
    arrived = travelled(caught(error))

    assert type(arrived) is kind
    assert str(arrived) == str(error)
    assert getattr(arrived, "traceback", None) == getattr(error, "traceback", None)


def test_their_error_is_told_by_its_last_line() -> None:
    arrived = travelled(caught(ValueError("no key")))

    assert isinstance(arrived, errors.SubjectError)
    assert str(arrived) == "loading the subject raised ValueError: no key"


def test_traceback_begins_with_their_code() -> None:
    arrived: Any = travelled(failing_import())

    assert arrived.traceback.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{__file__}", line {failing_import.__code__.co_firstlineno + 2}, in failing_import',
        '    resolve("not_installed_anywhere:f")',
        "ModuleNotFoundError: No module named 'not_installed_anywhere'",
    ]


def failing_import() -> BaseException:
    with pytest.raises(ModuleNotFoundError) as raised:
        resolve("not_installed_anywhere:f")
    return raised.value


def test_causes_are_told_and_cut_too() -> None:
    error = ValueError("no agent")
    error.__cause__ = failing_import()

    told = complaint.theirs(caught(error))

    assert "No module named 'not_installed_anywhere'" in told
    assert "ValueError: no agent" in told
    assert "harness/process" not in told


def test_mistake_in_our_own_code_is_not_blamed_on_the_subject() -> None:
    with pytest.raises(KeyError) as raised:
        complaint.rebuild({})

    arrived = travelled(raised.value)

    assert isinstance(arrived, errors.InternalError)
    assert "complaint.py" in str(arrived)


def test_error_without_words_is_told_by_its_kind() -> None:
    assert str(travelled(caught(AssertionError()))) == "loading the subject raised AssertionError"


def test_error_of_several_lines_is_told_in_one() -> None:
    told = str(travelled(caught(ValueError("2 problems:\n  - no key\n  - no name"))))

    assert told == "loading the subject raised ValueError: 2 problems: - no key - no name"


def test_error_that_is_a_page_is_told_by_its_beginning() -> None:
    told = str(travelled(caught(ValueError("word " * 1000))))

    assert len(told) < 400
    assert told.endswith("…")
