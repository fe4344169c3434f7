"""Waits that take no time: what a layer would sleep is written down, and its clock is moved on by as much.

So a policy that stops after ten minutes is asked in a millisecond. Only for asking a layer alone: nothing else may run
in the process meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeVar
from unittest.mock import patch

import anyio

from harness.audits.asking.dates import moved_dates
from harness.subjects.importing import own_modules

T = TypeVar("T")

ENDED = (
    "a deadline in its code (`asyncio.timeout`, `asyncio.wait_for`, `anyio.fail_after`) ends what it waits for, and"
    " what becomes of that only shows in real time"
)

CLOCKS = tuple(f"{name}{unit}" for name in ("time", "monotonic", "perf_counter") for unit in ("", "_ns"))
"""What code stops by that looks at `time`."""


class Slept(list[float]):
    """What was slept, in seconds, and the time that it is by then.

    `is_cut` says that somebody's deadline has come meanwhile: how that one is met, no time being waited, is not known.
    """

    def __init__(self) -> None:
        super().__init__()
        self.passed, self.is_cut = 0.0, False
        self._due: list[asyncio.TimerHandle] = []

    def append(self, seconds: float) -> None:
        """Somebody sleeps."""
        super().append(seconds)
        self.passes(seconds)

    def spent(self, seconds: float) -> None:
        """Somebody sleeps, perhaps for no time at all, which is no wait."""
        if seconds and seconds > 0:
            self.append(float(seconds))

    def passes(self, seconds: float) -> None:
        """So much time is over, perhaps all there is."""
        by_then = time.monotonic() + seconds
        self.is_cut = self.is_cut or any(not one.cancelled() and one.when() <= by_then for one in self._due)
        self.passed += seconds if math.isfinite(seconds) else 0.0

    @property
    def ended(self) -> str:
        """Why nobody knows what becomes of it, empty if no deadline has come."""
        return ENDED if self.is_cut else ""

    def noting(self, call_at: Callable[..., asyncio.TimerHandle]) -> Callable[..., asyncio.TimerHandle]:
        """What an event loop does with a deadline, noted: all of them come down to this."""

        def noted(*args: Any, **kwargs: Any) -> asyncio.TimerHandle:
            self._due.append(call_at(*args, **kwargs))
            return self._due[-1]

        return noted

    def moved(self, clock: Callable[[], Any], per_second: int = 1) -> Callable[[], Any]:
        """A clock of Python's own that goes on by what was slept, and by what attempts took."""
        return lambda: (now := clock()) + type(now)(self.passed * per_second)


@contextmanager
def without_waiting() -> Iterator[Slept]:
    """Let every sleep return at once. Yields the list of what was slept, in seconds."""
    slept, yielding = Slept(), asyncio.sleep

    async def sleep(delay: float, result: Any = None) -> Any:
        slept.spent(delay)
        return await yielding(0, result)

    moved: dict[str, Any] = {
        name: slept.moved(getattr(time, name), 10**9 if name.endswith("_ns") else 1) for name in CLOCKS
    }
    moved["sleep"] = slept.spent
    lent = {yielding: sleep, anyio.sleep: sleep, **{getattr(time, name): other for name, other in moved.items()}}
    lent |= moved_dates(lambda: slept.passed)
    _asked.append(slept)
    try:
        with (
            patch.object(asyncio, "sleep", sleep),
            patch.object(anyio, "sleep", sleep),
            patch.multiple(time, **moved),
            patch.object(asyncio.BaseEventLoop, "call_at", slept.noting(asyncio.BaseEventLoop.call_at)),
            _borrowed(lent),
        ):
            yield slept
    finally:
        _asked.pop()


@contextmanager
def _borrowed(lent: Mapping[Any, Any]) -> Iterator[None]:
    """Let a person's own modules that have imported any of these by name (`from asyncio import sleep`) have another."""
    by_id = {id(one): another for one, another in lent.items()}
    holding = [names for names in own_names(len(sys.modules)) if not by_id.keys().isdisjoint(map(id, names.values()))]
    found = [(names, name, value) for names in holding for name, value in names.items() if id(value) in by_id]
    for names, name, value in found:
        names[name] = by_id[id(value)]
    try:
        yield
    finally:
        for names, name, value in found:
            names[name] = value


@lru_cache(maxsize=1)
def own_names(_modules: int) -> list[dict[str, Any]]:
    """What a person's own modules have names for. It is looked for again where there are more modules."""
    return [vars(one) for one in own_modules()]


_asked: list[Slept] = []


def takes(seconds: float) -> None:
    """Move the clock on by what an attempt itself takes, which is no wait of the layer that is asked."""
    if _asked:
        _asked[-1].passes(seconds)


_each: ContextVar[float] = ContextVar("harness_each", default=0.0)


@contextmanager
def each_taking(seconds: float) -> Iterator[None]:
    """While this lasts, layers are asked about attempts that take so long themselves."""
    token = _each.set(seconds)
    try:
        yield
    finally:
        _each.reset(token)


def attempted() -> None:
    """Move the clock on by what an attempt takes."""
    takes(_each.get())


def worst_of(ask: Callable[[], T], count: Callable[[T], float], short: Callable[[T, T], T]) -> T:
    """What `ask` comes to at worst where chance decides how long it waits: waits in full, or none of them.

    The longest waits take the longest; but a policy that stops by the clock tries most often if its waits are short.
    `count` says how often it tried; `short` is made of what short waits come to, and of what long ones do. In haste
    only the short ones count.
    """
    if _hasty.get():
        with _chance(0.0):
            return ask()
    with _chance(1.0) as chance:
        patient = ask()
    if not chance.asked:
        return patient
    with _chance(0.0):
        hasty = ask()
    return short(hasty, patient) if count(hasty) > count(patient) else patient


_hasty: ContextVar[bool] = ContextVar("harness_hasty", default=False)


@contextmanager
def in_haste() -> Iterator[None]:
    """While this lasts, layers are asked as if chance made all their waits as short as it may."""
    token = _hasty.set(True)
    try:
        yield
    finally:
        _hasty.reset(token)


def share() -> float:
    """Where chance falls for a layer that is asked: 1 for the longest waits, 0 in haste."""
    return 0.0 if _hasty.get() else 1.0


class Chance:
    """What `random` is where chance always falls on the same end: 0 is the lowest, 1 the highest."""

    def __init__(self, share: float) -> None:
        self.share, self.asked = share, False

    def uniform(self, low: float, high: float) -> float:
        """One of the two ends."""
        self.asked = True
        return low + self.share * (high - low)

    def random(self) -> float:
        """0 or 1."""
        return self.uniform(0.0, 1.0)

    def __getattr__(self, name: str) -> Any:
        return getattr(random, name)


@contextmanager
def _chance(share: float) -> Iterator[Chance]:
    chance = Chance(share)
    with patch.object(random, "uniform", chance.uniform), patch.object(random, "random", chance.random):
        yield chance


@contextmanager
def same_chance() -> Iterator[None]:
    """While this lasts, chance falls as it does each time that this lasts; what it is for others goes on after it."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)
