"""Which errors: permanent ones that are retried, conditions that decide nothing, signals taken for failures."""

from __future__ import annotations

from itertools import takewhile

from harness.audits.rules.base import Found, Rule, Said, by_layer, endless, listed, named
from harness.retries.arithmetic import AtMost, Expression, Sum, Times, changed, factors
from harness.retries.report import AuditReport, Cell, UnitAudit
from harness.retries.values import Failure
from harness.verdict import Severity

_PERMANENT = (
    Failure.BAD_REQUEST,
    Failure.UNAUTHORIZED,
    Failure.INVALID_RESPONSE,
    Failure.USER_ERROR,
    Failure.VALIDATION,
)
_ASKED_ANEW = {Failure.VALIDATION, Failure.INVALID_RESPONSE, Failure.BAD_REQUEST}
"""After these an agent asks its model for something else, other arguments or an answer, which may go better."""
_TRANSIENT = (Failure.RATE_LIMITED, Failure.SERVER_ERROR, Failure.UNAVAILABLE, Failure.REFUSED)


def _permanent(unit: UnitAudit, _report: AuditReport) -> Found:
    for name, failures in by_layer(unit).items():
        one = named(unit, name)
        asks = _ASKED_ANEW if one is not None and one.kind == "agent" else set()
        kept = {
            cell.failure for cell in unit.cells if cell.failure in failures and _is_left(cell, failures[cell.failure])
        }
        retried = tuple(failure for failure in _PERMANENT if failure in failures and failure not in asks | kept)
        if not retried:
            continue
        never_ends = any(name in endless(unit, cell) for cell in unit.cells if cell.failure in retried)
        text = f"{name} retries what cannot go better: {listed(retried)}"
        remedy = "let it retry only what may pass: rate limits, server errors, connections"
        yield Said(text, remedy, Severity.ERROR if never_ends else Severity.WARNING, retried, one)


def _is_left(cell: Cell, factor: Times) -> bool:
    """Whether a run has shown that a layer does not try again what it might: code inside makes another error of it.

    All the others may have tried as often as they do.
    """
    others = changed(cell.expression, factor.layer, 1).total
    return cell.is_below and others is not None and (cell.counted or 0) <= others


def _never(unit: UnitAudit, _report: AuditReport) -> Found:
    tried = by_layer(unit)
    if not unit.cells or any(cell.predicted is None for cell in unit.cells):
        return  # what would have reached the condition, nobody knows
    for one in unit.layers:
        silent = any("never retries" in note for note in one.notes)
        if one.unknown or one.name in tried or not (silent or one.decided == "none"):
            continue
        text = f"the retry condition of {one.name} matches nothing that it can meet, whatever the status or the error"
        remedy = "let the condition look at the exception that really reaches it, or take it away"
        yield Said(text, remedy, Severity.WARNING, (), one)


def _always(unit: UnitAudit, _report: AuditReport) -> Found:
    for name, failures in by_layer(unit).items():
        one = named(unit, name)
        if one is not None and one.decided == "all":
            text = f"the retry condition of {name} matches everything that it can meet"
            yield Said(text, "let it refuse what is permanent", Severity.WARNING, tuple(failures), one)


def _signal(unit: UnitAudit, _report: AuditReport) -> Found:
    cell = unit.cell(Failure.MODEL_RETRY)
    kinds = {one.name: one.kind for one in unit.layers}
    for factor in takewhile(lambda one: kinds.get(one.layer) != "agent", factors(cell.expression) if cell else ()):
        if (factor.endless or factor.times != 1) and kinds.get(factor.layer) in ("unit", "tool"):
            text = f"{factor.layer} takes `ModelRetry` for a failure and runs the body again; the model is not asked"
            remedy = "let its retry condition refuse `ModelRetry`, or raise it outside of the unit"
            yield Said(text, remedy, Severity.ERROR, (Failure.MODEL_RETRY,), named(unit, factor.layer))


def _unreached(unit: UnitAudit, _report: AuditReport) -> Found:
    fallbacks = [one for one in unit.layers if one.kind == "fallback"]
    every = sum(one.kind == "sdk" for one in unit.layers)
    cells = [cell for cell in unit.cells if fallbacks and cell.failure in _TRANSIENT and cell.predicted is not None]
    asked = {cell.failure: _models(cell.expression) for cell in cells}
    for number in sorted({count for count in asked.values() if count < every}):
        missed = tuple(failure for failure in _TRANSIENT if asked.get(failure) == number)
        what = "the fallback is not reached" if number == 1 else f"only {number} of the {every} models are asked"
        text = f"{what} after {listed(missed)}: the error that comes up is none that it falls back on"
        remedy = _KNOWN
        if number > 1 and len(fallbacks) > 1:
            remedy = _FLAT
        elif _hides(unit, number) and {*missed} - {Failure.REFUSED}:
            remedy = _SHOWN
        yield Said(text, remedy, Severity.WARNING, missed, fallbacks[-1])


def _hides(unit: UnitAudit, number: int) -> bool:
    """Whether the last of so many models asks over a transport that may raise in place of an answer.

    The HTTP library's own, which says how often it connects, does not.
    """
    sdks = [place for place, one in enumerate(unit.layers) if one.kind == "sdk"]
    first = sdks[number - 2] + 1 if number > 1 else 0
    own = unit.layers[first : sdks[number - 1]]
    return any(one.kind == "transport" and "retries" not in one.settings for one in own)


_KNOWN = "let `fallback_on` take that error, too, if the next model is to be asked after it"
_SHOWN = "let the transport return the response when it gives up, or name the error in `fallback_on`"
_FLAT = "put all models into one `FallbackModel`, or name `FallbackExceptionGroup` in `fallback_on` of the outer one"


def _models(expression: Expression) -> int:
    """How many models are asked one after the other, fallbacks inside fallbacks included."""
    if isinstance(expression, Sum):
        return sum(map(_models, expression.parts))
    inner = (expression.part,) if isinstance(expression, AtMost) else getattr(expression, "parts", ())
    return max(map(_models, inner), default=1)


RULES = (
    Rule(
        "permanent-error-retried",
        "a wrong request, a wrong key, a senseless answer, a `UserError` or a `ValidationError` is tried again",
        "It costs time and money and hides the error; under a layer without a limit the run never ends. An agent that"
        " asks its model for another answer, or for other arguments, may get better ones, and is not meant.",
        _permanent,
    ),
    Rule(
        "condition-never-matches",
        "a retry condition that nothing meets",
        "The configuration says that it retries, and it does not. It was asked about every status from 400 to 599,"
        " about every category of pydantic-ai's model errors, about lost connections, timeouts and plain exceptions,"
        " and in code of your own about every exception that is loaded. A condition on results is not judged.",
        _never,
    ),
    Rule(
        "condition-always-matches",
        "a retry condition that everything meets",
        "A condition that refuses nothing of all that (see `condition-never-matches`) is no condition.",
        _always,
    ),
    Rule(
        "modelretry-retried",
        "the engine or a decorator retries a tool that signals `ModelRetry`",
        "`ModelRetry` asks the model for other arguments; the same arguments cannot go better.",
        _signal,
    ),
    Rule(
        "fallback-not-reached",
        "a model of a fallback that is configured and not asked",
        "An error that the transport raises passes the SDK and the model as it is, and no fallback knows it; nor does"
        " one know what a fallback inside it raises, unless it is told.",
        _unreached,
    ),
)
