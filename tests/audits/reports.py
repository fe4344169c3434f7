"""Small reports written by hand, for rules, advice and renderers: no process, no engine."""

from __future__ import annotations

from harness.retries.arithmetic import Expression, product, times
from harness.retries.report import AuditReport, Cell, Measured, UnitAudit
from harness.retries.values import Failure, Origin, RetryLayer

WIRE = tuple(Failure)[:9]


def layer(name: str, kind: str, **more) -> RetryLayer:
    return RetryLayer(name=name, kind=kind, **more)


SDK = layer(
    "openai", "sdk", settings={"max_retries": "2"}, origin=Origin(said="default", library="openai 3"), each=600.0
)
STEP = layer(
    "dbos step",
    "unit",
    settings={"max_attempts": "3"},
    origin=Origin(said="explicit", file="app.py", line=7),
    jitter=False,
)
FLOW = layer("flow", "container", settings={"retries": "0", "persist_result": "True"})


def cell(failure: Failure, *parts: Expression, counts: str = "requests", **more) -> Cell:
    return Cell(failure=failure, expression=product(*parts), counts=counts, **more)


def model(*cells: Cell, layers=(SDK, STEP)) -> UnitAudit:
    return UnitAudit(unit="model", layers=tuple(layers), cells=cells)


def tool(*cells: Cell, layers=(STEP,), **more) -> UnitAudit:
    return UnitAudit(unit="tool:charge", layers=tuple(layers), cells=cells, **more)


def report(*units: UnitAudit, engine: str = "dbos", budget: int = 6, **more) -> AuditReport:
    return AuditReport(subject="app:agent", engine=engine, budget=budget, units=units, **more)


def growing(number: int | None, name: str, **more) -> Expression:
    """A factor whose waits grow, as they should."""
    return times(number, name, wait=lambda attempt: 2.0**attempt, **more)


def measured(number: int, *, capped: bool = False) -> Measured:
    return Measured(requests=number, bodies=1, capped=capped)
