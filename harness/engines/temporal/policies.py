"""What a retry policy of Temporal's and timeouts say, as a person reads it; and whether they can be meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from pydantic_ai.durable_exec.temporal._toolset import with_non_retryable_errors
from temporalio.common import RetryPolicy


def said_of(policy: RetryPolicy, refused: Iterable[type[Any]]) -> Iterator[tuple[str, str]]:
    """What somebody said about intervals, and about errors that are not retried."""
    usual = RetryPolicy()
    if policy.initial_interval != usual.initial_interval:
        yield "initial_interval", f"{seconds_of(policy.initial_interval):g} s"
    if policy.backoff_coefficient != usual.backoff_coefficient:
        yield "backoff_coefficient", f"{policy.backoff_coefficient:g}"
    if policy.maximum_interval is not None:
        yield "maximum_interval", f"{seconds_of(policy.maximum_interval):g} s"
    always = with_non_retryable_errors(None).non_retryable_error_types or ()
    if named := [name for name in policy.non_retryable_error_types or () if name not in always]:
        yield "non_retryable_error_types", ", ".join(named)
    if refused:
        yield "non_retryable_model_errors", ", ".join(kind.__name__ for kind in refused)


def seconds_of(value: timedelta | None) -> float | None:
    """A timeout as a number, None if nobody set it."""
    return None if value is None else value.total_seconds()


def absurd(policy: RetryPolicy, timeouts: dict[str, float | None]) -> str:
    """Why these settings cannot be meant. A timeout of nothing is one that nobody set, where there need not be any."""
    for name, seconds in timeouts.items():
        if seconds is not None and (seconds < 0 or (seconds == 0 and name.endswith("to_close_timeout"))):
            return f"{name}={seconds:g} s makes no sense"
    try:
        policy._validate()  # noqa: SLF001  what the SDK itself asks before it tells the server
    except (ValueError, TypeError) as error:
        return f"the retry policy makes no sense: {error}"
    return ""
