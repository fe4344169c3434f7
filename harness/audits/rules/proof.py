"""What the proof says about the prediction, and what nobody could find out."""

from __future__ import annotations

from harness.audits.rules.base import Found, Rule, Said
from harness.retries.report import AuditReport, UnitAudit
from harness.verdict import Severity


def _differs(unit: UnitAudit, _report: AuditReport) -> Found:
    for cell in unit.cells:
        if cell.agrees is False and cell.measured is not None:
            more = " and more" if cell.measured.capped else ""
            number = f"{cell.counted}{more} {cell.counts}"
            text = f"predicted {cell.chain}, measured {number} when {cell.failure.means}"
            remedy = "some layer does something else than it says; look at the subject's own retries, then report it"
            yield Said(text, remedy, Severity.ERROR, (cell.failure,))


def _unknown(unit: UnitAudit, _report: AuditReport) -> Found:
    for one in unit.unknown:
        text = f"{one.name} could not be resolved: {one.unknown}"
        yield Said(text, "build it where the audit can see it: when the module is imported", Severity.NOTE, (), one)


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
