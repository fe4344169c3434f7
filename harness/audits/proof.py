"""Every cell of a prediction that can be seen on the wire, measured there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import isfinite
from pathlib import Path

from harness.audits.wire import measuring
from harness.retries.report import Cell, Measured, UnitAudit
from harness.retries.values import MEASURED_TO, ON_THE_WIRE
from harness.runner import Bench
from harness.scenario import Scenario
from harness.steps import StepId

PROVEN = "model"
"""The unit that the wire shows: whatever an agent does begins with a request to its model."""
ELSEWHERE = "only requests of the agent's own model are measured on the wire"
AT_ONCE = 2
BEYOND = 5
"""Requests above the prediction that are let through, to see how far off it is."""


def proven(units: Sequence[UnitAudit], scenario: Scenario, folder: Path, refused: str = "") -> tuple[UnitAudit, ...]:
    """The units, with what was measured in their cells. `refused` is why the subject cannot be run at all.

    Raises `EngineUnavailable` for what the proof needs and is not there, `UsageError` if the subject cannot be run.
    """
    reason = f"it cannot be run by the harness: {refused}" if refused else ELSEWHERE
    if refused or not any(unit.unit == PROVEN and unit.cells for unit in units):
        return tuple(_left_out(unit, reason) for unit in units)
    with measuring.open_wire(scenario, folder) as bench:
        return tuple(
            _measured(unit, scenario, bench) if unit.unit == PROVEN else _left_out(unit, reason) for unit in units
        )


def _left_out(unit: UnitAudit, reason: str) -> UnitAudit:
    cells = tuple(cell.model_copy(update={"unmeasured": reason}) for cell in unit.cells)
    return unit.model_copy(update={"cells": cells})


def _measured(unit: UnitAudit, scenario: Scenario, bench: Bench) -> UnitAudit:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="harness-proof") as pool:
        cells = tuple(pool.map(partial(_cell, scenario=scenario, bench=bench), unit.cells))
    return unit.model_copy(update={"cells": cells})


def _cell(cell: Cell, *, scenario: Scenario, bench: Bench) -> Cell:
    if cell.failure not in ON_THE_WIRE:
        return cell.model_copy(update={"unmeasured": ELSEWHERE})
    seen = measuring.measure(scenario, cell.failure, bench=bench, limit=_limit(cell))
    if seen.outcome in ("stuck", "broken"):
        reason = f"the run came to no end ({seen.outcome}); see {seen.folder}"
        return cell.model_copy(update={"unmeasured": reason})
    bodies = sum(number for step, number in seen.bodies.items() if StepId.parse(step).kind == PROVEN)
    measured = Measured(requests=seen.requests, bodies=bodies, capped=seen.unbounded, error=seen.outcome)
    return cell.model_copy(update={"measured": measured})


def _limit(cell: Cell) -> int:
    """How many requests are let through: what is predicted and some more, or as many as what never ends is given."""
    if cell.predicted is None or not isfinite(cell.predicted):
        return MEASURED_TO
    return int(cell.predicted) + BEYOND
