"""What an engine has around something that fails, as far as a run against a clock depends on it."""

from __future__ import annotations

from collections.abc import Iterable
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
    each = [seconds for event in history.of(UnitEntered) for seconds in event.limits]
    every = [seconds for event in history.of(EngineWaited) for seconds in event.limits]
    return {**known, "each": known["each"] or _shortest(each), "all": known["all"] or _shortest(every)}


def _shortest(seconds: Iterable[float | None]) -> float | None:
    return min((one for one in seconds if one), default=None)
