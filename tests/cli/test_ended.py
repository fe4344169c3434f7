"""A sweep whose harness is ended from outside leaves no process behind, and its runs can be looked at."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, SHOP, Shell, environment
from tests.process.families import MARK, family, happens


def unhindered() -> None:
    """Let a signal do what it does: under `nohup` one of them is ignored by everything that is started."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


ENDINGS = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDINGS, ids=lambda each: each.name)
def test_no_process_survives_a_harness_that_is_ended_in_the_middle(number: signal.Signals, tmp_path: Path) -> None:
    mark = f"{os.getpid()}-{number.name}"
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "sweep", SHOP, "-e", "journal", "-j", "2", "--out", str(tmp_path)],
        cwd=ROOT,
        env=environment({MARK: mark}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=unhindered,  # noqa: PLW1509  nothing is imported and no lock taken in it
    )
    assert process.stderr is not None
    assert any(" of 12 run" in line for line in process.stderr)
    assert len(family(mark)) > 1

    os.kill(process.pid, number)
    process.wait()
    process.stderr.close()

    assert process.returncode == -number
    assert happens(lambda: family(mark) == [])


def test_two_sweeps_in_one_folder_keep_apart(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "sweep", SHOP, "-e", "journal", "--out", str(tmp_path)]
    both = [
        subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]

    said = [process.communicate()[0].decode() for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert all("12 crash points possible, 12 run" in text for text in said)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_sweep_that_was_killed_leaves_runs_that_can_be_shown(shell: Shell, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "sweep", SHOP, "-e", "journal", "--out", str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any("1 of 12 run" in line for line in process.stderr)
    process.kill()
    process.wait()
    process.stderr.close()

    shown = shell("show", str(next(tmp_path.glob("*/journal/0003-*"))))

    assert shown.code == 0
    assert "crash@run/before" in shown.out
