"""Workflows of Temporal's, asked in this process. Whoever starts them says that they are begun once."""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.audits import own
from harness.engines.temporal import retries as temporal
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

OPTIONS = {"workflow_attempts": 1}


def units(workflow: Any) -> dict[str, UnitAudit]:
    """The units of a workflow, by their names."""
    layers = partial(temporal.layers, workflow)
    return {unit.unit: unit for unit in own.units_of(workflow, lambda unit: layers(unit, OPTIONS))}


def chains(workflow: Any, failure: Failure) -> dict[str, str]:
    """The chain of each unit that may fail in this way."""
    cells = {name: unit.cell(failure) for name, unit in units(workflow).items()}
    return {name: cell.chain for name, cell in cells.items() if cell is not None}
