"""Histories that were replayed: a row for each file, then what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from harness.report.causes import advice, findings, unsure
from harness.report.paper import Paper
from harness.report.tables import indented, table
from harness.report.words import STATUS_STYLE, clean, shortened
from harness.verdict import Status, SweepReport

PLAIN = Paper()
WORDS = {Status.PASSED: "replays", Status.FAILED: "DIFFERS", Status.UNKNOWN: "?"}


def render(report: SweepReport, paper: Paper = PLAIN) -> str:
    """A report whose runs are saved histories. Of each run `plan` is the file."""
    return paper.write(*_rendered(report, paper))


def _rendered(report: SweepReport, paper: Paper) -> Iterator[RenderableType]:
    title = Text("HISTORIES  ", "bold").append(clean(report.subject)).append(": ")
    yield title.append(report.status.upper(), STATUS_STYLE[report.status])
    yield ""
    width = min(paper.width - 40, max((len(run.plan) for run in report.runs), default=0))
    made = table("history", "", "workflow", widest=(width, 7))
    for run in report.runs:
        said = Text(WORDS[run.status], STATUS_STYLE[run.status])
        workflow = "".join(note.removeprefix("workflow ") for note in run.notes)
        made.add_row(shortened(clean(run.plan), width), said, clean(workflow))
    yield indented(made)
    yield from findings(report)
    yield from unsure(report)
    yield ""
    passed = report.status is Status.PASSED
    yield from ([Text("Nothing has to change: every history replays.", "bold green")] if passed else advice(report))
