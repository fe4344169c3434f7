"""Three hundred crashed runs in a row leave nothing behind: no process, descriptor, port, folder or growing memory."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from harness.faults import FaultPlan
from harness.journal import load
from harness.runner import Bench, open_bench
from harness.scenario import Scenario

RUNS = 300
CRASH = FaultPlan.parse("crash@tool:charge#1/between")


def figures() -> dict[str, int]:
    """What this process and everything below it holds now."""
    me = psutil.Process()
    below = me.children(recursive=True)
    return {
        "processes": len(below),
        "zombies": sum(child.status() == psutil.STATUS_ZOMBIE for child in below),
        "descriptors": sum(process.num_fds() for process in (me, *below)),
        "listening": sum(one.status == psutil.CONN_LISTEN for one in me.net_connections(kind="inet")),
        "temporary": sum(1 for _ in Path(tempfile.gettempdir()).iterdir()),
        "megabytes": sum(process.memory_info().rss for process in (me, *below)) // 2**20,
    }


def crash(bench: Bench, times: int) -> int:
    """Crash and recover that often, two at a time; how many runs died and came to an end."""

    def once(_number: int) -> bool:
        history = load(bench.run(CRASH) / "journal.jsonl")
        return len(history.deaths()) == 1 and history.outcomes[1].status == "ok"

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(once, range(times)))


@pytest.mark.slow
def test_three_hundred_crashed_runs_leave_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = Scenario.make(subject="fixtures.agents.bench:agent", engine="dbos")

    before = figures()
    with open_bench(scenario, tmp_path / "bench") as bench:
        survived = crash(bench, 30)  # what is made once is made by now
        warm = figures()
        survived += crash(bench, RUNS - 30)
        end = figures()
    after = figures()

    with capsys.disabled():
        print(f"\nsoak: {RUNS} runs; before {before}; after 30 {warm}; after {RUNS} {end}; closed {after}")  # noqa: T201
    assert survived == RUNS
    assert end["zombies"] == after["zombies"] == 0
    assert (end["processes"], after["processes"]) == (warm["processes"], before["processes"])
    assert end["descriptors"] <= warm["descriptors"] + 2
    assert after["listening"] == before["listening"]
    # Other tests come and go in the same temporary folder; three hundred runs would show.
    assert after["temporary"] <= before["temporary"] + 20
    # A leak of a tenth of a megabyte a run would be 27 here.
    assert end["megabytes"] <= warm["megabytes"] + 27
