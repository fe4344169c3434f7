"""One cell of an audit, measured, without all the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.audits.proof import proven
from harness.audits.wire import measuring
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import Failure
from harness.scenario import Scenario


def measured(tmp_path: Path, subject: str, engine: str, name: str, failure: Failure, **options: Any) -> Cell:
    """The cell of this failure of the unit of this name, in a run in which nothing else is measured."""
    scenario = Scenario(subject=subject, engine=engine, options=options)
    with measuring.open_wire(scenario, tmp_path) as bench:
        told = [UnitAudit.model_validate(unit) for unit in measuring.ask(bench)["units"]]
        unit = next(unit for unit in told if unit.unit == name)
        cell = unit.cell(failure)
        assert cell is not None
        others = [one.model_copy(update={"cells": ()}) for one in told if one.unit != name]
        proof, *_rest = proven([unit.model_copy(update={"cells": (cell,)}), *others], bench)
    return proof.cells[0]
