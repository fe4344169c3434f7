from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.process.stacks import UNANSWERED
from harness.process.zygote import Zygote
from tests.process.conftest import LIFE
from tests.process.families import lines

Make = Callable[..., Zygote]
TEMPERATURES = pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])


def stacks_of(made: Zygote, entry: str, folder: Path) -> str:
    incarnation = made.spawn(LIFE + entry, {"file": str(folder / "note")}, output=folder / "output")
    lines(folder / "note", 1)
    return incarnation.stacks()


@TEMPERATURES
def test_stacks_show_what_each_task_awaits(zygote: Make, tmp_path: Path, cold: bool) -> None:
    stacks = stacks_of(zygote(cold=cold), "wait_in_tasks", tmp_path)

    shown = stacks.partition("Task payment")[2]
    assert shown.index("in waits_for_the_bank") < shown.index("in asks_the_bank") < shown.index("in sleep")


@TEMPERATURES
def test_stacks_show_a_synchronous_sleep(zygote: Make, tmp_path: Path, cold: bool) -> None:
    assert "nurslings.py" in stacks_of(zygote(cold=cold), "sleep", tmp_path)


def test_stacks_show_a_call_that_never_returns_to_python_and_say_what_is_missing(zygote: Make, tmp_path: Path) -> None:
    stacks = stacks_of(zygote(), "block_in_c", tmp_path)

    assert "in block_in_c" in stacks
    assert UNANSWERED in stacks


def test_stacks_can_be_taken_of_a_process_whose_threads_are_busy(zygote: Make, tmp_path: Path) -> None:
    incarnation = zygote().spawn(
        LIFE + "wait_beside_busy_threads", {"file": str(tmp_path / "note")}, output=tmp_path / "output"
    )
    lines(tmp_path / "note", 1)

    each = [incarnation.stacks() for _ in range(150)]  # the answer in C ends it after some tens

    assert incarnation.wait(0) is None
    assert all("in wait_beside_busy_threads" in stacks and "Thread busy" in stacks for stacks in each)


def test_stacks_can_be_taken_again(zygote: Make, tmp_path: Path) -> None:
    incarnation = zygote().spawn(LIFE + "wait_in_tasks", {"file": str(tmp_path / "note")}, output=tmp_path / "output")
    lines(tmp_path / "note", 1)

    both = [incarnation.stacks(), incarnation.stacks()]

    assert [stacks.count("Task payment") for stacks in both] == [1, 1]


def test_stacks_are_kept_out_of_the_output(zygote: Make, tmp_path: Path) -> None:
    stacks_of(zygote(), "sleep", tmp_path)

    assert (tmp_path / "output").read_text() == ""
