"""Waits of the engine that a limit around them has hardly any room for: what a run does besides takes its time, too."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.history import EngineWaited

if TYPE_CHECKING:
    from harness.history import History

NEAR = 0.5
"""Which part of a limit waits fill at least that may outlast it."""


@dataclass(frozen=True)
class Crowded:
    """A `limit` of one invocation, and the `waits` in it. In seconds, both as configured."""

    invocation: int
    limit: float
    waits: float

    def __str__(self) -> str:
        return f"waits of {self.waits:g} s within a limit of {self.limit:g} s"


def crowded(history: History) -> list[Crowded]:
    """The limits that waits may outlast, the shortest first."""
    waits: dict[tuple[int, float], float] = defaultdict(float)
    for waited in history.of(EngineWaited):
        for limit in set(waited.limits):
            waits[waited.invocation, limit] += waited.configured
    found = [Crowded(invocation, limit, sum_) for (invocation, limit), sum_ in waits.items() if sum_ >= NEAR * limit]
    return sorted(found, key=lambda known: known.limit)
