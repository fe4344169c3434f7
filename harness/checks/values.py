"""Comparing recorded values leaf by leaf, so that a difference has a path and what always varies can be left out.

Two things vary in healthy runs. Ids and times that pydantic-ai makes for each run are known by name. Times of day are
known by being *now*: a string or number that says the time at which the run itself took place, by the journal's clock.
Two baselines alone would miss those when both fall into one second.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.history import History

PER_RUN = frozenset({"timestamp", "run_id", "conversation_id"})
"""Fields of pydantic-ai's messages that differ between any two runs."""
NOW = "<now>"
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?")
_MARGIN = 86_400.0
"""A day: a time of day without its zone may be up to half of one away."""


@dataclass(frozen=True)
class Mismatch:
    """A leaf at which two values differ."""

    path: str
    left: Any
    right: Any

    def __str__(self) -> str:
        return f"{self.path}: {shown(self.left)} became {shown(self.right)}"


class Absent:
    """What stands for the side that has no such leaf."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = Absent()


@dataclass(frozen=True)
class Clock:
    """The time at which a run took place."""

    start: float
    end: float

    @classmethod
    def of(cls, history: History) -> Clock:
        times = [event.time for event in history if event.time]
        return cls(min(times, default=0.0), max(times, default=0.0))

    def normal(self, value: Any) -> Any:
        """The value with every mention of the run's own time taken out."""
        if isinstance(value, str):
            return _ISO.sub(lambda match: NOW if self._is_now(_epoch(match[0])) else match[0], value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return NOW if self._is_now(value) or self._is_now(value / 1000) else value
        return value

    def _is_now(self, seconds: float | None) -> bool:
        if seconds is None or not self.start:
            return False
        return self.start - _MARGIN <= seconds <= self.end + _MARGIN


def _epoch(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def mismatches(
    path: str, left: Any, right: Any, clocks: tuple[Clock, Clock], hidden: Collection[str] = ()
) -> Iterator[Mismatch]:
    """Every leaf at which two JSON values differ, in order, but for the paths in `hidden` and all below them."""
    if path in hidden or left == right:
        return
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys([*left, *right]):
            if key not in PER_RUN or ".messages" not in path:
                yield from mismatches(f"{path}.{key}", left.get(key, ABSENT), right.get(key, ABSENT), clocks, hidden)
    elif isinstance(left, list) and isinstance(right, list):
        yield from _items(path, left, right, clocks, hidden)
    elif clocks[0].normal(left) != clocks[1].normal(right):
        yield Mismatch(path, left, right)


def _items(
    path: str, left: list[Any], right: list[Any], clocks: tuple[Clock, Clock], hidden: Collection[str]
) -> Iterator[Mismatch]:
    for index in range(max(len(left), len(right))):
        one = left[index] if index < len(left) else ABSENT
        other = right[index] if index < len(right) else ABSENT
        yield from mismatches(f"{path}[{index}]", one, other, clocks, hidden)


def shown(value: Any, width: int = 80) -> str:
    """A value on one line, cut in the middle where it is long."""
    text = repr(value)
    half = width // 2 - 2
    return text if len(text) <= width else f"{text[:half]} … {text[-half:]}"
