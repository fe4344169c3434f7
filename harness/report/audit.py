"""A retry audit for the terminal: per unit its layers, what they come to, the findings, and what to change."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from harness.report.paper import Paper
from harness.report.tables import indented, table
from harness.report.words import SEVERITY_STYLE, STATUS_STYLE, clean, counted
from harness.retries.findings import AuditFinding
from harness.retries.report import Advice, AuditReport, Cell, UnitAudit
from harness.retries.values import Origin
from harness.verdict import Severity

PLAIN = Paper()


def render(report: AuditReport, paper: Paper = PLAIN) -> str:
    """The whole report; its last lines say what to change."""
    return paper.write(*_parts(report))


def amount(cell: Cell) -> str:
    """What is predicted, as one word."""
    predicted = cell.predicted
    return "?" if predicted is None else "unlimited" if math.isinf(predicted) else str(int(predicted))


def measured(cell: Cell) -> str:
    """What was measured, as one word. Nothing, if it was not."""
    if cell.measured is None:
        return ""
    return f"{cell.counted}{'+' if cell.measured.capped else ''}"


def takes(cell: Cell) -> str:
    """How long a cell takes at worst, as far as that is known."""
    return "for ever" if cell.hangs else lasting(cell.seconds)


def lasting(seconds: float | None) -> str:
    """A duration that a person can compare. Seconds that nobody knows are none."""
    if seconds is None:
        return ""
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _parts(report: AuditReport) -> Iterator[RenderableType]:
    title = Text("RETRY AUDIT  ", "bold").append(clean(report.subject)).append(f" under {report.engine}: ")
    yield title.append(report.status.upper(), STATUS_STYLE[report.status])
    for unit in report.units:
        yield ""
        yield from _unit(unit, report)
    yield from _findings(report)
    yield from _notes(report)
    yield ""
    yield from _totals(report)
    for advice in report.advice:
        yield ""
        yield from _advice(advice)


def _unit(unit: UnitAudit, report: AuditReport) -> Iterator[RenderableType]:
    yield Text(clean(unit.unit), "bold")
    layers = table("layer, innermost first", "settings", "set by")
    for layer in unit.layers:
        told = clean(f"unknown: {layer.unknown}" if layer.unknown else layer.told)
        layers.add_row(clean(layer.name), Text(told, "magenta" if layer.unknown else ""), clean(str(layer.origin)))
    yield indented(layers)
    if not unit.cells:
        return
    yield ""
    heads = ("when", "at worst", "predicted", *(("measured",) if report.proven else ()), "takes", "gives up first")
    cells = table(*heads)
    for cell in unit.cells:
        over = (cell.predicted or 0) > report.budget and unit.unit != "run" and cell.is_budgeted
        shown = Text(amount(cell), "bold red" if over else "")
        proof = (Text(measured(cell), "bold red" if cell.agrees is False else ""),) if report.proven else ()
        cells.add_row(cell.failure, clean(str(cell.expression)), shown, *proof, takes(cell), clean(cell.stops))
    yield indented(cells)
    if several := [cell.failure for cell in unit.cells if cell.measured is not None and cell.measured.calls > 1]:
        yield indented(Text(f"several calls of it failed ({', '.join(several)}): measured is the most of one", "dim"))
    if several := [cell.failure for cell in unit.cells if cell.measured is not None and cell.measured.different > 1]:
        text = f"its body sends several requests ({', '.join(several)}): measured is the one that is sent most often"
        yield indented(Text(text, "dim"))
    for reason, failures in _unmeasured(unit).items():
        yield indented(Text(f"not measured ({', '.join(failures)}): {clean(reason)}", "dim"))


def _unmeasured(unit: UnitAudit) -> dict[str, list[str]]:
    """Why cells were not measured, each reason with the failures that it is about."""
    reasons: dict[str, list[str]] = {}
    for cell in unit.cells:
        if cell.unmeasured:
            reasons.setdefault(cell.unmeasured, []).append(cell.failure)
    return reasons


def _findings(report: AuditReport) -> Iterator[RenderableType]:
    for finding, units in _together(report.findings):
        yield ""
        yield _finding(finding, units)
        yield indented(Text(f"To do: {clean(finding.remedy)}"))
        if finding.origin != Origin():
            yield indented(Text(f"Set: {clean(str(finding.origin))}", "dim"))
        if finding.accepted is not None:
            until = f" until {finding.accepted.expires}" if finding.accepted.expires else ""
            yield indented(Text(f"Accepted{until}: {clean(finding.accepted.reason)}", "dim"))
    for sentence in report.lapsed:
        yield ""
        yield Text(clean(sentence), SEVERITY_STYLE[Severity.WARNING])


def _together(findings: Sequence[AuditFinding]) -> Iterator[tuple[AuditFinding, list[str]]]:
    """The findings, with the units of which the same is said with the same words."""
    told: dict[str, tuple[AuditFinding, list[str]]] = {}
    for finding in findings:
        same = finding.model_copy(update={"unit": "", "failures": ()}).model_dump_json()
        told.setdefault(same, (finding, []))[1].append(finding.unit)
    yield from told.values()


def _finding(finding: AuditFinding, units: Sequence[str]) -> Text:
    style = "dim" if finding.accepted else SEVERITY_STYLE[finding.severity]
    told = Text(f"{finding.severity} ", style).append(f"{finding.rule} ", "bold").append(f"{clean(', '.join(units))}: ")
    return told.append(clean(finding.message))


def _notes(report: AuditReport) -> Iterator[RenderableType]:
    told = [
        *report.idle,
        *report.notes,
        *(note for unit in report.units for layer in unit.layers for note in layer.notes),
    ]
    if told:
        yield ""
    for note in dict.fromkeys(told):
        yield Text(f"note: {clean(note)}", "dim")


def _totals(report: AuditReport) -> Iterator[RenderableType]:
    cells = [cell for unit in report.units for cell in unit.cells]
    told = [counted(len(report.units), "unit"), f"{counted(len(cells), 'cell')} predicted"]
    if report.proven:
        fewer = sum(cell.is_below for cell in cells)
        equal = sum(cell.agrees is True for cell in cells) - fewer
        told += [f"{sum(cell.measured is not None for cell in cells)} measured", f"{equal} equal"]
        told += [f"{fewer} fewer"] if fewer else []
    graded = {severity: sum(one.severity is severity for one in report.open) for severity in Severity}
    told += [counted(number, str(severity)) for severity, number in graded.items() if number]
    accepted = len(report.findings) - len(report.open)
    told += [f"{accepted} accepted"] if accepted else []
    yield Text(f"{', '.join(told)}; budget {report.budget}, {report.seconds:.1f} seconds")


def _advice(advice: Advice) -> Iterator[RenderableType]:
    yield Text(f"To bring {clean(advice.unit)} under its budget:", "bold")
    for change in advice.changes:
        where = f"  {change.file}:{change.line}" if change.line else f"  {change.file}" if change.file else ""
        now = f"{change.setting}={change.now}" if change.now else f"{change.setting} as it is"
        yield Text(f"  {clean(change.layer)}{clean(where)}", no_wrap=True)
        yield Text(f"  - {clean(now)}", "red", no_wrap=True)
        yield Text(f"  + {change.setting}={clean(change.then)}", "green", no_wrap=True)
    yield Text(f"  {clean(advice.before)}")
    yield Text(f"  becomes {clean(advice.after)}")
