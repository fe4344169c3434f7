"""What is wrong with a configuration of retries. A rule is a pure function from a unit of a report to findings.

Each has a stable id, a remedy, and a section of that name in `docs/retry-audit.md`.
"""

from __future__ import annotations

from harness.audits.rules import amounts, errors, guarantees, proof, waiting
from harness.audits.rules.base import Rule
from harness.retries.findings import AuditFinding
from harness.retries.report import AuditReport
from harness.verdict import Severity

RULES: tuple[Rule, ...] = (*amounts.RULES, *errors.RULES, *waiting.RULES, *guarantees.RULES, *proof.RULES)
"""In the order in which they are documented."""


def found(report: AuditReport) -> tuple[AuditFinding, ...]:
    """Everything that the rules find in a report, the gravest first."""
    every = [finding for rule in RULES for unit in report.units for finding in rule.look(unit, report)]
    return tuple(sorted(every, key=lambda finding: list(Severity).index(finding.severity)))
