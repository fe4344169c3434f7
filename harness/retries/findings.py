"""What a rule says about one unit."""

from __future__ import annotations

from datetime import date

from harness.retries.values import Failure, Origin, Value
from harness.verdict import Severity


class Accepted(Value):
    """A known finding that somebody has accepted, why, and until when."""

    rule: str
    unit: str = "*"
    reason: str
    expires: date | None = None


class AuditFinding(Value):
    """What one rule found in one unit. `origin` is where the setting is that should change."""

    rule: str
    severity: Severity
    unit: str
    message: str
    remedy: str
    failures: tuple[Failure, ...] = ()
    origin: Origin = Origin()
    accepted: Accepted | None = None

    @property
    def anchor(self) -> str:
        """Where the rule is documented."""
        return f"docs/retry-audit.md#{self.rule}"
