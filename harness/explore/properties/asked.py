"""What a person asks of a property, looked at before anything is drawn: Hypothesis would speak of its own arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from harness.errors import UsageError
from harness.explore.properties.offered import path_of
from harness.scenario import Scenario

P = ParamSpec("P")
R = TypeVar("R")


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """What a person calls, or has drawn, with no frame of ours above a mistake of theirs: its sentence says it all."""

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except UsageError as error:
            raise error.with_traceback(None)  # noqa: B904  it is the same error

    return called


def names(what: str, given: Iterable[str] | None) -> tuple[str, ...]:
    """One name or several of the argument `what`. Raises `UsageError` if there is none."""
    found = (given,) if isinstance(given, str) else tuple(given or ())
    if not found:
        raise UsageError(f"`{what}` is {given!r}; name at least one")
    return found


def at_least(least: int, what: str, given: Any) -> int:
    """A whole number that the argument `what` was given. Raises `UsageError` if it is none, or too small."""
    if not isinstance(given, int) or given < least:
        raise UsageError(f"`{what}` is {given!r}; say a whole number from {least} on")
    return given


def base(subject: Any, engine: str, given: Mapping[str, Any], *, drawn: Iterable[str] = ()) -> Scenario:
    """The scenario in which everything else is drawn. Raises `UsageError` if it is none, or says what will be drawn."""
    for field in drawn:
        if field in given:
            raise UsageError(
                f"`{field}` of the scenario is made up here, so {given[field]!r} would be overwritten; leave it out,"
                " or give a whole scenario to `survives`"
            )
    return Scenario.make(subject=path_of(subject), engine=engine, **given)
