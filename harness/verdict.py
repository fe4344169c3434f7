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

    @property
    def blames_others(self) -> bool:
        """Whether an engine, or what integrates it, is to answer for it, and not whoever wrote the subject."""
        return self.owner in (Owner.ENGINE, Owner.INTEGRATION)

    @property
    def change(self) -> str:
        """The remedy as it is for every step of that name. A group may ask for several: two effects, say."""
        return self.remedy.replace(self.step, self.group[-1]) if self.step else self.remedy

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
class LedgerLine:
    """What became of one step, counted in bodies and records.

    `replayed` counts lives that used a record instead of running the body. `re_executed` counts bodies that ran again
    although an earlier one had its result or was in flight (retries of a body that failed are not counted),
    `indeterminate` those that a death left without a record, `orphaned` records that nothing went on from.
    """

    step: str
    executed: int
    replayed: int
    re_executed: int
    indeterminate: int
    orphaned: int


@dataclass(frozen=True)
class Ledger:
    """All steps of a run but the run itself, and what model requests cost."""

    lines: tuple[LedgerLine, ...]
    requests: int
    tokens: int
    requests_again: int
    tokens_again: int

    def to_json(self) -> dict[str, Any]:
        figures = asdict(self)
        return {"steps": list(figures.pop("lines")), **figures}


@dataclass(frozen=True)
class UnitAccount:
    """What the engine itself says of one unit, or of the run: testimony, to be held against what was seen.

    Times are seconds by their name: as the subject configured them, and as they were scaled for this run.
    """

    unit: str
    step: str | None
    """The step that the unit records, None if it was never seen to."""
    name: str
    status: str
    attempts: int | None = None
    configured: dict[str, float] = field(default_factory=dict)
    effective: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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
    cell: tuple[str, str] | None = None
    """Step and window, when the plan is one crash there: where the run stands in the crash map."""
    ledger: Ledger | None = None
    account: tuple[UnitAccount, ...] = ()
    time_scale: str = ""
    """How the engine's times were scaled, in words; empty where it has none."""
    crashes: int = 0
    """How often its process or the engine's server was killed. Another life is none: a second owner has one, too."""

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
            "ledger": self.ledger.to_json() if self.ledger else None,
            "account": [unit.to_json() for unit in self.account],
            "time_scale": self.time_scale,
        }


@dataclass(frozen=True)
class Row:
    """One step of a fault-free run, as the crash map shows it. `recorded`: the engine keeps its result."""

    step: str
    recorded: bool
    arguments: Any = None


@dataclass(frozen=True)
class EngineSweep:
    """All runs of one subject under one engine.

    `refused` holds the engine's own words if it would not take the subject (n/a), `unavailable` why it could not be
    used here; then there are no rows and no runs. `possible` counts the crash points; `partial`: it was interrupted,
    and nothing is proved unless something failed.
    """

    engine: str
    unit: str
    rows: tuple[Row, ...] = ()
    runs: tuple[RunReport, ...] = ()
    possible: int = 0
    partial: bool = False
    refused: str = ""
    unavailable: str = ""
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        return worst([*(run.status for run in self.runs), *([Status.UNKNOWN] if self.partial else [])])

    def at(self, step: str, window: str) -> RunReport | None:
        """The run of one cell of the crash map."""
        return next((run for run in self.runs if run.cell == (step, window)), None)

    def to_json(self) -> dict[str, Any]:
        """All but the runs, which stand in the sweep's own list."""
        return {
            "engine": self.engine,
            "status": str(self.status),
            "refused": self.refused,
            "unavailable": self.unavailable,
            "partial": self.partial,
            "steps": [{"step": row.step, "recorded": row.recorded} for row in self.rows],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class SweepReport:
    """One subject under one or several engines: what the crash map and the parity matrix are drawn from."""

    subject: str
    engines: tuple[EngineSweep, ...]
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """The worst of the engines that took the subject; unknown if none did."""
        return worst(sweep.status for sweep in self.engines if sweep.runs or not (sweep.refused or sweep.unavailable))

    @property
    def runs(self) -> tuple[RunReport, ...]:
        return tuple(run for sweep in self.engines for run in sweep.runs)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for run in self.runs for finding in run.findings)

    @property
    def groups(self) -> dict[tuple[str, ...], tuple[Finding, ...]]:
        """Findings by cause and engine, errors first; the first of each group stands for it."""
        grouped: dict[tuple[str, ...], list[Finding]] = {}
        for run in self.runs:
            for finding in run.findings:
                grouped.setdefault((run.engine, *finding.group), []).append(finding)
        order = list(Severity)
        ranked = sorted(grouped.items(), key=lambda item: min(order.index(finding.severity) for finding in item[1]))
        return {key: tuple(findings) for key, findings in ranked}

    @property
    def totals(self) -> dict[str, Any]:
        """Crash points, runs, crashes, runs by status, seconds."""
        statuses = [run.status for run in self.runs]
        return {
            "possible": sum(sweep.possible for sweep in self.engines),
            "run": len(self.runs),
            "crashes": sum(run.crashes for run in self.runs),
            **{str(status): statuses.count(status) for status in Status},
            "seconds": round(self.seconds, 3),
        }

    def to_json(self) -> dict[str, Any]:
        """One document, as the command line prints it with `--format json`."""
        return {
            "status": str(self.status),
            "engine": ",".join(sweep.engine for sweep in self.engines),
            "subject": self.subject,
            "runs": [run.to_json() for run in self.runs],
            "findings": [finding.to_json() for finding in self.findings],
            "totals": self.totals,
            "engines": [sweep.to_json() for sweep in self.engines],
        }
