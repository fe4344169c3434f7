"""The commands that start processes and kill them: sweep, run, replay, steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli import options
from harness.cli.options import taking
from harness.cli.telling import exit_code, tell, watching
from harness.errors import PASSED


@click.command()
@taking(options.SUBJECT, options.ENGINES, *options.SUBJECT_OPTIONS, *options.ENGINE_OPTIONS)
@taking(options.JOBS, options.OUT, options.FORMAT, options.STRICT, options.COLD, options.REQUIRE)
def sweep(engines: tuple[str, ...], require: tuple[str, ...], **given: Any) -> int:
    """Crash SUBJECT at every step and draw the crash map.

    One crash for each step and window (before its body, between body and record, after the record). With several
    engines the map becomes a matrix that shows where they differ.
    """
    from harness.explore import sweep as explore
    from harness.report import terminal

    if not engines:
        raise options.no_engine(options.ALL)
    names = options.engines(engines)
    options.claimed(given, names)
    needed = options.required(require, names)
    scenario = options.scenario(given, engine=names[0])
    how = {"jobs": given["jobs"], "out": given["out"], "cold": given["cold"], "strict": given["strict"]}
    with watching() as progress:
        report = explore.sweep(scenario, names, require=needed, progress=progress, **how)
    tell(report, given["style"], lambda paper: terminal.render(report, paper))
    return exit_code(report, needed)


@click.command()
@taking(options.SUBJECT, options.ENGINE, options.FAULTS, *options.SUBJECT_OPTIONS, *options.ENGINE_OPTIONS)
@taking(options.OUT, options.FORMAT, options.STRICT, options.COLD)
def run(engine: str | None, faults: tuple[str, ...], **given: Any) -> int:
    """Run SUBJECT, or a scenario file, once under chosen faults.

    It is compared with two fault-free runs that come first. Without `--fault` it is a fault-free run too, judged like
    any other.
    """
    from harness.explore import sweep as explore

    name = _one(engine, given["subject"])
    options.claimed(given, [name])
    scenario = options.scenario(given, engine=name, faults=faults)
    with watching() as progress:
        report = explore.run(scenario, out=given["out"], cold=given["cold"], strict=given["strict"], progress=progress)
    return _told_run(report, given["style"])


@click.command()
@taking(options.RUN_FOLDER, options.OUT, options.FORMAT)
def replay(run_folder: Path, out: Path, style: str) -> int:
    """Do the run of a run folder again.

    Subject, script and faults are those of the folder; the code is as it is now.
    """
    from harness.explore import sweep as explore

    with watching() as progress:
        report = explore.replay(run_folder, out=out, progress=progress)
    return _told_run(report, style)


@click.command()
@taking(options.SUBJECT, options.ENGINE, *options.SUBJECT_OPTIONS, *options.ENGINE_OPTIONS)
@taking(options.OUT, options.FORMAT)
def steps(engine: str | None, out: Path, style: str, **given: Any) -> int:
    """List the steps of SUBJECT that faults can name."""
    from harness.explore import sweep as explore
    from harness.report import terminal

    name = _one(engine, given["subject"])
    options.claimed(given, [name])
    scenario = options.scenario(given, engine=name)
    with watching() as progress:
        report = explore.steps(scenario, out=out, progress=progress)
    tell(report, style, lambda paper: terminal.render_steps(report, paper))
    listed = any(sweep.rows for sweep in report.engines) and not report.runs
    return PASSED if listed else exit_code(report)


def _one(engine: str | None, subject: str) -> str:
    engine = engine or options.own_engine(subject)
    if engine is None:
        raise options.no_engine()
    return options.engines((engine,))[0] if engine != options.ALL and "," not in engine else _too_many(engine)


def _too_many(engine: str) -> str:
    raise click.UsageError(f"one engine at a time here, not `{engine}`; `harness sweep` takes several")


def _told_run(report: Any, style: str) -> int:
    """Print the report of one run beside its history, if it ran at all."""
    from harness.journal import load
    from harness.report import terminal

    history = load(Path(report.runs[0].folder) / "journal.jsonl") if report.runs else None
    tell(report, style, lambda paper: terminal.render_run(report, history, paper))
    return exit_code(report)
