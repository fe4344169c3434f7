"""From what a unit's own layers make of a failure to what the engine around them makes of that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from harness.audits.asking.clock import each_taking, in_haste, share
from harness.audits.asking.outcomes import Outcome
from harness.retries.arithmetic import AtMost, Course, Expression, Times, factors, product, times
from harness.retries.live import Answer, Live, TimedOut
from harness.retries.report import Cell
from harness.retries.values import Failure, RetryLayer
from harness.subjects.bare import OnlyARunTells, bare, unset
from harness.subjects.importing import is_own_class

E = TypeVar("E", bound=BaseException | None)
Counts = Literal["requests", "executions"]
BODY = "body"
"""What stands for the body of a unit in an expression: it gives up first, and is no layer."""
Unknowns = dict[str, str]
"""Why a layer could not answer, by its name."""


def enclosed(
    outcome: Outcome, lives: Sequence[Live], failure: Failure, unknown: Unknowns, counts: Counts = "requests"
) -> Cell:
    """The cell of one failure: every layer around the outcome is asked with the error that reaches it.

    The longest waits that chance allows take the longest; before a deadline, the shortest let most happen. Fewest do
    where layers of which nobody knows whether they do something again are `sparing`.
    """
    passed = most = through(outcome, lives, unknown)
    if any(live.layer.each or live.layer.all for live in lives):
        with in_haste():
            course = outcome.hasty() if outcome.hasty else outcome.course
            hasty = through(replace(outcome, course=course), lives, {})
        most = hasty if _total(hasty) > _total(passed) else passed
    sparing = [getattr(live, "sparing", live) for live in lives]
    least = replace(outcome, error=outcome.otherwise or outcome.error)
    fewest = through(least, sparing, {}) if outcome.otherwise or sparing != [*lives] else passed
    fewest = fewest if _total(fewest) < _total(passed) else passed
    seconds = max(one.course.seconds for one in (passed, most, fewest))  # shorter attempts may be more
    known = passed.expression.total is not None and math.isfinite(seconds)
    hangs = passed.expression.total is not None and passed.course.hangs
    return Cell(
        failure=failure,
        expression=most.expression,
        stops=most.stops or ("" if hangs else first_to_stop(most.expression)),
        seconds=seconds if known else None,
        counts=counts,
        unmeasured=outcome.unmeasured,
        short=outcome.short or most is not passed,
        hangs=hangs,
        late=passed.stops,
        least=None if most is fewest else int(_total(fewest)),
    )


def _total(outcome: Outcome) -> float:
    """How many; nothing is more than what nobody knows."""
    total = outcome.expression.total
    return math.inf if total is None else total


def through(outcome: Outcome, lives: Sequence[Live], unknown: Unknowns) -> Outcome:
    """What is left of an outcome when it has passed these layers; `stops` is a deadline that cut it, if one did."""
    expression, course, error = outcome.expression, outcome.course, outcome.error
    ended_by = ""
    for live in lives:
        returned = not course.endless and error is None and expression.total is not None
        if returned and not live.layer.results:
            continue  # the layers around it never hear of it
        each, total = (live.layer.each, live.layer.all) if live.layer.interrupts else (None, None)
        ended, strikes = TimedOut(f"ended by {live.layer.name}"), total
        if (sure := getattr(live, "sure", None)) is not None:
            course = course.surely(sure)
        if abandons := getattr(live, "abandons", False):
            course = course.surely(lambda _moment: 0.0)
        if (cut := course.ended(each)) is not course:
            expression = expression if abandons else _cut(expression, int(cut.requests), each, live.layer)
            course, error, ended_by = cut, ended, live.layer.name
        # Of what never ends, only a deadline further out hears; and who may have one, if nobody knows that.
        if not course.endless or (course.hangs and live.layer.unknown and live.layer.decides):
            with each_taking(course.seconds):
                answer = _asked(live, error, unknown, returned=returned)
            expression = product(expression, _factor(live.layer, answer))
            tried = course.lasting(answer.noticed)
            strikes = answer.strikes(tried.seconds) if answer.strikes and total else total
            course, error = tried.repeated(answer.attempts, answer.wait), answer.raises
        if (cut := course.ended(strikes)) is not course:
            expression = _cut(expression, int(cut.requests), total, live.layer)
            course, error, ended_by = cut, ended, ended_by or live.layer.name
    return Outcome(expression, course, error, stops=ended_by)


def worst_error(lives: Sequence[Live], *errors: E, own: bool = False) -> E | BaseException:
    """The one of these exceptions that the layers try again most often, and longest: a condition may be about one type.

    None among them is something that is returned in place of one.
    To them come the types that a decorator's condition names; of these the person's `own` alone, if that is said.
    """
    named = [kind for live in lives for kind in getattr(live, "retried", ()) if not own or is_own_class(kind)]
    every: list[E | BaseException] = [
        *errors,
        *(made for kind in named for made in (unset(kind), bare(kind, "harness"))),
    ]
    return max(every, key=lambda error: _extent_of(error, lives))


def mildest_error(lives: Sequence[Live], *errors: E) -> E:
    """The one of these exceptions that the layers try again least often."""
    return min(errors, key=lambda error: _extent_of(error, lives))


def _extent_of(error: BaseException | None, lives: Sequence[Live]) -> tuple[float, int, float]:
    known = [live for live in lives if not live.layer.unknown]  # what nobody knows makes the same of each
    return _extent(through(once(error), known, {}))


def _extent(outcome: Outcome) -> tuple[float, int, float]:
    """How many, and how long it takes; that nobody knows it of several layers is worse than of one."""
    unknown = sum(factor.total is None for factor in factors(outcome.expression))
    return _total(outcome), unknown, outcome.course.seconds


def once(error: BaseException | None) -> Outcome:
    """A body that fails with this error each time it runs; None if it returns something in its place."""
    return Outcome(times(1, BODY), Course(), error)


def first_to_stop(expression: Expression) -> str:
    """The layer that gives up first: a limit, or the innermost one that tries more than once, else the innermost."""
    if limits := [part.layer for part in (expression, *getattr(expression, "parts", ())) if isinstance(part, AtMost)]:
        return limits[0]
    every = [factor for factor in factors(expression) if factor.layer != BODY]
    trying = [factor.layer for factor in every if factor.times != 1 and not factor.endless]
    return (trying or [factor.layer for factor in every] or [""])[0]


_RETURNED = (
    "it tries again after what was returned, too, and what your own code returns after a failure only a run shows"
)


def _asked(live: Live, error: BaseException | None, unknown: Unknowns, *, returned: bool) -> Answer:
    if not live.layer.decides:
        return Answer(raises=error)
    if live.layer.unknown:
        return Answer(unknown=live.layer.unknown)
    if returned:
        unknown[live.layer.name] = _RETURNED
        return Answer(unknown=_RETURNED)
    if error is None:
        return Answer() if getattr(live, "tries_once", False) else Answer(unknown="what is inside is unknown")
    try:
        answer = live.answer(error)
    except OnlyARunTells as told:
        answer = Answer(raises=error, unknown=str(told))
    except AttributeError as missing:
        if missing.obj is not error:
            raise
        kind = type(error).__qualname__
        answer = Answer(raises=error, unknown=f"it looks at `{missing.name}` of {kind}, which only a run shows")
    if answer.unknown:
        unknown[live.layer.name] = answer.unknown
    return replace(answer, wait=answer.shortest) if answer.shortest and not share() else answer


def _factor(layer: RetryLayer, answer: Answer) -> Times:
    if answer.unknown:
        return times(None, layer.name)
    return times(answer.attempts, layer.name, endless=answer.attempts is None, wait=answer.wait)


def _cut(expression: Expression, most: int, seconds: float | None, layer: RetryLayer) -> Expression:
    return AtMost(most=most, seconds=seconds, layer=layer.name, part=expression)
