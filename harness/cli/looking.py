"""The commands that change nothing: show, script, doctor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import options
from harness.cli.options import taking
from harness.cli.telling import exit_code, say, tell


@click.command()
@taking(options.RUN_FOLDER, options.FORMAT, options.STRICT)
def show(run_folder: Path, style: str, strict: bool) -> int:  # noqa: FBT001  click passes it by name
    """Judge a run folder again, with no engine installed."""
    from harness.engines import registry
    from harness.explore import sweep as explore
    from harness.report import terminal
    from harness.verdict import EngineSweep, SweepReport

    judged, history = explore.show(run_folder, strict=strict)
    unit = registry.load(judged.engine).unit
    report = SweepReport(judged.subject, (EngineSweep(judged.engine, unit, runs=(judged,), possible=1),))
    tell(report, style, lambda paper: terminal.render_run(report, history, paper))
    return exit_code(report)


@click.command()
@taking(options.SUBJECT, *options.SUBJECT_OPTIONS, options.OUT)
def script(out: Path, **given: Any) -> int:
    """Print the script that would be used for SUBJECT.

    It is YAML, to be edited and passed with `--script`. A call or a turn may
    have `on_retry`: what the model says instead when the agent rejects it.
    """
    from harness.explore.written import script as written

    say(written(options.scenario(given), out=out))
    return 0


@click.command()
@taking(options.OUT)
def doctor(out: Path) -> int:
    """Say what is installed, and how to get what is not."""
    from harness.cli.doctor import examine, rendered, works
    from harness.report.paper import Paper

    found = examine(out)
    say(rendered(found, Paper.of(sys.stdout)))
    return 0 if works(found) else 2
