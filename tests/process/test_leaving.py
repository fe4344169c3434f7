"""A life that has said how it ends is gone before anything of the next one's runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.faults import NO_FAULT
from harness.journal import load
from harness.process import kin
from harness.process.leaving import Leaving
from harness.runner import open_bench
from harness.scenario import Scenario

pytestmark = pytest.mark.skipif(not kin.LINUX, reason="lives are forks on Linux only")


def test_those_that_are_gone_are_forgotten_and_the_others_waited_for() -> None:
    leaving = Leaving()
    gone, going = (subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) for _ in range(2))
    for one in (gone, going):
        leaving.add(one.pid)
    gone.communicate()
    assert leaving.left() == [going.pid]

    threading.Timer(0.2, going.communicate).start()
    leaving.end()
    assert leaving.left() == []
    assert going.returncode is not None
    assert os.getpid() not in leaving.left()


def test_a_tool_meets_nobody_who_held_what_it_takes(tmp_path: Path) -> None:
    call = {"call": "inherit", "args": {"pids": str(tmp_path / "pid")}}
    script = [{"calls": [call]}, {"text": "done"}]
    scenario = Scenario.make(subject="fixtures.agents.heir:agent", engine="journal", script=script)
    with open_bench(scenario, tmp_path / "bench") as bench:
        histories = [bench.execute(NO_FAULT).history for _ in range(2)]
        history = load(bench.run(NO_FAULT) / "journal.jsonl")
        assert not kin.kill(int((tmp_path / "pid").read_text()), 0)
    assert [one.outcomes[1].status for one in (*histories, history)] == ["ok"] * 3
