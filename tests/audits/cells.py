"""A few cells of an audit, measured, without all the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.audits.proof import proven
from harness.audits.run import judged
from harness.audits.wire import measuring
from harness.retries.report import AuditReport, Cell, UnitAudit
from harness.retries.values import Failure
from harness.scenario import Scenario


def measured(tmp_path: Path, subject: str, engine: str, name: str, failure: Failure, **options: Any) -> Cell:
    """The cell of this failure of the unit of this name, in a run in which nothing else is measured."""
    scenario = Scenario(subject=subject, engine=engine, options=options)
    report = chosen(tmp_path, scenario, lambda unit, cell: (unit.unit, cell.failure) == (name, failure))
    (cell,) = next(unit for unit in report.units if unit.unit == name).cells
    return cell


def audited(tmp_path: Path, subject: str, engine: str, failure: Failure, **options: Any) -> AuditReport:
    """The report on this failure, of all units."""
    scenario = Scenario(subject=subject, engine=engine, options=options)
    return chosen(tmp_path, scenario, lambda _unit, cell: cell.failure is failure)


def chosen(tmp_path: Path, scenario: Scenario, is_asked: Callable[[UnitAudit, Cell], bool]) -> AuditReport:
    """The report on the cells that are asked for, of all units."""
    with measuring.open_wire(scenario, tmp_path) as bench:
        told = [UnitAudit.model_validate(unit) for unit in measuring.ask(bench)["units"]]
        kept = [unit.model_copy(update={"cells": tuple(c for c in unit.cells if is_asked(unit, c))}) for unit in told]
        units = proven(kept, bench)
    about = {"subject": scenario.subject, "engine": scenario.engine, "budget": 6}
    return judged(AuditReport(**about, units=units, notes=(), versions={}, proven=True))
