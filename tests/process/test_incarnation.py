from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.process.zygote import Exit, Zygote
from tests.process.conftest import LIFE
from tests.process.families import alive

Make = Callable[..., Zygote]


def test_wait_says_nothing_while_it_lives(zygote: Make, tmp_path: Path) -> None:
    incarnation = zygote().spawn(LIFE + "sleep", {"file": str(tmp_path / "note")}, output=tmp_path / "output")

    assert incarnation.wait(0.01) is None
    assert alive(incarnation.pid)


def test_kill_ends_it_at_once_and_can_be_repeated(zygote: Make, tmp_path: Path) -> None:
    incarnation = zygote().spawn(LIFE + "sleep", {"file": str(tmp_path / "note")}, output=tmp_path / "output")

    incarnation.kill()
    incarnation.kill()

    assert not alive(incarnation.pid)
    assert incarnation.wait(0) == Exit(None, signal.SIGKILL)


def test_kill_leaves_other_incarnations_alone(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    note = {"file": str(tmp_path / "note")}
    one, other = (made.spawn(LIFE + "sleep", note, output=tmp_path / "output") for _ in range(2))

    one.kill()

    assert other.wait(0.01) is None
    assert alive(other.pid)


def test_kill_after_the_zygote_was_closed_does_nothing(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    incarnation = made.spawn(LIFE + "sleep", {"file": str(tmp_path / "note")}, output=tmp_path / "output")
    made.close()

    incarnation.kill()

    assert incarnation.wait(0) == Exit(None, signal.SIGKILL)


def test_kill_ends_one_that_has_not_begun_its_entry(zygote: Make, tmp_path: Path) -> None:
    made = zygote(cold=True)
    incarnation = made.spawn(LIFE + "sleep", {"file": str(tmp_path / "note")}, output=tmp_path / "output")

    incarnation.kill()

    assert incarnation.wait(0) == Exit(None, signal.SIGKILL)


ENDS = [
    (Exit(0, None), "exit code 0"),
    (Exit(None, 9), "SIGKILL"),
    (Exit(None, signal.SIGRTMIN + 3), f"signal {signal.SIGRTMIN + 3}"),
]


@pytest.mark.parametrize(("end", "words"), ENDS, ids=[words for _, words in ENDS])
def test_exit_reads_as_a_person_would_say_it(end: Exit, words: str) -> None:
    assert str(end) == words


def test_stacks_are_empty_when_it_has_ended(zygote: Make, tmp_path: Path) -> None:
    incarnation = zygote().spawn(LIFE + "do_nothing", {}, output=tmp_path / "output")
    incarnation.wait(30)

    assert incarnation.stacks() == ""


def test_stacks_of_one_that_has_only_just_been_born_do_it_no_harm(zygote: Make, tmp_path: Path) -> None:
    made = zygote(cold=True)
    incarnation = made.spawn(LIFE + "exit_with", {"code": 7}, output=tmp_path / "output")

    incarnation.stacks()

    assert incarnation.wait(30) == Exit(7, None)
