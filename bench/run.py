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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import audits
from harness.checks import Baseline, compare
from harness.engines.prefect.server import Server
from harness.explore.sweep import Silent, sweep
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


def by_hand(engine: str, folder: Path, **env: str) -> Callable[[], float]:
    """Two cold interpreters doing the same by hand: run and die, then recover and print the result."""

    def once() -> float:
        script = [sys.executable, str(HERE / f"by_hand_{engine}.py")]
        place = tempfile.mkdtemp(dir=folder)
        quiet = {"env": {**os.environ, **env}, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started = time.perf_counter()
        died = subprocess.run([*script, place, "die"], check=False, **quiet)  # type: ignore[call-overload]
        assert died.returncode == -9, f"the first interpreter should have been killed, it ended with {died.returncode}"
        subprocess.run([*script, place, "recover"], check=True, **quiet)  # type: ignore[call-overload]
        return time.perf_counter() - started

    return once


VARIABLES = {"prefect": ("PREFECT_API_URL", "api_url"), "temporal": ("BENCH_TEMPORAL", "address")}
"""How a script by hand is told of the server that the harness uses: the variable, and where a store says it."""


def compare_engine(engine: str, folder: Path, wanted: str) -> None:
    """Crash → recovered → verdict by the harness, beside two cold interpreters by hand."""
    with open_bench(Scenario.make(subject=SUBJECT, engine=engine), folder / engine) as bench:
        ready = Ready(bench)
        env = {}
        if engine in VARIABLES:
            name, value = VARIABLES[engine]
            env = {name: bench.session.store("by-hand", folder).values[value]}
        ours, theirs = pairs(lambda: ready.run(CRASH), by_hand(engine, folder, **env))
    print(f"{engine}: crash -> recovered -> verdict {ours:.3f} s, two cold interpreters by hand {theirs:.3f} s,")
    print(f"  {theirs / ours:.1f} times as long ({wanted})")
    if engine == "temporal":
        print("  (by hand with its timeouts divided by 100, as the harness would; with pydantic-ai's own over 70 s)")


def prefect_server(folder: Path) -> None:
    """A Prefect server on a copy of the migrated template: forked from the process that imported it, and from cold."""

    def once() -> tuple[float, float]:
        begun = time.perf_counter()
        server = Server(Path(tempfile.mkdtemp(dir=folder)))
        server.url()
        cold = time.perf_counter() - begun
        server.kill()
        begun = time.perf_counter()
        server.start()
        warm = time.perf_counter() - begun
        server.close()
        return warm, cold

    once()
    measured = [once() for _ in range(PAIRS)]
    warm, cold = (statistics.median(figures) for figures in zip(*measured, strict=True))
    print(
        f"prefect: server ready from the template in {warm:.2f} s (want <= 1 s), once its interpreter has imported it;"
    )
    print(f"  that and all else from a cold start {cold:.2f} s, while the subject is being imported, too")


def journal_crash(folder: Path) -> float:
    """The reference engine's crash beside its fault-free run; returns the seconds of the latter."""
    with open_bench(Scenario.make(subject=SUBJECT, engine="journal"), folder / "journal") as bench:
        ready = Ready(bench)
        crash, clean = pairs(lambda: ready.run(CRASH), ready.run)
    print(f"journal: crash -> verdict {crash * 1000:.0f} ms (want <= 60 ms), fault-free {clean * 1000:.0f} ms")
    return clean


def fault_free(engine: str, folder: Path) -> float:
    """Seconds of a fault-free run under an engine, from its start to its verdict."""
    with open_bench(Scenario.make(subject=SUBJECT, engine=engine), folder / f"{engine}-fault-free") as bench:
        ready = Ready(bench)
        ready.run()
        return statistics.median(ready.run() for _ in range(PAIRS))


def probes(clean: dict[str, float]) -> None:
    """What probes add to a fault-free run, which takes so many seconds by engine, and to the agent's loop alone."""

    def measured(how: str) -> float:
        command = [sys.executable, str(HERE / "probes.py"), how]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])

    probed, bare = pairs(lambda: measured("probed"), lambda: measured("bare"))
    loop, added = measured("loop"), probed - bare
    shares = ", ".join(
        f"{100 * added / seconds:.1f} % of the {seconds * 1000:.0f} ms under {engine}"
        for engine, seconds in clean.items()
    )
    print(f"probes: {added * 1000:.1f} ms; of a fault-free run from its start to its verdict (want <= 5 %): {shares};")
    print(
        f"  {100 * added / bare:.0f} % of the {bare * 1000:.1f} ms that the agent takes in a warm process under the"
        f" reference engine, {loop * 1000:.1f} ms without an engine"
    )


def whole_sweep(folder: Path, engines: list[str], wanted: str) -> None:
    """An exhaustive one-crash sweep of the 4-model, 3-tool agent with two jobs, after servers and zygotes are up."""
    clock = Clock()
    report = sweep(Scenario.make(subject=SUBJECT, engine=engines[0]), engines, out=folder, jobs=2, progress=clock)
    assert all(engine.runs for engine in report.engines), [engine.unavailable for engine in report.engines]
    print(f"{', '.join(engines)}: {len(report.runs)} crash points with --jobs 2 in {clock.seconds:.1f} s ({wanted})")


class Clock(Silent):
    """Runs while runs do: not while engines and subjects are being made ready, nor during the baselines."""

    seconds = 0.0
    began = 0.0

    def started(self, total: int) -> None:
        self.began = time.perf_counter()

    def finished(self) -> None:
        self.seconds += time.perf_counter() - self.began


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        helped = statistics.median(seconds([sys.executable, "-m", "harness", "--help"]) for _ in range(PAIRS))
        print(f"harness --help: {helped:.2f} s (want <= 0.3 s)")
        subprocess.run([sys.executable, str(HERE / "manners.py")], check=True)
        probes({"journal": journal_crash(folder), "dbos": fault_free("dbos", folder)})
        compare_engine("dbos", folder, "want >= 10 and <= 0.4 s")
        compare_engine("prefect", folder, "want >= 8 and <= 1.0 s")
        compare_engine("temporal", folder, "want >= 4 and <= 1.5 s")
        prefect_server(folder)
        whole_sweep(folder, ["dbos"], "want <= 8 s")
        whole_sweep(folder, ["dbos", "prefect", "temporal"], "want <= 45 s")
        audits.main()


if __name__ == "__main__":
    main()
