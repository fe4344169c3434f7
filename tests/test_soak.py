"""Hundreds of crashed runs in a row leave nothing behind: no process, descriptor, port, folder or growing memory."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness.faults import FaultPlan
from harness.journal import load
from harness.runner import Bench, open_bench
from harness.scenario import Scenario
from tests.engines.own_cache import names, own_cache

RUNS = {"dbos": 300, "journal": 60, "prefect": 30, "temporal": 30}
"""How many under each engine. `SOAK=300` in the environment makes it so many under every one."""
WARM = 10
"""After so many, what is made once has been made."""
LEAK = 10
"""Kilobytes a run that would be a leak. Three hundred runs under DBOS were measured to cost four each."""
UNSTEADY = 2000
"""Kilobytes in all that an allocator may go up; it was measured to go up by less than a hundred."""
LOOKS, BETWEEN = 50, 0.2
"""How often to look whether the same processes are there as before, and the seconds between two looks."""
CRASH = FaultPlan.parse("crash@tool:charge#1/between")


def figures() -> dict[str, int]:
    """What this process and everything below it holds once the last lives are gone: their end is told before it."""
    me = psutil.Process()
    below = _below(me)
    for _look in range(LOOKS):
        time.sleep(BETWEEN)
        before, below = below, _below(me)
        if below.keys() == before.keys() and not any(_is_zombie(one) for one in below.values()):
            break
    held = [_held(process) for process in (me, *below.values())]
    return {
        "processes": len(below),
        "zombies": sum(_is_zombie(child) for child in below.values()),
        "descriptors": sum(one["descriptors"] for one in held if not one["server"]),
        "listening": sum(one["listening"] for one in held),
        "temporary": len(list(Path(tempfile.gettempdir()).iterdir())),
        "kilobytes": sum(one["kilobytes"] for one in held if not one["server"]),
        "kilobytes of servers": sum(one["kilobytes"] for one in held if one["server"]),
    }


def _below(me: psutil.Process) -> dict[int, psutil.Process]:
    shared = names(Path(os.environ["XDG_CACHE_HOME"]))  # a server of several sessions is no child of any
    return {one.pid: one for one in (*me.children(recursive=True), *shared)}


def _is_zombie(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return False


def _held(process: psutil.Process) -> dict[str, int]:
    """What one process holds. An engine's server is not ours: it keeps what it was told in its memory, too."""
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        command = process.cmdline()
        return {
            "descriptors": process.num_fds(),
            "listening": sum(one.status == psutil.CONN_LISTEN for one in process.net_connections(kind="inet")),
            "kilobytes": process.memory_info().rss // 2**10,
            "server": any(word.endswith(("start-dev", "prefect/host.py")) for word in command),
        }
    return dict.fromkeys(("descriptors", "listening", "kilobytes", "server"), 0)


@pytest.fixture
def a_cache_folder_of_our_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One where no session of anybody else meets ours, so that the server they share is ours alone."""
    with own_cache() as folder:
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
        yield


@pytest.fixture
def a_temporary_folder_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that this process and all below it use and nobody else does, so that whatever is left there is ours."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


def crash(bench: Bench, times: int) -> int:
    """Crash and recover that often, two at a time; how many runs died and came to an end."""

    def once(_number: int) -> bool:
        history = load(bench.run(CRASH) / "journal.jsonl")
        return len(history.deaths()) == 1 and history.outcomes[1].status == "ok"

    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(once, range(times)))


@pytest.mark.slow
@pytest.mark.usefixtures("a_cache_folder_of_our_own", "a_temporary_folder_of_our_own")
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

    grown = (end["kilobytes"] - warm["kilobytes"]) / (runs - WARM)

    with capsys.disabled():
        told = f"{engine}, {runs} runs; before {before}; after {WARM} {warm}; after {runs} {end}; closed {after}"
        told += f"; memory grew by {grown:.1f} kilobytes a run"
        print(f"\nsoak: {told}")  # noqa: T201
    assert survived == runs
    assert end["zombies"] == after["zombies"] == 0
    assert (end["processes"], after["processes"]) == (warm["processes"], before["processes"])
    assert end["descriptors"] <= warm["descriptors"] + 2
    assert (end["listening"], after["listening"]) == (warm["listening"], before["listening"])
    assert (end["temporary"], after["temporary"]) == (warm["temporary"], before["temporary"])
    assert end["kilobytes"] <= warm["kilobytes"] + UNSTEADY + LEAK * (runs - WARM)
