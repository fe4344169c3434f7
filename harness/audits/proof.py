"""Every cell of a prediction that can be made to happen, measured: on the wire, or in the body of a tool."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from math import isfinite

from harness.audits.wire import measuring
from harness.engines.registry import load as load_engine
from harness.retries.report import Cell, Measured, UnitAudit
from harness.retries.values import MEASURED_TO, ON_THE_WIRE, Failure
from harness.runner import Bench
from harness.steps import StepId

MODEL = "model"
AT_ONCE = 2
DEATHS, MOST_DEATHS = 3, 8
"""Deaths of a process after which it is believed that it is begun again; and how many are measured to their end."""
BEYOND = 5
"""Attempts above the prediction that are let through, to see how far off it is."""


def proven(units: Sequence[UnitAudit], bench: Bench, refused: str = "") -> tuple[UnitAudit, ...]:
    """The units, with what was measured in their cells. `refused` is why the subject cannot be run at all."""
    comes_back = load_engine(bench.scenario.engine).contract().recovery != "operator"
    asked = (unit for unit in units if not unit.tool and any(_is_asked(cell) for cell in unit.cells))
    asking = next((unit.unit for unit in asked), "")
    targets = [_target(unit, cell, asking, comes_back) for unit in units for cell in unit.cells]
    if refused or not any(isinstance(target, Target) for target in targets):
        reason = f"it cannot be run by the harness: {refused}" if refused else "there is nothing that could be measured"
        return tuple(_left_out(unit, reason) for unit in units)
    cells = iter(_measured([cell for unit in units for cell in unit.cells], targets, bench))
    return tuple(unit.model_copy(update={"cells": tuple(islice(cells, len(unit.cells)))}) for unit in units)


def _measured(cells: Sequence[Cell], targets: Sequence[Target | str], bench: Bench) -> list[Cell]:
    """The cells in their order. Measured first is what will take longest: the others have ended meanwhile."""
    longest = sorted(range(len(cells)), key=lambda place: _haste(cells[place]))
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="harness-proof") as pool:
        begun = {place: pool.submit(_cell, cells[place], targets[place], bench=bench) for place in longest}
        return [begun[place].result() for place in range(len(cells))]


def _haste(cell: Cell) -> tuple[bool, float]:
    """How little a cell takes to be measured: deaths take several processes, and long waits some time."""
    return cell.failure is not Failure.CRASH, -(cell.seconds or 0.0)


def _left_out(unit: UnitAudit, reason: str) -> UnitAudit:
    cells = tuple(cell.model_copy(update={"unmeasured": reason}) for cell in unit.cells)
    return unit.model_copy(update={"cells": cells})


@dataclass(frozen=True)
class Target:
    """What is made to fail: the body of `step`, or what is asked for on the wire. Bodies of `kind`, `name` count."""

    step: str | None = None
    kind: str = MODEL
    name: str | None = None


def _target(unit: UnitAudit, cell: Cell, asking: str, comes_back: bool) -> Target | str:  # noqa: FBT001
    """What to make fail for a cell, or why nothing can be.

    The first unit that asks a provider is the one that the wire shows: it fails, and with it the run.
    """
    if cell.failure is Failure.CRASH:
        return _dying(unit, asking) if comes_back else "nothing begins it again by itself: a person has to"
    if unit.inside:
        return _within(unit, cell)
    if _is_asked(cell) or cell.failure is Failure.INVALID_OUTPUT:
        seen = unit.unit == asking or cell.failure is Failure.INVALID_OUTPUT
        return Target(kind=MODEL) if seen else f"{asking} fails first, and with it the run"
    if not _is_tool(unit):
        return "no run of the harness can make it happen"
    if _decorated(unit):
        return "a fault cannot be put inside the decorator of the tool's function"
    return Target(f"{unit.unit}#1", "tool", unit.unit.partition(":")[2])


def _within(unit: UnitAudit, cell: Cell) -> Target | str:
    """What a tool's own body asks: the script calls the tool, and whatever it asks for fails."""
    if unit.unit.endswith(".model"):
        return "the models of a run are all real or all scripted, and it takes a script to call the tool"
    if not _is_asked(cell):
        return "a fault cannot be put inside a function that a tool calls"
    return Target(f"tool:{unit.inside}#1", "tool", unit.inside)


def _is_asked(cell: Cell) -> bool:
    """Whether a provider is asked for what fails in a cell."""
    return cell.failure in ON_THE_WIRE and cell.counts == "requests"


def _is_tool(unit: UnitAudit) -> bool:
    """Whether a script can call it: what an MCP server has is only known in a run."""
    return unit.unit.startswith("tool:") and not unit.inside and not unit.unit.endswith("/*")


def _dying(unit: UnitAudit, asking: str) -> Target | str:
    """Where the process dies: when the body is done, and before that is recorded."""
    if unit.unit == asking:  # in a workflow around an agent, the agent's name comes first
        return Target("model#1")
    if _is_tool(unit):
        return Target(f"{unit.unit}#1", "tool", unit.unit.partition(":")[2])
    return "it is measured where a process can die: in a model's request, in a tool"


def _cell(cell: Cell, target: Target | str, *, bench: Bench) -> Cell:
    if isinstance(target, str):
        return cell.model_copy(update={"unmeasured": target})
    seen = measuring.measure(
        bench.scenario,
        cell.failure,
        bench=bench,
        limit=_limit(cell),
        step=target.step,
        raises=cell.raises,
        short=cell.short,
    )
    if cell.bound and not seen.requests and target.step:
        return cell.model_copy(update={"unmeasured": "with the arguments of our script, the tool asked nobody"})
    if seen.outcome in ("stuck", "broken"):
        return cell.model_copy(update={"unmeasured": f"the run came to no end ({seen.outcome})"})
    bodies = sum(number for step, number in seen.bodies.items() if _is_of(StepId.parse(step), target))
    measured = Measured(requests=seen.requests, bodies=bodies, capped=seen.unbounded, error=seen.outcome)
    return cell.model_copy(update={"measured": measured})


def _is_of(step: StepId, target: Target) -> bool:
    """Whether a body is one of those that are counted, also when it is asked for again."""
    return step.kind == target.kind and target.name in (None, step.name)


def _decorated(unit: UnitAudit) -> bool:
    """Whether a function has a retrying decorator of its own: our faults happen around it, not inside."""
    return any(layer.kind == "tool" for layer in unit.layers)


def _limit(cell: Cell) -> int:
    """How many attempts are let through: what is predicted and some more, or as many as what never ends is given.

    Deaths take their time, so of many only a few are measured.
    """
    if cell.failure is Failure.CRASH:
        return DEATHS if cell.predicted is None or cell.predicted > MOST_DEATHS else int(cell.predicted) + 1
    if cell.predicted is None or not isfinite(cell.predicted):
        return MEASURED_TO
    beyond = int(cell.predicted) + BEYOND
    return max(beyond, MEASURED_TO) if cell.bound else beyond  # what a loop in between comes to is to be seen
