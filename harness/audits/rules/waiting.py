"""How long: waits that do not grow, headers that nobody reads, deadlines that cut the wrong way."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.audits.rules.base import Found, Rule, Said, by_layer, endless, inside, layer, listed, named
from harness.retries.arithmetic import AtMost, Expression, factors
from harness.retries.report import AuditReport, Cell, UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure, RetryLayer
from harness.verdict import Severity

_OVERLOADED = (Failure.RATE_LIMITED, Failure.UNAVAILABLE, Failure.SERVER_ERROR)
_COMES_BACK = (*_OVERLOADED, Failure.TOOL_EXCEPTION)
"""What better waits longer each time: what a tool asks is as overloaded as a provider is, for all that we know."""


def _no_backoff(unit: UnitAudit, _report: AuditReport) -> Found:
    for name, failures in by_layer(unit).items():
        flat = tuple(
            failure
            for failure, factor in failures.items()
            if failure in _COMES_BACK and factor.waits and len(set(factor.waits)) == 1 and _too_flat(factor.waits)
        )
        one = named(unit, name)
        if flat and (one is None or one.kind != "agent"):  # between its tries lies a turn of the model
            how = _how(one, failures[flat[0]].waits[0], unit.cell(flat[0]))
            remedy = "let the wait grow with every attempt"
            yield Said(f"{name} tries again {how}", remedy, Severity.WARNING, flat, one)


def _how(one: RetryLayer | None, wait: float, cell: Cell | None) -> str:
    """When a layer comes back whose waits are all alike: its longest, or of a cell that is the worst so, its shortest.

    With chance in them, they are shorter at times.
    """
    if wait == 0:
        return "at once"
    if cell is not None and cell.short:
        return f"after {wait:.3g} s at least: its waits never grow"
    steady = one is not None and one.jitter is False
    return f"after {wait:g} s every time" if steady else f"after {wait:g} s at most: its waits never grow"


def _too_flat(waits: tuple[float, ...]) -> bool:
    """Equal waits are flat when there are two, and no wait at all is flat at once."""
    return waits[0] == 0 or len(waits) > 1


def _no_jitter(unit: UnitAudit, _report: AuditReport) -> Found:
    for name, failures in by_layer(unit).items():
        one = named(unit, name)
        if one is None or one.jitter is not False:
            continue
        # Of an engine it is said at the model, once; a tool's own decorator is there for that tool alone.
        crowded = _COMES_BACK if one.kind == "tool" else _OVERLOADED
        if hit := tuple(failure for failure in crowded if failure in failures and any(failures[failure].waits)):
            text = f"{name} waits without jitter: clients that failed together come back together"
            yield Said(
                text, "add jitter where the engine has it, or spread the starts of runs", Severity.NOTE, hit, one
            )


def _unread(unit: UnitAudit, _report: AuditReport) -> Found:
    for name, failures in by_layer(unit).items():
        asked, plain = failures.get(Failure.RATE_LIMITED_AFTER), failures.get(Failure.RATE_LIMITED)
        one = named(unit, name)
        heeds = one is not None and one.heeds  # its own waits may be what is asked for
        if asked is not None and plain is not None and asked.waits and asked.waits == plain.waits and not heeds:
            text, remedy = _coming_back(unit, name, one)
            yield Said(text, remedy, Severity.WARNING, (Failure.RATE_LIMITED_AFTER,), one)


def _coming_back(unit: UnitAudit, name: str, one: RetryLayer | None) -> tuple[str, str]:
    """How a layer comes back that waits no longer for being asked to, and what to do: a transport in it may do so."""
    asked = unit.cell(Failure.RATE_LIMITED_AFTER)
    within = [named(unit, factor.layer) for factor in inside(asked.expression, name)] if asked else []
    reader = next((found.name for found in within if found is not None and found.heeds), "")
    if not reader:
        remedy = "let the layer that reads the header own rate limits (a transport with `wait_retry_after`, the SDK)"
        return f"{name} does not read `Retry-After`: it comes back when it likes", remedy
    text = f"{name} comes back when it likes: `Retry-After`, which {reader} in it reads, is not heard outside of that"
    owned = f"let {reader} alone try again what it does"
    if one is None or one.kind != "sdk":
        return text, f"{owned}, and let {name} refuse rate limits"
    shown = f"or let {reader} return the response when it gives up: what it raises hides the header from the SDK"
    return text, f"{owned}, with `max_retries=0` on the provider's client; {shown}"


def _cut(unit: UnitAudit, _report: AuditReport) -> Found:
    inside = [one for one in unit.layers if one.kind in ("sdk", "mcp")]
    outer = min(_ending(unit), key=lambda one: one.each or 0, default=None)
    if outer is None or outer.each is None:
        return
    if not inside:
        yield from _cut_tool(unit, outer, outer.each)
    known = [one for one in inside if not one.unknown]
    longest = max(known, key=lambda one: math.inf if one.each is None else one.each, default=None)
    if (inner := longest) is not None and (inner.each is None or inner.each >= outer.each):
        waits = "for ever" if inner.each is None else f"{inner.each:g} s"
        text = f"{inner.name} waits {waits} for an answer, and {outer.name} ends it after {outer.each:g} s"
        remedy = f"give the client a timeout well below {outer.each:g} s, or the unit a longer one"
        yield Said(text, remedy, Severity.WARNING, (Failure.READ_TIMEOUT,), inner)


def _for_ever(unit: UnitAudit, _report: AuditReport) -> Found:
    hit = tuple(cell.failure for cell in unit.cells if cell.hangs)
    if hit and (one := next((one for one in unit.layers if one.waits_for_ever), None)):
        text = f"{one.name} waits for ever for an answer, and nothing around it ends that: no layer tries again"
        remedy = "give the client a read timeout, or whatever runs it a deadline that ends an attempt"
        yield Said(text, remedy, Severity.WARNING, hit, one)


def _ending(unit: UnitAudit) -> list[RetryLayer]:
    """The engine's units, of which one may be in another, that end an attempt after some time."""
    return [one for one in unit.layers if one.kind == "unit" and one.each is not None]


def _cut_tool(unit: UnitAudit, outer: RetryLayer, ends: float) -> Found:
    """The same of a tool's own timeout, after which the agent would ask the model again. A tool need not have one."""
    patience = layer(unit, "agent")
    if patience is not None and patience.each is not None and patience.each >= ends:
        text = f"the tool may take {patience.each:g} s, and {outer.name} ends it after {ends:g} s"
        remedy = f"give the tool a timeout well below {ends:g} s, or the unit a longer one"
        yield Said(text, remedy, Severity.WARNING, (), patience)


def _past(unit: UnitAudit, _report: AuditReport) -> Found:
    remedy = "make the deadline longer than the worst time, or the retries fewer"
    for cell in unit.cells:
        for cut in _deadlines(cell.expression):
            one = named(unit, cut.layer)
            if one is None or (cut.seconds != one.all and one.kind != "container"):  # what ends one attempt is no end
                continue
            text = f"{cut.layer} ends everything after {cut.seconds:g} s, before its retries are done ({cut})"
            yield Said(text, remedy, Severity.WARNING, (cell.failure,), one)
            return
    for cell in unit.cells:
        one = named(unit, cell.late)
        ends = (one.each if one.kind == "container" else one.all) if one else None
        if ends is not None and not list(_deadlines(cell.expression)):
            text = (
                f"{cell.late} ends everything after {ends:g} s, before its retries are done where chance waits longest"
            )
            yield Said(text, remedy, Severity.WARNING, (cell.failure,), one)
            return
    for one in unit.layers:
        if one.kind == "limit" and one.all is not None and not one.interrupts and (late := _later_than(one.all, unit)):
            worst = max(cell.seconds or math.inf for cell in late)
            takes = f"{worst:g} s" if math.isfinite(worst) else "for ever"
            text = f"one call may take {takes}, and {one.name} is over after {one.all:g} s; it does not end a call"
            yield Said(text, remedy, Severity.WARNING, tuple(cell.failure for cell in late), one)


def _later_than(seconds: float, unit: UnitAudit) -> list[Cell]:
    """The cells of a unit that come to their end after so many seconds, or never."""
    never = [cell for cell in unit.cells if cell.hangs or endless(unit, cell)]
    return never + [cell for cell in unit.cells if cell.seconds is not None and cell.seconds > seconds]


def _deadlines(expression: Expression) -> Iterator[AtMost]:
    if isinstance(expression, AtMost):
        if expression.seconds is not None:
            yield expression
        yield from _deadlines(expression.part)
    for part in getattr(expression, "parts", ()):
        yield from _deadlines(part)


def _shortened(unit: UnitAudit, _report: AuditReport) -> Found:
    remedy = "give the inner layer fewer or shorter retries, or the unit a longer timeout"
    for outer in _ending(unit):
        hit = tuple(
            cell.failure
            for cell in unit.cells
            if cell.failure in ON_THE_WIRE
            and any(
                _ends_an_attempt(cut, outer) and _is_a_retry(cut, cell.failure) for cut in _deadlines(cell.expression)
            )
        )
        if hit:
            what = f"an attempt after {outer.each:g} s while what is inside still retries: {listed(hit)}"
            yield Said(f"{outer.name} ends {what}", remedy, Severity.WARNING, hit, outer)


def _ends_an_attempt(cut: AtMost, outer: RetryLayer) -> bool:
    """Whether a deadline ends one attempt of a layer: that for all attempts, as long perhaps, ends the layer, too."""
    within = {factor.layer for factor in factors(cut.part)}
    return cut.layer == outer.name and cut.seconds == outer.each and outer.name not in within


def _is_a_retry(cut: AtMost, failure: Failure) -> bool:
    """Whether a deadline ends a retry: the first request of a client that waits longer has a rule of its own."""
    return failure is not Failure.READ_TIMEOUT or cut.most > 1


RULES = (
    Rule(
        "no-backoff",
        "a layer comes back at once, or after waits that never grow",
        "A provider that is overloaded needs longer and longer pauses; chance alone (`wait_random`) makes none.",
        _no_backoff,
    ),
    Rule("no-jitter", "waits without jitter", "Runs that failed together come back in the same moment.", _no_jitter),
    Rule(
        "retry-after-ignored",
        "a layer that retries rate limits and does not read `Retry-After`",
        "The provider says when it will answer; whoever comes earlier only uses up attempts. A transport that waits so,"
        " and raises in place of the answer, hides the header from the SDK around it.",
        _unread,
    ),
    Rule(
        "inner-timeout-not-shorter",
        "the client would wait longer than the unit around it may take",
        "The outer layer kills what the inner one would have retried, and nobody learns why.",
        _cut,
    ),
    Rule(
        "waits-for-ever",
        "a client without a read timeout, and nothing around it that ends an attempt",
        "A provider that takes a request and says nothing holds the run for ever. It never fails, so nothing tries it"
        " again; an activity, a task or a flow with a timeout would end it, and try it again if it retries.",
        _for_ever,
    ),
    Rule(
        "inner-retries-cut",
        "the unit's timeout ends the retries inside it",
        "Their number is then decided by a clock, and the waiting was for nothing.",
        _shortened,
    ),
    Rule(
        "past-deadline",
        "the retries take longer than the deadline around them",
        "The last attempts never happen, or the run ends as timed out and not with its real error.",
        _past,
    ),
)
