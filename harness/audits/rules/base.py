"""What rules share: how a rule is written, and how it looks at a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from harness.retries.arithmetic import AtMost, Expression, Product, Times, factors
from harness.retries.findings import AuditFinding
from harness.retries.report import AuditReport, Cell, UnitAudit
from harness.retries.values import Failure, Origin, RetryLayer
from harness.verdict import Severity

Found = Iterator["Said"]


@dataclass(frozen=True)
class Said:
    """One finding of a rule, without what the rule itself knows."""

    message: str
    remedy: str
    severity: Severity
    failures: tuple[Failure, ...] = ()
    layer: RetryLayer | None = None


@dataclass(frozen=True)
class Rule:
    """A rule: its id, what it means and why it matters, and the function that looks."""

    id: str
    means: str
    why: str
    check: Callable[[UnitAudit, AuditReport], Iterable[Said]]

    def look(self, unit: UnitAudit, report: AuditReport) -> Iterator[AuditFinding]:
        """What it finds in one unit of a report."""
        for said in self.check(unit, report):
            yield AuditFinding(
                rule=self.id,
                severity=said.severity,
                unit=unit.unit,
                message=said.message,
                remedy=said.remedy,
                failures=said.failures,
                origin=said.layer.origin if said.layer else Origin(),
            )


def layer(unit: UnitAudit, *kinds: str) -> RetryLayer | None:
    """The innermost layer of one of these kinds."""
    return next((one for one in unit.layers if one.kind in kinds), None)


def named(unit: UnitAudit, name: str) -> RetryLayer | None:
    """The layer of this name. Several have one only if they are alike, as models of a fallback that share a client."""
    return next((one for one in unit.layers if one.name == name), None)


def trying(cell: Cell) -> list[Times]:
    """The layers that try more than once in a cell."""
    return [factor for factor in factors(cell.expression) if factor.endless or (factor.times or 1) > 1]


def inside(expression: Expression, name: str) -> list[Times]:
    """The factors inside of that of a layer, the innermost first: not those of models beside it."""
    if isinstance(expression, AtMost):
        return inside(expression.part, name)
    before: list[Times] = []
    for part in getattr(expression, "parts", ()):
        if any(factor.layer == name for factor in factors(part)):
            return [*before, *inside(part, name)]
        before += factors(part) if isinstance(expression, Product) else ()
    return []


def endless(unit: UnitAudit, cell: Cell) -> list[str]:
    """The layers that never stop in a cell: no number ends them, and no clock, be it their own or one around them."""
    return [factor.layer for factor in factors(cell.expression) if factor.endless and not _timed(unit, factor.layer)]


def _timed(unit: UnitAudit, name: str) -> bool:
    """Whether a clock ends what a layer would go on with."""
    names = [one.name for one in unit.layers]
    if name not in names:
        return False
    one, *around = unit.layers[names.index(name) :]
    return one.all is not None or any(map(_ends, around))


def _ends(layer: RetryLayer) -> bool:
    """Whether a layer of the engine ends what is inside it after some time."""
    return layer.kind in ("unit", "container") and layer.interrupts and bool(layer.each or layer.all)


def by_layer(unit: UnitAudit) -> dict[str, dict[Failure, Times]]:
    """Every layer that tries more than once, with the failures after which it does."""
    found: dict[str, dict[Failure, Times]] = {}
    for cell in unit.cells:
        for factor in trying(cell):
            found.setdefault(factor.layer, {})[cell.failure] = factor
    return found


def happens(unit: UnitAudit, failure: Failure) -> str:
    """What happens, in words for a person: of a unit that is about no tool, it is the function that raises."""
    return failure.means if unit.tool else failure.means.replace("the tool", "the function", 1)


def listed(failures: Iterable[Failure]) -> str:
    """Classes of failure in a sentence."""
    return ", ".join(failures)
