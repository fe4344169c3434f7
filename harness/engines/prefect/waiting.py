"""How long Prefect waits before it begins another attempt at a task, without jitter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def backoff(delay: Any, attempt: int) -> float:
    """The seconds after an attempt, by a task's `retry_delay_seconds`: the last of several counts for the rest."""
    if isinstance(delay, Sequence):
        delay = delay[min(attempt - 1, len(delay) - 1)] if delay else 0
    seconds: float = delay or 0
    return seconds
