"""The smallest change that brings a unit under its budget, keeping one owner per failure.

The owner is the engine where it retries at all, because it alone records its attempts; else the outermost layer that
retries. The others are switched off from the inside out, until the product fits; then the owner's own number falls.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.audits.rules.base import named, trying
from harness.retries.arithmetic import AtMost, Expression, Times, spelled
from harness.retries.report import Advice, AuditReport, Cell, Change, UnitAudit
from harness.retries.values import RetryLayer

_SPELLED: dict[str, Callable[[int], tuple[str, str]]] = {
    "sdk": lambda attempts: ("max_retries", str(attempts - 1)),
    "transport": lambda attempts: ("stop", f"stop_after_attempt({attempts})"),
    "tool": lambda attempts: ("stop", f"stop_after_attempt({attempts})"),
    "dbos step": lambda attempts: ("max_attempts", str(attempts)),
    "prefect task": lambda attempts: ("retries", str(attempts - 1)),
    "temporal activity": lambda attempts: ("maximum_attempts", str(attempts)),
    "container": lambda attempts: ("retries", str(attempts - 1)),
    "agent": lambda attempts: ("retries", str(attempts - 1)),
}
"""How a number of attempts is said to a layer, by its name or kind."""


def advised(report: AuditReport) -> tuple[Advice, ...]:
    """One suggestion for every unit that is over the budget, where one is possible."""
    found = [_advice(unit, unit.worst, report.budget) for unit in report.units if unit.worst is not None]
    return tuple(one for one in found if one is not None)


def _advice(unit: UnitAudit, cell: Cell | None, budget: int) -> Advice | None:
    if cell is None or cell.predicted is None or cell.predicted <= budget:
        return None
    owners = [factor for factor in trying(cell) if _sayable(unit, factor)]
    if not owners:
        return None
    owner = next((factor for factor in owners if _kind(unit, factor) == "unit"), owners[-1])
    expression, changes = cell.expression, []
    for factor in (*(one for one in owners if one.layer != owner.layer), owner):
        if (expression.total or 0) <= budget:
            break
        rest = changed(expression, factor.layer, 1).total or 1
        attempts = max(1, int(budget // rest)) if factor.layer == owner.layer else 1
        expression = changed(expression, factor.layer, attempts)
        changes.append(_change(named(unit, factor.layer), attempts))
    unique = tuple(dict.fromkeys(change for change in changes if change is not None))
    return Advice(unit=unit.unit, changes=unique, before=cell.chain, after=spelled(expression)) if unique else None


def changed(expression: Expression, layer: str, attempts: int) -> Expression:
    """The expression with another number for one layer. A deadline only stays if it still cuts anything."""
    if isinstance(expression, Times):
        waits = expression.waits[: attempts - 1]
        return Times(times=attempts, layer=layer, waits=waits) if expression.layer == layer else expression
    if isinstance(expression, AtMost):
        inner = changed(expression.part, layer, attempts)
        return inner if (inner.total or 0) <= expression.most else expression.model_copy(update={"part": inner})
    parts = tuple(changed(part, layer, attempts) for part in expression.parts)
    return expression.model_copy(update={"parts": parts})


def _sayable(unit: UnitAudit, factor: Times) -> bool:
    return (one := named(unit, factor.layer)) is not None and (one.name in _SPELLED or one.kind in _SPELLED)


def _kind(unit: UnitAudit, factor: Times) -> str:
    return one.kind if (one := named(unit, factor.layer)) else ""


def _change(layer: RetryLayer | None, attempts: int) -> Change | None:
    if layer is None:
        return None
    setting, then = _SPELLED.get(layer.name, _SPELLED.get(layer.kind, _SPELLED["agent"]))(attempts)
    now = layer.settings.get(setting, "")
    return Change(layer=layer.name, setting=setting, now=now, then=then, file=layer.origin.file, line=layer.origin.line)
