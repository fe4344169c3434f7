"""What a person asks of a property, looked at before anything is drawn: Hypothesis would speak of its own arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import UsageError
from harness.explore.properties.offered import path_of
from harness.scenario import Scenario


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
