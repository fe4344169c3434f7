"""How long the server waits before it begins another attempt."""

from __future__ import annotations

from temporalio.common import RetryPolicy

GROWS_TO = 100
"""How many times the first interval the longest is, by the server's default."""


def backoff(policy: RetryPolicy, attempt: int) -> float:
    """The seconds that a policy waits after an attempt."""
    first = policy.initial_interval.total_seconds()
    longest = policy.maximum_interval.total_seconds() if policy.maximum_interval else GROWS_TO * first
    grown: float = first * policy.backoff_coefficient ** min(attempt - 1, 64)
    return min(grown, longest)
