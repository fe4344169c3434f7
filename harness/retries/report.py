"""What an audit comes to: per unit its layers, per class of failure prediction and measurement, and the findings."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field

from harness.retries.arithmetic import Expression, spelled
from harness.retries.findings import AuditFinding
from harness.retries.values import MOST_MEASURED, Failure, RetryLayer, Value
from harness.verdict import Severity, Status

May = Literal["repeatable", "unsaid", "keyed", "once"]
ANY_TOOL = "/*"
"""What the unit of a server's calls ends with, which is about any of its tools."""


class Measured(Value):
    """What really happened under one class of failure: requests on the wire, bodies of the unit that ran.

    Both are those of the call of the unit that made most; the run made so many `calls` that failed like that. Where a
    call made several `different` requests of its own, it is the one that was made most often.
    `capped` says that it was stopped at this number, because it would have gone on.
    """

    requests: int
    bodies: int = 0
    calls: int = 1
    different: int = 1
    capped: bool = False
    error: str = ""


class Cell(Value):
    """One unit under one class of failure. `stops` is the layer that gives up first, `seconds` the worst wall time.

    `seconds` are the waits, and the read timeouts that pass; None when it never ends or cannot be known. `counts` are
    `requests` on the wire or `executions` of a body. `unmeasured` is why it was not measured. `bound` says that no more
    can happen, and fewer may: code of the person's own is in between, which need not pass on what fails. `raises` is
    the exception of a body that fails; `short` says that this is the worst where chance makes waits short, and a clock
    stops the retries; `least` is what it comes to where chance makes them long, and each number in between is as
    predicted. `hangs` says that the last request is never answered, and that nothing ends it. `late` is the layer whose
    deadline ends it where chance makes waits long, if one does.
    """

    failure: Failure
    expression: Expression
    stops: str = ""
    seconds: float | None = None
    counts: Literal["requests", "executions"] = "requests"
    measured: Measured | None = None
    unmeasured: str = ""
    bound: bool = False
    raises: str = ""
    short: bool = False
    least: int | None = None
    hangs: bool = False
    late: str = ""

    @property
    def is_budgeted(self) -> bool:
        """Whether a budget is about it. It is not about deaths: a process that died is begun again because it did."""
        return self.failure is not Failure.CRASH

    @property
    def predicted(self) -> float | None:
        """How many: None is unknown, infinity is without end."""
        return self.expression.total

    @property
    def chain(self) -> str:
        """The expression as a person reads it."""
        return spelled(self.expression)

    @property
    def counted(self) -> int | None:
        """What was measured of what is predicted: requests, or executions of the body. None: nothing was."""
        if self.measured is None:
            return None
        return self.measured.requests if self.counts == "requests" else self.measured.bodies

    @property
    def agrees(self) -> bool | None:
        """Whether prediction and measurement are equal, as far as chance allows. None: one of them is missing.

        So it is where the measurement was stopped below a prediction that is a number: of deaths, or too large.
        """
        if self.measured is None or self.predicted is None:
            return None
        is_stopped = self.failure is Failure.CRASH or self.predicted > MOST_MEASURED
        if is_stopped and self.measured.capped and (self.counted or 0) < self.predicted < math.inf:
            return None
        if math.isinf(self.predicted):
            return self.measured.capped or self.is_below
        least = self.predicted if self.least is None else self.least
        return not self.measured.capped and (least <= (self.counted or 0) <= self.predicted or self.is_below)

    @property
    def is_below(self) -> bool:
        """Whether fewer were measured than a bound allows, and not because we stopped there."""
        if not self.bound or self.measured is None or self.measured.capped:
            return False
        fewest = self.predicted if self.least is None else self.least
        return (self.counted or 0) < (fewest or 0)

    @property
    def bounded(self) -> Cell:
        """The same where code of the person's own is in between."""
        return self.model_copy(update={"bound": True})

    @property
    def untimed(self) -> Cell:
        """The same where nobody knows how long it takes."""
        return self.model_copy(update={"seconds": None})

    def left_out(self, reason: str) -> Cell:
        """The same where it is not measured, for this reason."""
        return self.model_copy(update={"measured": None, "unmeasured": reason})


class UnitAudit(Value):
    """One unit: the layers around it, innermost first, and what they do with each class of failure.

    Of a tool, `metadata` are the names of what it says to engines, and `may` what may happen when it runs twice. What a
    tool's own body asks is a unit of its own, `inside` that tool; what another function of the agent's asks has that
    function's name in `beside`. Of a run, `toolsets` are the ids of the agent's. `step` is the step that a unit of the
    person's own is in a run, if that is known, `host` the one that it asks, `sender` the number of the client that it
    asks with, where a proof gave it one, and `agent` the name of the agent whose it is, where that is not the subject.
    `dies` is the step in a run in which the process dies with it, for the first of the units that are in that step: of
    several, one death is that of all.
    """

    unit: str
    inside: str = ""
    beside: str = ""
    metadata: tuple[str, ...] = ()
    may: May = "unsaid"
    toolsets: tuple[str, ...] = ()
    step: str = ""
    dies: str = ""
    host: str = ""
    sender: str = ""
    agent: str = ""
    layers: tuple[RetryLayer, ...] = ()
    cells: tuple[Cell, ...] = ()

    def is_apart(self, other: UnitAudit) -> bool:
        """Whether a run shows which of the two asks: in calls of other names, by whom or how they ask, or alone."""
        return self.called != other.called or self.agent != other.agent or self.is_elsewhere(other)

    def is_elsewhere(self, other: UnitAudit) -> bool:
        """Whether the two ask different hosts, or with different clients."""
        return self.is_at_another_host(other) or "" != self.sender != other.sender != ""

    def is_at_another_host(self, other: UnitAudit) -> bool:
        """Whether the two ask different hosts."""
        return "" != self.host != other.host != ""

    @property
    def tool(self) -> str:
        """The tool that this unit is, or is inside of; empty if it is about none."""
        return self.inside or (self.unit.partition(":")[2] if self.unit.startswith("tool:") else "")

    @property
    def called(self) -> str:
        """What the engine calls it, if it is in a unit of the person's own."""
        return next((layer.called for layer in self.layers if layer.called), "")

    @property
    def unseen(self) -> bool:
        """Whether no run shows it as a unit of its own, but only what it asks."""
        return any(layer.called and layer.unseen for layer in self.layers)

    @property
    def served(self) -> bool:
        """Whether it is about an MCP server: its listing, or any of its tools."""
        return any(layer.kind == "mcp" for layer in self.layers)

    @property
    def unknown(self) -> tuple[RetryLayer, ...]:
        """Layers that could not be resolved, and on which the prediction depends."""
        return tuple(layer for layer in self.layers if layer.unknown and layer.decides)

    def cell(self, failure: Failure) -> Cell | None:
        """The cell of a class of failure, if it applies to this unit."""
        return next((cell for cell in self.cells if cell.failure == failure), None)

    @property
    def worst(self) -> Cell | None:
        """The cell with the most requests, but for crashes, which no budget is about. Without end is most of all."""
        known = [cell for cell in self.cells if cell.is_budgeted and cell.predicted is not None]
        return max(known, key=lambda cell: cell.predicted or 0, default=None)


class AuditReport(Value):
    """What `harness.audit` returns. `advice` is a suggestion per unit that is over its budget.

    `lapsed` are sentences, one for each acceptance of a finding that has ended; `idle` one for each that is about none.
    Findings of the severity `fail_on`, and graver ones, fail it.
    """

    subject: str
    engine: str
    budget: int
    units: tuple[UnitAudit, ...] = ()
    findings: tuple[AuditFinding, ...] = ()
    lapsed: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    proven: bool = False
    seconds: float = 0.0
    fail_on: Literal["error", "warning"] = "error"

    @property
    def unknown(self) -> tuple[str, ...]:
        """What could not be resolved, one line each."""
        found = [f"{unit.unit}: {layer.name}: {layer.unknown}" for unit in self.units for layer in unit.unknown]
        return tuple(dict.fromkeys(found))

    @property
    def open(self) -> tuple[AuditFinding, ...]:
        """Findings that nobody has accepted."""
        return tuple(finding for finding in self.findings if finding.accepted is None)

    @property
    def status(self) -> Status:
        """Failed if a finding is grave; unknown if a layer could not be resolved, or none was found; else passed."""
        return self.judged(self.fail_on)

    def judged(self, fail_on: Literal["error", "warning"]) -> Status:
        """The status when findings of this severity and graver ones fail."""
        failing = {Severity.ERROR} if fail_on == "error" else {Severity.ERROR, Severity.WARNING}
        if any(finding.severity in failing for finding in self.open):
            return Status.FAILED
        looked = any(unit.cells for unit in self.units)
        return Status.PASSED if looked and not self.unknown else Status.UNKNOWN

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        values = {"status": str(self.status), **self.model_dump(mode="json"), "unknown": list(self.unknown)}
        for told, unit in zip(values["units"], self.units, strict=True):
            for row, cell in zip(told["cells"], unit.cells, strict=True):
                endless = cell.predicted is not None and math.isinf(cell.predicted)
                row |= {"chain": cell.chain, "predicted": "unlimited" if endless else cell.predicted}
                row |= {"counted": cell.counted, "agrees": cell.agrees, "seconds": None if endless else cell.seconds}
        return values


class Advice(Value):
    """The smallest change that brings a unit under its budget, and what it then comes to.

    `before` and `after` are the chains of its worst failure, which need not be the same one after the change.
    """

    unit: str
    changes: tuple[Change, ...]
    before: str
    after: str


class Change(Value):
    """One line of a suggestion: a setting, as it is and as it should be."""

    layer: str
    setting: str
    now: str
    then: str
    file: str | None = None
    line: int | None = None


for _model in (Advice, AuditReport):
    _model.model_rebuild()
