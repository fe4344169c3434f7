"""What a person reads: the crash map or the parity matrix, the findings by cause, and what to change.

Plain text first. Every word stands for itself without colour, so a log file or a screen reader loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from rich.console import RenderableType
from rich.text import Text

from harness.faults import WINDOWS
from harness.history import History
from harness.report.accounts import of_steps, of_units
from harness.report.causes import advice, causes, findings, unsure
from harness.report.crash_map import crash_map
from harness.report.paper import Paper
from harness.report.parity import parity
from harness.report.tables import indented, table
from harness.report.timeline import timeline, values
from harness.report.words import STATUS_STYLE, clean, counted, shortened
from harness.verdict import EngineSweep, RunReport, Severity, Status, SweepReport

PLAIN = Paper()


def render(report: SweepReport, paper: Paper = PLAIN) -> str:
    """A sweep: map or matrix, findings, totals, and in the last lines what a person should change."""
    return paper.write(*_sweep(report, paper))


def render_run(report: SweepReport, history: History | None = None, paper: Paper = PLAIN) -> str:
    """One run: its plan, its lives side by side (if its history is at hand), what each check says, the findings."""
    return paper.write(*_run(report, history, paper))


def render_steps(report: SweepReport, paper: Paper = PLAIN) -> str:
    """The steps of the fault-free run and the windows in which each can be struck."""
    return paper.write(*_steps(report, paper))


def _sweep(report: SweepReport, paper: Paper) -> Iterator[RenderableType]:
    yield _title("CRASH MAP" if len(report.engines) < 2 else "PARITY", report)
    yield ""
    if len(report.engines) > 1:
        yield from parity(report, paper.width)
    else:
        for sweep in report.engines:
            yield from crash_map(sweep, paper.width)
    yield from _absent(report)
    yield from _rest(report)


def _rest(report: SweepReport) -> Iterator[RenderableType]:
    """What every report ends with."""
    yield from findings(report)
    yield from unsure(report)
    yield from _notes(report)
    yield ""
    yield from _totals(report)
    yield ""
    yield from advice(report)


def _title(what: str, report: SweepReport) -> Text:
    tried = [sweep.engine for sweep in report.engines if not (sweep.refused or sweep.unavailable)]
    engines = ", ".join(tried or [sweep.engine for sweep in report.engines])
    title = Text(f"{what}  ", "bold").append(clean(report.subject)).append(f" under {engines}: ")
    title.append(report.status.upper(), STATUS_STYLE[report.status])
    title.append(" so far" if any(sweep.partial for sweep in report.engines) else "")
    warned = sum(cause.finding.severity is Severity.WARNING for cause in causes(report))
    passed = report.status is Status.PASSED
    return title.append(f" with {counted(warned, 'warning')}", "yellow") if passed and warned else title


def _absent(report: SweepReport) -> Iterator[RenderableType]:
    """Engines that were asked for and not tried: never in silence."""
    for sweep in report.engines:
        said = ""
        if sweep.unavailable:
            said = f"{sweep.engine} was not tried: {clean(sweep.unavailable)}"
        elif sweep.refused:
            said = f"{sweep.engine}: n/a, it does not take this subject: {clean(sweep.refused)}"
        if said:
            yield ""
            yield Text(said, "yellow")


def _notes(report: SweepReport) -> Iterator[RenderableType]:
    """What the harness did differently or could not see, each once."""
    several = len(report.engines) > 1
    noted = [
        f"{sweep.engine}: {note}" if several else note
        for sweep in report.engines
        for note in (*sweep.notes, *(note for run in sweep.runs for note in (*run.notes, run.time_scale)))
        if note
    ]
    if noted:
        yield ""
    for note in dict.fromkeys(noted):
        yield Text(f"note: {clean(note)}", "dim")


def _totals(report: SweepReport) -> Iterator[RenderableType]:
    totals = report.totals
    parts = [f"{counted(totals['possible'], 'crash point')} possible", f"{totals['run']} run"]
    parts += [counted(totals["crashes"], "crash", "crashes"), f"{report.seconds:.1f} seconds"]
    judged = ", ".join(f"{totals[status]} {status}" for status in Status if totals[status])
    yield Text(f"{', '.join(parts)}: {judged or 'nothing judged'}")
    if any(sweep.partial for sweep in report.engines):
        yield Text("Interrupted: this report is partial, the crash points marked - were not tried.", "bold yellow")


def _run(report: SweepReport, history: History | None, paper: Paper) -> Iterator[RenderableType]:
    yield _title("RUN", report)
    units = {sweep.engine: sweep.unit for sweep in report.engines}
    for run in report.runs:
        yield Text(f"plan:   {clean(run.plan)}")
        yield Text(f"folder: {clean(run.folder)}", no_wrap=True)
        if history is not None:
            yield ""
            yield from timeline(history, run.findings, paper.width)
            yield from _torn(history)
        yield from of_steps(run)
        yield from of_units(run, units[run.engine] or "unit")
        yield ""
        yield from _checks(run)
    yield from _absent(report)
    yield from findings(report)
    yield from unsure(report)
    yield from _notes(report)
    yield ""
    yield from advice(report)


def _torn(history: History) -> Iterator[RenderableType]:
    if history.torn:
        yield ""
        yield Text("The last line of the journal is torn: what it said, and all that followed, is missing.", "yellow")


def _checks(run: RunReport) -> Iterator[RenderableType]:
    made = table("check", "verdict", "")
    for verdict in run.verdicts:
        found = counted(len(verdict.findings), "finding") if verdict.findings else ""
        made.add_row(verdict.check, Text(verdict.status, STATUS_STYLE[verdict.status]), found)
    yield indented(made)


def _steps(report: SweepReport, paper: Paper) -> Iterator[RenderableType]:
    for sweep in report.engines:
        yield Text("STEPS  ", "bold").append(f"{clean(report.subject)} under {sweep.engine}, without any fault")
        if sweep.rows:
            yield ""
            yield from _listing(report.subject, sweep, paper)
    yield from _absent(report)
    yield from _notes(report)
    if report.runs:
        # Without two fault-free runs that agree there are no steps to list; the findings say why.
        yield from findings(report)
        yield ""
        yield from advice(report)


def _listing(subject: str, sweep: EngineSweep, paper: Paper) -> Iterator[RenderableType]:
    step_width = min(paper.width // 2 - 10, max(len(clean(row.step)) for row in sweep.rows))
    room = paper.width - step_width - 30
    made = table("step", "windows", "arguments", widest=(step_width, 24, None))
    for row in sweep.rows:
        windows = ", ".join(WINDOWS) if row.recorded else "before, between = after"
        arguments = "" if row.arguments is None else values(row.arguments, max(room, 10))
        made.add_row(shortened(clean(row.step), step_width), windows, arguments)
    yield indented(made)
    yield ""
    if any(not row.recorded for row in sweep.rows):
        yield Text(f"between = after: {sweep.engine} does not record this step, so the two are one moment.", "dim")
    points = sum(3 if row.recorded else 2 for row in sweep.rows)
    yield Text(f"{counted(points, 'crash point')}. To crash at one of them:")
    struck = next((row.step for row in sweep.rows if "tool:" in row.step), sweep.rows[-1].step)
    example = f"  harness run {quote(subject)} --engine {sweep.engine} --fault 'crash@{struck}/between'"
    yield Text(clean(example), no_wrap=True)
