"""What an engine has around something that fails, as far as a run against a clock depends on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

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


def _shortest(seconds: Iterable[float | None]) -> float | None:
    return min((one for one in seconds if one), default=None)
