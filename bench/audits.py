"""What an audit of retries takes: without its proof beside an interpreter that only imports the agent, and with it.

`python bench/audits.py`, or as a part of `make bench`. The agent is one of the documented ones: one provider's SDK, one
engine. To import the two is nearly all that an audit without its proof does; it may even be the quicker one, for it
looks for no garbage meanwhile, and the clients that libraries make when they are imported load one certificate.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import audit

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("none", "dbos", "prefect", "temporal")
TIMES = 3


def subject(engine: str) -> str:
    return f"fixtures.audit.documented_{engine}:openai"


def used(once: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of ended children: a busy machine changes the former, and the latter much less."""
    began, before = time.perf_counter(), cpu()
    once()
    return time.perf_counter() - began, cpu() - before


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(*arguments: str) -> None:
    """Run Python as a person would, in the project's folder, whose bytecode is cached."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], check=False, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)


def static(engine: str) -> None:
    """The command, and what `python -c` takes for the import without which there is nothing to audit."""
    module, _, name = subject(engine).partition(":")
    command = ("-m", "harness", "audit", subject(engine), "--engine", engine, "--static")
    measured = [
        (*used(lambda: run(*command)), *used(lambda: run("-c", f"from {module} import {name}"))) for _ in range(TIMES)
    ]
    wall, spent, bare, floor = (statistics.median(figures) for figures in zip(*measured, strict=True))
    print(f"audit --static, {engine}: {wall:.2f} s, {spent:.2f} s of CPU (want <= 2 s);", end=" ")
    print(f"importing the agent alone {bare:.2f} s, {floor:.2f} s of CPU")


def proven(engine: str) -> None:
    """One audit with its proof, servers and imports included."""
    cells = []

    def once() -> None:
        report = audit(subject(engine), engine)
        cells.extend(cell for unit in report.units for cell in unit.cells if cell.measured is not None)

    wall, spent = used(once)
    differ = sum(cell.agrees is False for cell in cells)
    print(f"audit, {engine}: {len(cells)} cells measured in {wall:.1f} s, {spent:.1f} s of CPU;", end=" ")
    print(f"{differ} not as predicted")
    sys.stdout.flush()


def main() -> None:
    for engine in ENGINES[1:]:
        static(engine)
    for engine in ENGINES:
        proven(engine)
    print("  (want <= 180 s for four such agents under each engine: python -m tests.audits.table)")


if __name__ == "__main__":
    main()
