"""How long the server, or the worker of a local activity, waits before it begins another attempt."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta

from temporalio.common import RetryPolicy

from harness.retries.arithmetic import LONGEST

GROWS_TO = 100
"""How many times the first interval the longest is, by the server's default."""


def backoff(policy: RetryPolicy, attempt: int) -> float:
    """The seconds that a policy waits after an attempt."""
    first = policy.initial_interval.total_seconds()
    longest = policy.maximum_interval.total_seconds() if policy.maximum_interval else GROWS_TO * first
    grown: float = first * policy.backoff_coefficient ** min(attempt - 1, 64)
    return min(grown, longest)


LEFT_TO_THE_SERVER = timedelta(minutes=1)
"""The `local_retry_threshold` of a local activity, if none is said: a longer wait is a timer of its workflow's."""


def remembered(
    deadline: float, attempts: int | None, wait: Callable[[int], float], local: float
) -> Callable[[float], float]:
    """When the time for all attempts of a local activity ends them, if each takes so many seconds; infinite: never.

    Its worker keeps that time, looks at it once, and ends the attempt that it finds: while it waits itself, it finds
    none. It looks again only when it begins anew, which is after a wait of more than `local` seconds.
    """

    def strikes(seconds: float) -> float:
        begun = 0.0
        for attempt in range(1, min(attempts or LONGEST, LONGEST) + 1):
            over = begun + seconds
            if begun < deadline <= over:
                return deadline
            begun = over + wait(attempt)
            if wait(attempt) > local and deadline <= begun:
                return begun
        return math.inf

    return strikes
