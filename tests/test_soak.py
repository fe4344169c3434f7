"""Hundreds of crashed runs in a row leave nothing behind: no process, descriptor, port, folder or growing memory."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness.faults import FaultPlan
from harness.journal import load
from harness.runner import Bench, open_bench
from harness.scenario import Scenario

RUNS = {"dbos": 300, "journal": 60, "prefect": 30, "temporal": 30}
"""How many under each engine. `SOAK=300` in the environment makes it so many under every one."""
WARM = 10
"""After so many, what is made once has been made."""
LEAK = 0.1
"""Megabytes a run that would be a leak; an allocator's own ups and downs are a few in all."""
UNSTEADY = 8
CRASH = FaultPlan.parse("crash@tool:charge#1/between")


def figures() -> dict[str, int]:
    """What this process and everything below it holds now."""
    me = psutil.Process()
    below = me.children(recursive=True)
    held = [_held(process) for process in (me, *below)]
    return {
        "processes": len(below),
        "zombies": sum(child.status() == psutil.STATUS_ZOMBIE for child in below),
        "descriptors": sum(one["descriptors"] for one in held if not one["server"]),
        "listening": sum(one["listening"] for one in held),
        "temporary": sum(1 for _ in Path(tempfile.gettempdir()).iterdir()),
        "megabytes": sum(one["megabytes"] for one in held if not one["server"]),
        "megabytes of servers": sum(one["megabytes"] for one in held if one["server"]),
    }


def _held(process: psutil.Process) -> dict[str, int]:
    """What one process holds. An engine's server is not ours: it keeps what it was told in its memory, too."""
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        command = process.cmdline()
        return {
            "descriptors": process.num_fds(),
            "listening": sum(one.status == psutil.CONN_LISTEN for one in process.net_connections(kind="inet")),
            "megabytes": process.memory_info().rss // 2**20,
            "server": any(word.endswith(("start-dev", "prefect/host.py")) for word in command),
        }
    return dict.fromkeys(("descriptors", "listening", "megabytes", "server"), 0)


def crash(bench: Bench, times: int) -> int:
    """Crash and recover that often, two at a time; how many runs died and came to an end."""

    def once(_number: int) -> bool:
        history = load(bench.run(CRASH) / "journal.jsonl")
        return len(history.deaths()) == 1 and history.outcomes[1].status == "ok"

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(once, range(times)))


@pytest.mark.slow
@pytest.mark.parametrize("engine", RUNS)
def test_crashed_runs_leave_nothing_behind(engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = Scenario.make(subject="fixtures.agents.bench:agent", engine=engine)
    runs = int(os.environ.get("SOAK", RUNS[engine]))

    before = figures()
    with open_bench(scenario, tmp_path / "bench") as bench:
        survived = crash(bench, WARM)
        warm = figures()
        survived += crash(bench, runs - WARM)
        end = figures()
    after = figures()

    with capsys.disabled():
        told = f"{engine}, {runs} runs; before {before}; after {WARM} {warm}; after {runs} {end}; closed {after}"
        print(f"\nsoak: {told}")  # noqa: T201
    assert survived == runs
    assert end["zombies"] == after["zombies"] == 0
    assert (end["processes"], after["processes"]) == (warm["processes"], before["processes"])
    assert end["descriptors"] <= warm["descriptors"] + 2
    assert (end["listening"], after["listening"]) == (warm["listening"], before["listening"])
    # Other tests come and go in the same temporary folder; three hundred runs would show.
    assert after["temporary"] <= before["temporary"] + 20
    assert end["megabytes"] <= warm["megabytes"] + UNSTEADY + LEAK * runs
