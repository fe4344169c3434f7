"""A retry audit as Markdown: a comment on a pull request, short enough to be read there."""

from __future__ import annotations

from collections.abc import Iterator

from harness.report.audit import amount, measured, takes
from harness.report.words import clean, counted
from harness.retries.findings import AuditFinding
from harness.retries.report import AuditReport, UnitAudit
from harness.verdict import Severity

_SIGNS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}


def render(report: AuditReport) -> str:
    """The report: the worst of each unit first, then findings, then the suggested change."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: AuditReport) -> Iterator[str]:
    yield f"### Retry audit of `{clean(report.subject)}` under {report.engine}: {report.status}"
    yield ""
    yield f"| unit | worst case | chain (budget {report.budget}) | takes |" + (" measured |" if report.proven else "")
    yield "| --- | --- | --- | --- |" + (" --- |" if report.proven else "")
    for unit in report.units:
        yield from _worst(unit, report)
    yield ""
    for finding in report.findings:
        yield _finding(finding)
    yield from (f"- {_cell(sentence)}." for sentence in (*report.lapsed, *report.idle))
    yield from _advice(report)
    yield from _details(report)


def _worst(unit: UnitAudit, report: AuditReport) -> Iterator[str]:
    worst = unit.worst
    if worst is None and not unit.unknown:  # a run that only ends with its process
        worst = next((cell for cell in unit.cells if cell.predicted is not None), None)
    if worst is None:
        reason = "; ".join(layer.unknown for layer in unit.unknown)
        case = f"unknown | {_cell(reason)}" if unit.unknown else "nothing | nothing to retry"
        yield f"| `{_cell(unit.unit)}` | {case} | |" + (" |" if report.proven else "")
        return
    known = " (of what is known)" if unit.unknown else ""
    told = f"| `{_cell(unit.unit)}` | {worst.failure} | {_cell(worst.chain)}{known} | {takes(worst)} |"
    yield told + (f" {measured(worst)} |" if report.proven else "")


def _finding(finding: AuditFinding) -> str:
    where = f" ({finding.origin.file}:{finding.origin.line})" if finding.origin.line else ""
    accepted = f" Accepted: {_cell(finding.accepted.reason)}" if finding.accepted else ""
    told = f"- {_SIGNS[finding.severity]} **{finding.rule}** `{_cell(finding.unit)}`{where}: {_cell(finding.message)}."
    return f"{told} To do: {_cell(finding.remedy)}.{accepted}"


def _advice(report: AuditReport) -> Iterator[str]:
    for advice in report.advice:
        yield ""
        becomes = f"{_cell(advice.before)} becomes {_cell(advice.after)}"
        yield f"To bring `{clean(advice.unit)}` under its budget ({becomes}):"
        yield ""
        yield "```diff"
        for change in advice.changes:
            yield f"# {clean(change.layer)}" + (f", {change.file}:{change.line}" if change.line else "")
            yield f"-{change.setting}={clean(change.now) or '(default)'}"
            yield f"+{change.setting}={clean(change.then)}"
        yield "```"


def _details(report: AuditReport) -> Iterator[str]:
    cells = [(unit, cell) for unit in report.units for cell in unit.cells]
    yield ""
    yield f"<details><summary>{counted(len(cells), 'cell')}</summary>"
    yield ""
    yield "| unit | when | chain | predicted | measured | takes |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for unit, cell in cells:
        told = (cell.failure, _cell(cell.chain), amount(cell), measured(cell), takes(cell))
        yield f"| `{_cell(unit.unit)}` | {' | '.join(told)} |"
    yield ""
    yield "</details>"


def _cell(text: str) -> str:
    """Text from outside, that must stay in its cell."""
    return clean(text).replace("\n", " ").replace("|", "\\|")
