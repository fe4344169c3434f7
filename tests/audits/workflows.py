"""Workflows of Temporal's, asked in this process. Whoever starts them says that they are begun once."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from harness.audits import own
from harness.engines.temporal import retries as temporal
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import Failure
from tests.audits.cells import measured

OPTIONS = {"workflow_attempts": 1}


def units(workflow: Any) -> dict[str, UnitAudit]:
    """The units of a workflow, by their names."""
    layers = partial(temporal.layers, workflow)
    return {unit.unit: unit for unit in own.units_of(workflow, lambda unit: layers(unit, OPTIONS))}


def chains(workflow: Any, failure: Failure) -> dict[str, str]:
    """The chain of each unit that may fail in this way."""
    cells = {name: unit.cell(failure) for name, unit in units(workflow).items()}
    return {name: cell.chain for name, cell in cells.items() if cell is not None}


def measured_in(folder: Path, source: str, name: str, unit: str, failure: Failure) -> Cell:
    """The cell of this failure of a unit of the workflow `name`, which a module of this source holds."""
    module = folder / f"{name.lower()}_on_its_own.py"
    module.write_text(source)
    return measured(folder / "run", f"{module}:{name}", "temporal", unit, failure, **OPTIONS)
