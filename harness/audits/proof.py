"""Every cell of a prediction that can be made to happen, measured: on the wire, or in the body of a tool."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import isfinite
from pathlib import Path

from harness.audits.wire import measuring
from harness.retries.report import Cell, Measured, UnitAudit
from harness.retries.values import MEASURED_TO, ON_THE_WIRE, Failure
from harness.runner import Bench
from harness.scenario import Scenario
from harness.steps import StepId

MODEL, RUN = "model", "run"
AT_ONCE = 2
BEYOND = 5
"""Attempts above the prediction that are let through, to see how far off it is."""
IN_A_TOOL = (Failure.TOOL_EXCEPTION, Failure.MODEL_RETRY)


def proven(units: Sequence[UnitAudit], scenario: Scenario, folder: Path, refused: str = "") -> tuple[UnitAudit, ...]:
    """The units, with what was measured in their cells. `refused` is why the subject cannot be run at all.

    Raises `EngineUnavailable` for what the proof needs and is not there, `UsageError` if the subject cannot be run.
    """
    if refused or not any(_step(unit, cell) for unit in units for cell in unit.cells):
        reason = f"it cannot be run by the harness: {refused}" if refused else "there is nothing that could be measured"
        return tuple(_left_out(unit, reason) for unit in units)
    with (
        measuring.open_wire(scenario, folder) as bench,
        ThreadPoolExecutor(AT_ONCE, thread_name_prefix="harness-proof") as pool,
    ):
        return tuple(_measured(unit, scenario, bench, pool) for unit in units)


def _left_out(unit: UnitAudit, reason: str) -> UnitAudit:
    cells = tuple(cell.model_copy(update={"unmeasured": reason}) for cell in unit.cells)
    return unit.model_copy(update={"cells": cells})


def _measured(unit: UnitAudit, scenario: Scenario, bench: Bench, pool: ThreadPoolExecutor) -> UnitAudit:
    cells = pool.map(partial(_cell, unit=unit, scenario=scenario, bench=bench), unit.cells)
    return unit.model_copy(update={"cells": tuple(cells)})


def _cell(cell: Cell, *, unit: UnitAudit, scenario: Scenario, bench: Bench) -> Cell:
    step = _step(unit, cell)
    if step is None:
        return cell.model_copy(update={"unmeasured": _why_not(cell, unit)})
    body = None if cell.failure in ON_THE_WIRE or unit.unit == RUN else step
    seen = measuring.measure(scenario, cell.failure, bench=bench, limit=_limit(cell), step=body)
    if seen.outcome in ("stuck", "broken"):
        reason = f"the run came to no end ({seen.outcome})"
        return cell.model_copy(update={"unmeasured": reason})
    bodies = sum(number for ran, number in seen.bodies.items() if _is_of(ran, step))
    measured = Measured(requests=seen.requests, bodies=bodies, capped=seen.unbounded, error=seen.outcome)
    return cell.model_copy(update={"measured": measured})


def _step(unit: UnitAudit, cell: Cell) -> str | None:
    """The step whose body, or whose requests, are counted. None: nothing can make this happen."""
    if (unit.unit == MODEL and cell.failure in ON_THE_WIRE) or cell.failure is Failure.INVALID_OUTPUT:
        return "model#1"
    fails = unit.unit.startswith("tool:") and cell.failure in IN_A_TOOL and not _decorated(unit)
    return f"{unit.unit}#1" if fails else None


def _decorated(unit: UnitAudit) -> bool:
    """Whether a function has a retrying decorator of its own: our faults happen around it, not inside."""
    return any(layer.kind == "tool" for layer in unit.layers)


def _why_not(cell: Cell, unit: UnitAudit) -> str:
    if cell.failure is Failure.CRASH:
        return "crashes are for `harness sweep`"
    if _decorated(unit):
        return "a fault cannot be put inside the decorator of the tool's function"
    return "no run of the harness can make it happen"


def _is_of(ran: str, step: str) -> bool:
    """Whether a body belongs to a step, also when it is asked for again."""
    one, other = StepId.parse(ran), StepId.parse(step)
    return (one.kind, one.name) == (other.kind, other.name)


def _limit(cell: Cell) -> int:
    """How many attempts are let through: what is predicted and some more, or as many as what never ends is given."""
    if cell.predicted is None or not isfinite(cell.predicted):
        return MEASURED_TO
    return int(cell.predicted) + BEYOND
