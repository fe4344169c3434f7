"""What the plugin costs somebody who does not use it: its import, and a published package's own suite with and without.

Two environments as an installer makes them, one without the distribution, and both with bytecode that is cached: to
name the plugin with `-p`, or to compile it each time, would cost more than the plugin. Two measures, because the
difference looked for is smaller than what a busy machine adds. Instructions hardly depend on the machine and are
counted once, if `perf` can or valgrind is here. Processor time is what people feel: the two of a pair run one after the
other, the order within it changes, and pairs are added until the range that holds their median lies on one side of what
is wanted: a few on a quiet machine, many on a busy one.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.plugin.installing import environment

WANTED = 0.02
LEAST, MOST = 11, int(os.environ.get("BENCH_MANNERS", "41"))
PLUGIN = "harness.pytest_plugin"
SUITE = ("--pyargs", *(f"jsonschema.tests.test_{name}" for name in ("validators", "format", "types", "utils")))
IMPORT = f"import pytest, time; t = time.process_time(); import {PLUGIN}; print(time.process_time() - t)"
UNSET = ("PYTEST_", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
COUNTERS = (
    ("perf", "stat", "-x,", "-e", "instructions:u", "-o", "counted"),
    ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", "--log-file=counted"),
)
COUNTED = re.compile(r"^(\d+),.*instructions|I +refs: +([\d,]+)", re.MULTILINE)


class Stranger:
    """Somebody's environment, with the distribution installed in it or without."""

    def __init__(self, folder: Path, *, plugin: bool) -> None:
        folder.mkdir()
        self._folder = folder
        self._python = environment(folder / "venv")
        # What both share may have our distribution, too, installed as an editable one.
        self._chosen = () if plugin else ("-p", f"no:{PLUGIN}")
        if not plugin:
            shutil.rmtree(next(folder.glob("venv/lib/*/site-packages/durable_harness-*.dist-info")))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(UNSET)}
        self._env = {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONHASHSEED": "0"}

    def suite(self, *counter: str) -> float:
        """The processor time, children included, of one run of the suite in a process of its own."""
        command = [*counter, str(self._python), "-m", "pytest", "-q", "-p", "no:randomly", *self._chosen, *SUITE]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        ran = subprocess.Popen(command, cwd=self._folder, env=self._env, **quiet)
        _pid, status, used = os.wait4(ran.pid, 0)
        ran.returncode = os.waitstatus_to_exitcode(status)
        assert ran.returncode == 0, f"the suite ended with {ran.returncode}"
        return used.ru_utime + used.ru_stime

    def instructions(self, counter: tuple[str, ...]) -> int | None:
        """How many instructions the suite takes, None if this is no machine on which `counter` counts them."""
        if shutil.which(counter[0]) is None:
            return None
        told = self._folder / "counted"
        subprocess.run([*counter, "true"], cwd=self._folder, env=self._env, check=False, capture_output=True)
        if not COUNTED.search(told.read_text("utf-8") if told.exists() else ""):
            return None
        self.suite(*counter)
        found = COUNTED.search(told.read_text("utf-8"))
        assert found is not None, told.read_text("utf-8")
        return int((found[1] or found[2]).replace(",", ""))

    def imported(self) -> float:
        """The processor time of importing the plugin where pytest is imported already."""
        command = [str(self._python), "-c", IMPORT]
        done = subprocess.run(command, cwd=self._folder, env=self._env, capture_output=True, text=True, check=True)
        return float(done.stdout)


def counted(ours: Stranger, theirs: Stranger) -> str:
    """What the plugin adds in instructions, and how that was counted."""
    for counter in COUNTERS:
        with_it, without = ours.instructions(counter), theirs.instructions(counter)
        if with_it is not None and without is not None:
            return f"{100 * (with_it / without - 1):+.2f} % instructions (one run each, counted by {counter[0]})"
    return "instructions not counted: perf has no counter here, and there is no valgrind"


def ratio(ours: Stranger, theirs: Stranger, turn: int) -> float:
    """The suite with the plugin over the suite without it."""
    order = (ours, theirs) if turn % 2 else (theirs, ours)
    used = {each: each.suite() for each in order}
    return used[ours] / used[theirs]


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
    with tempfile.TemporaryDirectory() as name:
        ours, theirs = (Stranger(Path(name) / kind, plugin=kind == "with") for kind in ("with", "without"))
        ratio(ours, theirs, 0)  # writes the bytecode
        took = statistics.median(ours.imported() for _ in range(5))
        print(f"plugin: imported in {took * 1000:.1f} ms (want <= 50 ms)", flush=True)
        ratios: list[float] = []
        while len(ratios) < MOST and (len(ratios) < LEAST or not decided(ratios)):
            ratios.append(ratio(ours, theirs, len(ratios)))
        low, high = around_median(ratios)
        print(
            f"plugin: jsonschema's own suite takes {100 * (statistics.median(ratios) - 1):+.1f} % with it (want <= 2 %;"
            f" {len(ratios)} pairs, median between {100 * (low - 1):+.1f} and {100 * (high - 1):+.1f} %)",
            flush=True,
        )
        print(f"plugin: and {counted(ours, theirs)}")


if __name__ == "__main__":
    main()
