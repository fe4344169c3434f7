"""What an engine has around something that fails, as far as a run against a clock depends on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

from harness.history import EngineWaited, History, UnitEntered
from harness.retries.values import RetryLayer


class Around(TypedDict):
    """The shortest deadlines of one attempt, and of all attempts together, in configured seconds.

    `endless` says that the engine never gives up what fails.
    """

    each: float | None
    all: float | None
    endless: bool


def around(layers: Iterable[RetryLayer], *, endless: bool) -> Around:
    """The deadlines of these layers of an engine, but for those that end nothing that is under way.

    One run of what is around units is all attempts of theirs.
    """
    ending = [layer for layer in layers if layer.interrupts]
    each = _shortest(layer.each for layer in ending if layer.kind == "unit")
    runs = (layer.each for layer in ending if layer.kind != "unit")
    return Around(each=each, all=_shortest((*runs, *(layer.all for layer in ending))), endless=endless)


def met(history: History, known: Around) -> Around:
    """What is known, with the deadlines that a run has met: those of a unit may be said where it is called, only."""
    each, every = _ending(history.of(UnitEntered)), _ending(history.of(EngineWaited))
    return {**known, "each": known["each"] or _shortest(each), "all": known["all"] or _shortest(every)}


def _ending(events: Iterable[UnitEntered | EngineWaited]) -> Iterator[float]:
    """The limits that end what is under way."""
    return (seconds for event in events for seconds in event.limits if seconds not in event.sparing)


def _shortest(seconds: Iterable[float | None]) -> float | None:
    return min((one for one in seconds if one), default=None)
