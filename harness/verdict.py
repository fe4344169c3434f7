"""Verdicts: what a check says of a run, what a person should do about it, and how verdicts combine.

Three outcomes everywhere, as in Jepsen: passed, failed, unknown. Failed beats unknown beats passed, and "nothing
checked" is unknown: nothing wrong is not the same as nothing looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from harness.steps import StepId


class Status(StrEnum):
    """What a run, a check or a whole sweep came to."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How much a finding matters: an error fails, a warning is shown (`--strict` fails), a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Owner(StrEnum):
    """Who must act."""

    ENGINE = "engine"
    INTEGRATION = "integration"
    CONFIGURATION = "configuration"
    TOOL = "tool"
    HARNESS = "harness"


_RANK = {Status.PASSED: 0, Status.UNKNOWN: 1, Status.FAILED: 2}
EXIT_CODES = {Status.PASSED: 0, Status.FAILED: 1, Status.UNKNOWN: 3}


def worst(statuses: Iterable[Status]) -> Status:
    """Combine verdicts. Nothing checked is unknown."""
    return max(statuses, key=_RANK.__getitem__, default=Status.UNKNOWN)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, for a person: what happened, where, who must act, what to change, how to see it again.

    `events` are the numbers of the journal lines it rests on. `replay` is filled in by the runner.
    """

    check: str
    rule: str
    step: str | None
    severity: Severity
    owner: Owner
    message: str
    remedy: str
    incarnation: int | None = None
    events: tuple[int, ...] = ()
    replay: str = ""
    confirmed: str = ""
    """`cold` once a finding blamed on an engine or integration was seen again in cold interpreters."""

    @property
    def group(self) -> tuple[str, str, str, str]:
        """Findings with one cause: same check, rule, owner and step without its number."""
        return (self.check, self.rule, str(self.owner), StepId.parse(self.step).unnumbered if self.step else "")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What one check says. `reason` explains an unknown."""

    check: str
    status: Status
    findings: tuple[Finding, ...] = ()
    reason: str = ""

    @classmethod
    def of(cls, check: str, findings: Iterable[Finding], *, strict: bool = False) -> Verdict:
        """Failed if a finding is an error (or, strictly, a warning), else passed."""
        found = tuple(findings)
        failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
        status = Status.FAILED if any(finding.severity in failing for finding in found) else Status.PASSED
        return cls(check, status, found)

    @classmethod
    def unknown(cls, check: str, reason: str, findings: Iterable[Finding] = ()) -> Verdict:
        """The check could not tell."""
        return cls(check, Status.UNKNOWN, tuple(findings), reason)

    def to_json(self) -> dict[str, Any]:
        return {"check": self.check, "status": str(self.status), "reason": self.reason}


@dataclass(frozen=True)
class RunReport:
    """One run, judged."""

    engine: str
    subject: str
    plan: str
    verdicts: tuple[Verdict, ...]
    incarnations: int
    folder: str
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refused: str = ""
    """The engine's own words if it refused the subject: the run is n/a, not judged."""

    @property
    def status(self) -> Status:
        return worst(verdict.status for verdict in self.verdicts)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for verdict in self.verdicts for finding in verdict.findings)

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(verdict.reason for verdict in self.verdicts if verdict.reason)

    def to_json(self) -> dict[str, Any]:
        return {
            "engine": self.engine,
            "plan": self.plan,
            "status": str(self.status),
            "incarnations": self.incarnations,
            "checks": [verdict.to_json() for verdict in self.verdicts],
            "findings": [finding.to_json() for finding in self.findings],
            "steps": list(self.steps),
            "notes": list(self.notes),
            "folder": self.folder,
        }


@dataclass(frozen=True)
class Totals:
    """How much was looked at: crash points possible and run, crashes that happened, runs per status."""

    possible: int = 0
    run: int = 0
    crashes: int = 0
    passed: int = 0
    failed: int = 0
    unknown: int = 0
    seconds: float = 0.0
    by_engine: dict[str, int] = field(default_factory=dict)
