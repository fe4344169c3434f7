from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.process import watchdog
from harness.process.watchdog import watch
from harness.process.zygote import Exit, Incarnation, Zygote
from tests.process.conftest import LIFE
from tests.process.families import alive, lines

Make = Callable[..., Zygote]


def ticking(made: Zygote, folder: Path, **argument: object) -> tuple[Incarnation, Callable[[], int]]:
    """An incarnation that makes progress every 0.05 s, and the number that shows it."""
    note = folder / "note"
    incarnation = made.spawn(LIFE + "tick", {"file": str(note), **argument}, output=folder / "output")
    return incarnation, lambda: note.stat().st_size if note.exists() else 0


def test_run_that_ends_is_left_to_end(zygote: Make, tmp_path: Path) -> None:
    incarnation, progress = ticking(zygote(), tmp_path, times=3)

    watched = watch(incarnation, progress, stall=30, limit=60)

    assert (watched.exit, watched.hung, watched.stacks) == (Exit(0, None), None, None)


def test_run_without_progress_is_ended_with_its_stacks(zygote: Make, tmp_path: Path) -> None:
    incarnation, progress = ticking(zygote(), tmp_path, times=1, then_hang=True)

    watched = watch(incarnation, progress, stall=0.5, limit=60)

    assert watched.hung == "nothing happened for 0.5 seconds"
    assert "in tick" in str(watched.stacks)
    assert watched.exit == Exit(None, signal.SIGKILL)
    assert not alive(incarnation.pid)


def test_run_that_dies_of_being_asked_for_its_stacks_was_stuck_all_the_same(zygote: Make, tmp_path: Path) -> None:
    stuck = zygote().spawn(
        LIFE + "block_in_c_and_break_when_asked", {"file": str(tmp_path / "note")}, output=tmp_path / "output"
    )
    lines(tmp_path / "note", 1)

    watched = watch(stuck, lambda: 0, stall=0.1, limit=60)

    assert watched.hung == "nothing happened for 0.1 seconds"
    assert watched.exit == Exit(None, signal.SIGSEGV)


def test_run_that_may_be_silent_for_longer_is_ended_later(zygote: Make, tmp_path: Path) -> None:
    incarnation, progress = ticking(zygote(), tmp_path, times=1, then_hang=True)

    watched = watch(incarnation, progress, stall=0.1, limit=60, waits=lambda: 0.5)

    assert watched.hung == "nothing happened for 0.6 seconds"


def test_run_that_makes_progress_is_ended_at_the_limit_only(zygote: Make, tmp_path: Path) -> None:
    incarnation, progress = ticking(zygote(), tmp_path, times=10_000)

    watched = watch(incarnation, progress, stall=30, limit=0.5)

    assert watched.hung == "it was still running after 0.5 seconds"
    assert watched.exit == Exit(None, signal.SIGKILL)


def test_stall_is_counted_from_the_last_progress(zygote: Make, tmp_path: Path) -> None:
    incarnation, _ = ticking(zygote(), tmp_path, times=10_000)
    looks = itertools.count()

    watched = watch(incarnation, lambda: next(looks), stall=0.2, limit=1)

    assert watched.hung == "it was still running after 1 seconds"


def test_time_during_which_the_harness_itself_stood_still_does_not_count(
    zygote: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "NAP", 0.05)
    incarnation, _ = ticking(zygote(), tmp_path, times=20)
    looks = itertools.count()

    def progress() -> int:
        look = next(looks)
        if look == 1:
            time.sleep(0.6)  # as after Ctrl-Z
        return max(look, 1)

    watched = watch(incarnation, progress, stall=0.5, limit=60)

    assert (watched.exit, watched.hung) == (Exit(0, None), None)


def test_crash_is_no_hang(zygote: Make, tmp_path: Path) -> None:
    incarnation = zygote().spawn(LIFE + "crash_after_talking", {}, output=tmp_path / "output")

    watched = watch(incarnation, lambda: 0, stall=30, limit=60)

    assert (watched.exit, watched.hung) == (Exit(None, signal.SIGKILL), None)
