"""How many: products over the budget, layers without a limit, two owners of one failure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.audits.rules.base import Found, Rule, Said, endless, happens, layer, named, trying
from harness.retries.arithmetic import AtMost, Expression, Sum, Times, factors
from harness.retries.report import AuditReport, Cell, UnitAudit
from harness.retries.values import MEASURED_TO, Failure
from harness.verdict import Severity


def _stacked(unit: UnitAudit, report: AuditReport) -> Found:
    worst = _over(unit, report)
    if worst is not None and len(owners := _owners(worst)) > 1:
        text = f"one call {_becomes(worst)} {worst.counts} when {happens(unit, worst.failure)}"
        remedy = f"let one layer own this failure and switch the others off; the budget is {report.budget}"
        yield Said(text, remedy, Severity.ERROR, (worst.failure,), named(unit, owners[-1].layer))


def _many(unit: UnitAudit, report: AuditReport) -> Found:
    worst = _over(unit, report)
    if worst is None or len(owners := _owners(worst)) > 1:
        return
    # A chain of models that are tried once each is over the budget by its length.
    owner = named(unit, owners[0].layer) if owners else layer(unit, "fallback")
    if owner is not None:
        text = f"{owner.name} alone makes {_told(worst)} {worst.counts} when {happens(unit, worst.failure)}"
        says = _TIMED if math.isinf(worst.predicted or 0) else "lower its number of attempts"
        remedy = f"{says}; the budget is {report.budget}"
        yield Said(text, remedy, Severity.ERROR, (worst.failure,), owner)


_TIMED = "give it a number of attempts, too: how many fit into its time depends on how fast they fail"


def _over(unit: UnitAudit, report: AuditReport) -> Cell | None:
    """The worst cell of a unit if it is over the budget and ends at all: what never ends has a rule of its own.

    What a clock alone ends is over any budget where nobody knows how much that lets happen. What nobody can predict
    is over it by what was measured.
    """
    ending = [cell for cell in unit.cells if cell.is_budgeted and not endless(unit, cell)]
    worst = max(ending, key=_amount, default=None)
    return worst if worst is not None and _amount(worst) > report.budget else None


def _amount(cell: Cell) -> float:
    """What a cell comes to: as predicted, or else as measured, or else nothing that anybody knows."""
    return (cell.counted if cell.predicted is None else cell.predicted) or 0


def _owners(cell: Cell) -> list[Times]:
    """The layers that try more than once, or may: where only a run counted them, nobody knows which of them does."""
    unknown = [one for one in factors(cell.expression) if one.times is None] if cell.predicted is None else []
    return [*unknown, *(one for one in trying(cell) if one not in unknown)]


def _becomes(cell: Cell) -> str:
    return f"{'can become' if cell.predicted is not None else 'became'} {_told(cell)}"


def _told(cell: Cell) -> str:
    """The number with its layers, or the one that was measured where there is no other."""
    more = " and more" if cell.measured is not None and cell.measured.capped else ""
    return cell.chain if cell.predicted is not None else f"{cell.counted}{more} measured"


def _unlimited(unit: UnitAudit, _report: AuditReport) -> Found:
    found: dict[str, tuple[Failure, ...]] = {}
    for cell in unit.cells:
        for name in dict.fromkeys(endless(unit, cell)):
            found[name] = (*found.get(name, ()), cell.failure)
    for name, failures in found.items():
        if owner := named(unit, name):
            text = f"{name} retries without end when {happens(unit, failures[0])}"
            others = len(failures) - 1
            more = f" (and after {others} other failure{'s' if others > 1 else ''})" if others else ""
            remedy = _RAISED if owner.kind == "container" else _ENDED
            yield Said(f"{text}{more}", remedy, Severity.ERROR, failures, owner)


_ENDED = "give it a number of attempts, so that the run fails when nothing helps"
_RAISED = "ask it in a tool or a step, which is a unit of the engine, or raise an error that fails the run"


def _two_owners(unit: UnitAudit, _report: AuditReport) -> Found:
    kinds = {one.name: one.kind for one in unit.layers}
    both = [cell for cell in unit.cells if {"sdk", "unit"} <= {kinds.get(factor.layer) for factor in trying(cell)}]
    if both:
        names = dict.fromkeys(factor.layer for cell in both for factor in trying(cell) if kinds[factor.layer] == "sdk")
        engine = next(factor.layer for factor in trying(both[0]) if kinds[factor.layer] == "unit")
        text = f"{' and '.join(names)} {'retries' if len(names) == 1 else 'retry'} inside {engine}"
        remedy = "set `max_retries=0` on the provider's client, and leave retries to the engine, which records them"
        failures = tuple(cell.failure for cell in both)
        yield Said(f"{text}, which retries too", remedy, Severity.WARNING, failures, named(unit, next(iter(names))))


def _fallbacks(unit: UnitAudit, _report: AuditReport) -> Found:
    kinds = {one.name: one.kind for one in unit.layers}
    hit: dict[Failure, list[str]] = {}
    for cell in unit.cells:
        tried = [factor for factor in trying(cell) if kinds.get(factor.layer) == "sdk"]
        if names := [factor.layer for factor in _followed(cell.expression) if factor in tried]:
            hit[cell.failure] = names
    if hit:
        names = [*dict.fromkeys(name for found in hit.values() for name in found)]
        tries = "tries" if len(names) == 1 else "try"
        text = f"{' and '.join(names)} {tries} again before the next model of the fallback is asked"
        remedy = "set `max_retries=0` on the clients of models that have a next one: that is their retry"
        yield Said(text, remedy, Severity.WARNING, tuple(hit), layer(unit, "fallback"))


def _followed(expression: Expression) -> Iterator[Times]:
    """The factors of models after which another one is asked."""
    parts = (expression.part,) if isinstance(expression, AtMost) else getattr(expression, "parts", ())
    if isinstance(expression, Sum):
        yield from (factor for part in parts[:-1] for factor in factors(part))
        parts = parts[-1:]
    for part in parts:
        yield from _followed(part)


RULES = (
    Rule(
        "stacked-retries",
        "several layers retry the same failure, and their product is over the budget",
        "Layers that do not know each other multiply: three times three times four is a bill, and a provider that is"
        " down is kept down by it.",
        _stacked,
    ),
    Rule("many-retries", "one layer alone is over the budget", "The number was chosen for another purpose.", _many),
    Rule(
        "unlimited-retries",
        "a layer never stops: neither a number of attempts ends it nor a deadline",
        "A permanent error becomes a run that never ends and never fails. The proof stops after"
        f" {MEASURED_TO} attempts. What a deadline ends is judged by the budget, with as many as fit into its time.",
        _unlimited,
    ),
    Rule(
        "sdk-under-engine",
        "the provider's SDK retries under an engine that retries",
        "The engine neither sees nor records the SDK's attempts, its timeouts run meanwhile, and the two multiply.",
        _two_owners,
    ),
    Rule(
        "fallback-multiplied",
        "models of a fallback that have a next one are multiplied by the retries of their SDKs",
        "A fallback is there to be quick; here models are tried several times first.",
        _fallbacks,
    ),
)
