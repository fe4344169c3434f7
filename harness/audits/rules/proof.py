"""What the proof says about the prediction, and what nobody could find out."""

from __future__ import annotations

from collections.abc import Sequence

from harness.audits.rules.base import Found, Rule, Said, happens
from harness.retries.report import AuditReport, Cell, UnitAudit
from harness.verdict import Severity


def _differs(unit: UnitAudit, _report: AuditReport) -> Found:
    differing = [cell for cell in unit.cells if cell.agrees is False]
    for cell in differing:
        if not cell.bound:
            text = f"predicted {cell.chain}, measured {_measured(cell)} when {happens(unit, cell.failure)}"
            remedy = "some layer does something else than it says; look at the subject's own retries, then report it"
            yield Said(text, remedy, Severity.ERROR, (cell.failure,))
    yield from _by_hand(unit, [cell for cell in differing if cell.bound])
    yield from _swallowed(unit, [cell for cell in unit.cells if cell.is_below])


def _by_hand(unit: UnitAudit, cells: Sequence[Cell]) -> Found:
    """More than a bound allows: whatever is in between tries again by itself, or something else in its place."""
    if cells:
        worst = max(cells, key=lambda cell: cell.counted or 0)
        again = next((one for one in unit.layers if one.results), None)
        why = (
            f"{again.name} tries again after what code of your own returns in place of a failure"
            if again
            else "code of your own goes on asking after a failure, which no setting shows"
        )
        text = f"{why}: predicted {worst.chain}, measured {_measured(worst)} when {happens(unit, worst.failure)}"
        remedy = (
            "take its loop away and let one layer own this failure, or count it into what you allow; if it asks one"
            " thing after another, let the first failure end it"
        )
        yield Said(text, remedy, Severity.ERROR, tuple(cell.failure for cell in cells), again)


def _swallowed(unit: UnitAudit, cells: Sequence[Cell]) -> Found:
    """Fewer than a bound allows: whatever is in between does not pass on the failure as it is."""
    if cells:
        worst = max(cells, key=lambda cell: cell.predicted or 0)
        text = f"at most {worst.chain}, measured {_measured(worst)} when {happens(unit, worst.failure)}"
        remedy = (
            "nothing, if it is meant so: code of your own takes the failure for an answer, or raises an error of its"
            " own for it, and nobody retries that"
        )
        yield Said(text, remedy, Severity.NOTE, tuple(cell.failure for cell in cells))


def _measured(cell: Cell) -> str:
    more = " and more" if cell.measured is not None and cell.measured.capped else ""
    return f"{cell.counted}{more} {cell.counts if more or cell.counted != 1 else cell.counts.removesuffix('s')}"


def _unknown(unit: UnitAudit, report: AuditReport) -> Found:
    for one in unit.unknown:
        text = f"{one.name} could not be resolved: {one.unknown}"
        counted = any(cell.predicted is None and cell.counted is not None for cell in unit.cells)
        yield Said(text, _resolving(one.unknown, proven=report.proven, counted=counted), Severity.NOTE, (), one)


def _resolving(reason: str, *, proven: bool, counted: bool) -> str:
    """What to do about a layer that is unknown for this reason."""
    if "`--" in reason:
        return "say it on the command line, with the option that the reason names"
    if any(words in reason for words in _IN_A_RUN):
        known = "go by what was measured" if proven else "leave `--static` out, so that a run counts it"
        return f"{known}; what no run reaches, count yourself"
    if any(words in reason for words in _IN_NO_RUN):
        return "count it yourself: decide by a status, and wait with the client's own timeout, if a run is to count it"
    otherwise = "go by what was measured" if counted else "count it yourself"
    return f"make it when the module is imported, of something that the audit can ask; else {otherwise}"


_IN_A_RUN = ("only a run", "only known in a run")
"""How a reason says that no better look at the configuration would help."""
_IN_NO_RUN = ("only shows in real time", "only the provider knows")
"""How one says that a run would not either, whose times are divided and whose errors are made up."""


RULES = (
    Rule(
        "prediction-differs",
        "what was measured is not what was predicted",
        "Either the configuration is not what it seems, or the audit is wrong. Both matter.",
        _differs,
    ),
    Rule(
        "unknown-layer",
        "a layer whose retries nobody could find out",
        "It is never counted as one attempt: what depends on it stays unknown.",
        _unknown,
    ),
)
