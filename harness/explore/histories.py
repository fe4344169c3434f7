"""Judging histories that were saved elsewhere: could the code, as it is now, recover the runs that they are of?

Every file is one run of the report, so that it reads and exits as every other report does.
"""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.engines.base import Replays
from harness.engines.registry import load as load_engine
from harness.engines.usable import demand
from harness.errors import UsageError
from harness.process import stems
from harness.verdict import EngineSweep, Finding, Owner, RunReport, Severity, SweepReport, Verdict

CHECK = "determinism"
LOADING = 120.0
PER_FILE = 30.0
"""Seconds: a long history of a slow workflow takes one or two."""


def replay_histories(subject: str, files: Sequence[Path], *, engine: str = "temporal") -> SweepReport:
    """Replay saved histories in a cold process, which alone imports the subject and the engine.

    A file that cannot be replayed (no history, or one of another workflow) is unknown, with one sentence as its reason.
    Raises `UsageError` for an engine that replays nothing, `SubjectError` for a subject that cannot be used.
    """
    started = time.monotonic()
    loaded = load_engine(engine)
    if not isinstance(loaded, Replays):
        raise UsageError(f"engine {engine!r} replays no histories")
    demand(loaded, {})
    said = _said(
        loaded.replays, {"subject": subject, "files": [str(file) for file in files]}, LOADING + PER_FILE * len(files)
    )
    runs = tuple(_run(subject, engine, one) for one in said)
    swept = EngineSweep(engine, loaded.unit, runs=runs, possible=len(runs))
    return SweepReport(subject, (swept,), time.monotonic() - started)


def unreadable(report: SweepReport) -> list[str]:
    """One sentence for each file that could not be replayed at all."""
    return [reason for run in report.runs for reason in run.reasons]


def _said(entry: str, argument: dict[str, Any], seconds: float) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "replay.log"
        with stems.zygote(entry, argument, seed=1, log=log) as zygote:
            said: list[dict[str, Any]] = zygote.ready(seconds).info["said"]
            return said


def _run(subject: str, engine: str, said: dict[str, Any]) -> RunReport:
    """What was said of one file, as a run that was judged."""
    if said["ok"] is None:
        verdict = Verdict.unknown(CHECK, said["message"])
    else:
        verdict = Verdict.of(CHECK, [] if said["ok"] else [_failed(subject, said)])
    notes = (f"workflow {said['workflow']}",) if said["workflow"] else ()
    return RunReport(engine, subject, said["file"], (verdict,), 0, said["file"], notes=notes)


def _failed(subject: str, said: dict[str, Any]) -> Finding:
    return Finding(
        check=CHECK,
        rule="cannot-replay",
        step="run",
        severity=Severity.ERROR,
        owner=Owner.TOOL,
        message=f"the code as it is now cannot replay {said['file']}, a history of the workflow {said['workflow']!r}:"
        f" {said['message']}",
        remedy="let runs that are under way end on workers of the code that they began with, or keep its steps for them"
        " (`workflow.patched`); take what varies (time, chance, the order of a set) out of the code that is replayed",
        replay=shlex.join(["harness", "replay-history", said["file"], "--subject", subject]),
    )
