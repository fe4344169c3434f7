"""What the plugin costs somebody who does not use it: its import, and a published package's own suite with and without.

Processor time and not the clock, because the difference looked for is smaller than what a busy machine adds. The two
of a pair run one after the other, the order within it changes, and pairs are added until the range that holds their
median lies on one side of what is wanted: a few on a quiet machine, many on a busy one.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WANTED = 0.02
LEAST, MOST = 11, int(os.environ.get("BENCH_MANNERS", "41"))
PLUGIN = "harness.pytest_plugin"
SUITE = ("--pyargs", *(f"jsonschema.tests.test_{name}" for name in ("validators", "format", "types", "utils")))
IMPORT = f"import pytest, time; t = time.process_time(); import {PLUGIN}; print(time.process_time() - t)"


def suite(folder: Path, *, plugin: bool) -> float:
    """The processor time, children included, of one run of the suite in a process of its own."""
    chosen = PLUGIN if plugin else f"no:{PLUGIN}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", chosen, *SUITE]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    ran = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _pid, status, used = os.wait4(ran.pid, 0)
    ran.returncode = os.waitstatus_to_exitcode(status)
    assert ran.returncode == 0, f"the suite ended with {ran.returncode}"
    return used.ru_utime + used.ru_stime


def imported() -> float:
    """The processor time of importing the plugin where pytest is imported already."""
    done = subprocess.run([sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def ratio(folder: Path, turn: int) -> float:
    """The suite with the plugin over the suite without it."""
    order = (True, False) if turn % 2 else (False, True)
    used = {plugin: suite(folder, plugin=plugin) for plugin in order}
    return used[True] / used[False]


def around_median(figures: list[float]) -> tuple[float, float]:
    """The range that holds the true median with 95 % confidence, whatever the figures' distribution."""
    ranked, half = sorted(figures), len(figures) / 2
    aside = 0.98 * math.sqrt(len(figures))
    return ranked[max(0, math.floor(half - aside))], ranked[min(len(ranked) - 1, math.ceil(half + aside))]


def decided(ratios: list[float]) -> bool:
    """Whether the median is known well enough to say that it is more than what is wanted, or less."""
    low, high = around_median(ratios)
    return high <= 1 + WANTED or low > 1 + WANTED


def main() -> None:
    took = statistics.median(imported() for _ in range(5))
    print(f"plugin: imported in {took * 1000:.0f} ms (want <= 50 ms)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ratio(folder, 0)
        ratios: list[float] = []
        while len(ratios) < MOST and (len(ratios) < LEAST or not decided(ratios)):
            ratios.append(ratio(folder, len(ratios)))
    low, high = around_median(ratios)
    print(
        f"plugin: jsonschema's own suite takes {100 * (statistics.median(ratios) - 1):+.1f} % with it (want <= 2 %;"
        f" {len(ratios)} pairs, median between {100 * (low - 1):+.1f} and {100 * (high - 1):+.1f} %)"
    )


if __name__ == "__main__":
    main()
