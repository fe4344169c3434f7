"""How long DBOS waits before it begins another attempt at a step: `dbos._core.invoke_step`."""

from __future__ import annotations

LONGEST = 3600.0
"""Seconds above which it lets no interval grow."""


def backoff(interval: float, rate: float, attempt: int) -> float:
    """The seconds after an attempt, of a step with this interval in seconds and this rate of growth."""
    grown: float = interval * rate ** min(attempt - 1, 64)
    return min(grown, LONGEST)
