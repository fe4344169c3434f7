"""The smallest change that brings a unit under its budget, keeping one owner per failure.

The owner is the engine where it retries at all, because it alone records its attempts; else a transport that waits as
long as `Retry-After` says, which nobody outside of it may hear; else the outermost layer that retries. The others are
switched off from the inside out, until the product fits; then the owner's own number falls.
What may pass keeps an owner: a layer that alone tries again what the engine refuses, a rate limit say, tries twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from harness.audits.rules.base import named, trying
from harness.retries.arithmetic import Times, changed
from harness.retries.report import Advice, AuditReport, Cell, Change, UnitAudit
from harness.retries.values import Failure, RetryLayer

_SPELLED: dict[str, Callable[[int], tuple[str, str]]] = {
    "sdk": lambda attempts: ("max_retries", str(attempts - 1)),
    "google-genai": lambda attempts: ("attempts", str(attempts)),
    "tenacity transport": lambda attempts: ("stop", f"stop_after_attempt({attempts})"),
    "tenacity": lambda attempts: ("stop", f"stop_after_attempt({attempts})"),
    "httpx transport": lambda attempts: ("retries", str(attempts - 1)),
    "httpx2 transport": lambda attempts: ("retries", str(attempts - 1)),
    "dbos step": lambda attempts: ("max_attempts", str(attempts)),
    "prefect task": lambda attempts: ("retries", str(attempts - 1)),
    "flow": lambda attempts: ("retries", str(attempts - 1)),
    "temporal activity": lambda attempts: ("maximum_attempts", str(attempts)),
    "temporal local activity": lambda attempts: ("maximum_attempts", str(attempts)),
    "temporal workflow": lambda attempts: ("retry_policy", f"RetryPolicy(maximum_attempts={attempts})"),
    "agent": lambda attempts: ("retries", str(attempts - 1)),
    "output tool": lambda attempts: ("max_retries", str(attempts - 1)),
    "agent output": lambda attempts: ("output", str(attempts - 1)),
}
"""How a number of attempts is said to a layer, by its name; provider SDKs of the common make by their kind.

A layer that is not here takes no number that we know, so nothing is advised about it.
"""


_PASSING = (
    Failure.RATE_LIMITED_AFTER,
    Failure.RATE_LIMITED,
    Failure.SERVER_ERROR,
    Failure.UNAVAILABLE,
    Failure.REFUSED,
    Failure.READ_TIMEOUT,
)
"""What may pass, and is to be tried again by somebody, if it was before."""


def advised(report: AuditReport) -> tuple[Advice, ...]:
    """One suggestion for every unit that is over the budget, where one is possible."""
    found = [_advice(unit, report.budget) for unit in report.units]
    return tuple(one for one in found if one is not None)


def _advice(unit: UnitAudit, budget: int) -> Advice | None:
    """The changes that every cell needs, the worst first: what one of them needs may be all that the next one does."""
    cells = [cell for cell in unit.cells if cell.is_budgeted and cell.predicted is not None]
    kept: set[str] = set()
    said = _said(unit, cells, budget, kept)
    while lost := {owner for cell in cells if (owner := _left_alone(cell, said))} - kept:
        kept |= lost
        said = _said(unit, cells, budget, kept)
    found = [_change(named(unit, name), attempts) for name, attempts in said.items()]
    changes = tuple(change for change in found if change is not None)
    if not changes:
        return None
    after = max((_with(cell, said) for cell in cells), key=_total)
    if _total(after) > budget:
        return None  # what takes no number is over the budget, or never ends: that others try less does not help enough
    return Advice(unit=unit.unit, changes=changes, before=max(cells, key=_total).chain, after=after.chain)


def _said(unit: UnitAudit, cells: Iterable[Cell], budget: int, kept: Collection[str]) -> dict[str, int]:
    said: dict[str, int] = {}
    for cell in sorted(cells, key=_total, reverse=True):
        said |= _needed(unit, _with(cell, said), budget, kept)
    return said


def _left_alone(cell: Cell, said: Mapping[str, int]) -> str:
    """The outermost layer that tries again what may pass, where after these changes none would; empty if one does."""
    owners = trying(cell) if cell.failure in _PASSING else []
    return owners[-1].layer if owners and not trying(_with(cell, said)) else ""


def _needed(unit: UnitAudit, cell: Cell, budget: int, kept: Collection[str]) -> dict[str, int]:
    """How often each layer may try that has to try less, so that this cell is within the budget.

    Those that are `kept` try twice at least.
    """
    owners = [factor for factor in trying(cell) if _sayable(unit, factor)]
    if not owners:
        return {}
    owner = _owner(unit, owners)
    expression, said = cell.expression, {}
    for factor in (*(one for one in owners if one.layer != owner.layer), owner):
        if (expression.total or 0) <= budget:
            break
        rest, least = changed(expression, factor.layer, 1).total or 1, 2 if factor.layer in kept else 1
        said[factor.layer] = max(least, int(budget // rest)) if factor.layer == owner.layer else least
        expression = changed(expression, factor.layer, said[factor.layer])
    return said


def _owner(unit: UnitAudit, owners: Sequence[Times]) -> Times:
    """Whose the failure is to be: the engine's; else that of a transport which waits as long as it is told."""
    layers = [(factor, one) for factor in owners if (one := named(unit, factor.layer)) is not None]
    engine = [factor for factor, one in layers if one.kind == "unit"]
    heeding = [factor for factor, one in layers if one.heeds]
    return next(iter((*engine, *heeding)), owners[-1])


def _with(cell: Cell, said: Mapping[str, int]) -> Cell:
    """The cell with other numbers for some layers, which never try more often than they do."""
    expression = cell.expression
    for layer, attempts in said.items():
        if any(factor.layer == layer for factor in trying(cell)):
            expression = changed(expression, layer, attempts)
    return cell.model_copy(update={"expression": expression})


def _total(cell: Cell) -> float:
    return cell.predicted or 0


def _sayable(unit: UnitAudit, factor: Times) -> bool:
    return (one := named(unit, factor.layer)) is not None and _spelling(one) is not None


def _spelling(layer: RetryLayer) -> Callable[[int], tuple[str, str]] | None:
    """How a layer is told a number: by its name, without whose or which it is (`tenacity of fetch #2`)."""
    if layer.kind == "sdk" and "max_retries" in layer.settings:  # also where the model's settings say it to another SDK
        return _SPELLED["sdk"]
    known = _SPELLED.get(re.split(" of | #", layer.name)[0])
    return known or (_SPELLED["sdk"] if layer.kind == "sdk" else None)


def _change(layer: RetryLayer | None, attempts: int) -> Change | None:
    if layer is None or (say := _spelling(layer)) is None:
        return None
    setting, then = say(attempts)
    now = layer.settings.get(setting, "")
    return Change(layer=layer.name, setting=setting, now=now, then=then, file=layer.origin.file, line=layer.origin.line)
