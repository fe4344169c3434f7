"""`make bench`: how long things take, side by side in one run, as ratios. Machines are noisy; trust the ratios.

Never a test. Each figure is the median of several pairs measured in turn, so that a slow minute hits both sides.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.checks import Baseline, compare
from harness.explore.sweep import sweep
from harness.faults import FaultPlan
from harness.journal import load
from harness.runner import Bench, open_bench
from harness.scenario import Scenario

HERE = Path(__file__).resolve().parent
SUBJECT = "fixtures.agents.bench:agent"
CRASH = "crash@tool:charge#1/between"
PAIRS = int(os.environ.get("BENCH_PAIRS", "5"))


class Ready:
    """A bench with its baseline, and the clock around one crashed run."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        first, second = (bench.run(FaultPlan(), name="baseline") for _ in range(2))
        compared = compare(load(first / "journal.jsonl"), load(second / "journal.jsonl"))
        assert isinstance(compared, Baseline), compared
        self.baseline = compared

    def run(self, plan: str = "") -> float:
        started = time.perf_counter()
        folder = self.bench.run(FaultPlan.parse(plan), baseline=self.baseline.history, name="bench")
        self.bench.judged(folder, self.baseline)
        return time.perf_counter() - started


def seconds(command: list[str], **env: str) -> float:
    """The wall time of one command."""
    started = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def pairs(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    """Medians of both, measured in turn after one warm-up each."""
    ours(), theirs()
    measured = [(ours(), theirs()) for _ in range(PAIRS)]
    return statistics.median(a for a, _ in measured), statistics.median(b for _, b in measured)


def by_hand(engine: str, folder: Path) -> Callable[[], float]:
    """Two cold interpreters doing the same by hand: run and die, then recover and print the result."""

    def once() -> float:
        script = [sys.executable, str(HERE / f"by_hand_{engine}.py")]
        place = tempfile.mkdtemp(dir=folder)
        started = time.perf_counter()
        died = subprocess.run(
            [*script, place, "die"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        assert died.returncode == -9, f"the first interpreter should have been killed, it ended with {died.returncode}"
        subprocess.run([*script, place, "recover"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    return once


def compare_engine(engine: str, folder: Path, wanted: str) -> None:
    """Crash → recovered → verdict by the harness, beside two cold interpreters by hand."""
    with open_bench(Scenario.make(subject=SUBJECT, engine=engine), folder / engine) as bench:
        ready = Ready(bench)
        ours, theirs = pairs(lambda: ready.run(CRASH), by_hand(engine, folder))
    print(
        f"{engine}: crash -> recovered -> verdict {ours:.3f} s, by hand {theirs:.3f} s, ratio {theirs / ours:.1f} ({wanted})"
    )


def journal_and_probes(folder: Path) -> None:
    """The reference engine's crash, the cost of probes in a fault-free run, and a bare agent loop beside it."""
    with ExitStack() as stack:
        bench = stack.enter_context(open_bench(Scenario.make(subject=SUBJECT, engine="journal"), folder / "journal"))
        ready = Ready(bench)
        crash, clean = pairs(lambda: ready.run(CRASH), lambda: ready.run())
    print(
        f"journal: crash -> verdict {crash * 1000:.0f} ms, fault-free run {clean * 1000:.0f} ms (want <= 60 ms for a crash)"
    )
    probed, bare = (float(subprocess.run(
        [sys.executable, str(HERE / "probes.py"), how], check=True, capture_output=True, text=True
    ).stdout) for how in ("probed", "bare"))  # fmt: skip
    print(
        f"agent loop: {bare * 1000:.2f} ms bare, {probed * 1000:.2f} ms with probes, +{100 * (probed / bare - 1):.0f} %"
    )


def whole_sweep(folder: Path) -> None:
    """A one-crash sweep of the 4-model, 3-tool agent under DBOS with two jobs."""
    report = sweep(Scenario.make(subject=SUBJECT, engine="dbos"), ["dbos"], out=folder, jobs=2)
    print(
        f"dbos: sweep of {len(report.runs)} crash points with --jobs 2 took {report.seconds:.1f} s, imports included (want <= 8 s after them)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        helped = statistics.median(seconds([sys.executable, "-m", "harness", "--help"]) for _ in range(PAIRS))
        print(f"harness --help: {helped:.2f} s (want <= 0.3 s)")
        journal_and_probes(folder)
        compare_engine("dbos", folder, "want >= 10 and <= 0.4 s")
        whole_sweep(folder)


if __name__ == "__main__":
    main()
