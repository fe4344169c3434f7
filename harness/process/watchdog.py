"""The watchdog: waits for an incarnation's end, and ends one that no longer gets anywhere.

A hang is told by the journal: a run that writes nothing for a while waits for something that will not come. Before it
is ended its stacks are taken, because a hang without them helps nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.process.incarnation import Exit, Incarnation

LOOK = 0.05  # seconds between two looks at the progress; the end itself is noticed at once


@dataclass(frozen=True)
class Watched:
    """How an incarnation ended. `hung` says why the watchdog ended it, with its `stacks`; both None otherwise."""

    exit: Exit | None
    hung: str | None = None
    stacks: str | None = None


def watch(incarnation: Incarnation, progress: Callable[[], int], *, stall: float, limit: float) -> Watched:
    """Wait for the end; collect stacks and kill when `progress` has not grown for `stall` seconds, or after `limit`."""
    started = moved = time.monotonic()
    seen = progress()
    while (ended := incarnation.wait(LOOK)) is None:
        now = time.monotonic()
        if (current := progress()) != seen:
            seen, moved = current, now
        if now - moved >= stall:
            return _end(incarnation, f"nothing happened for {stall:g} seconds")
        if now - started >= limit:
            return _end(incarnation, f"it was still running after {limit:g} seconds")
    return Watched(ended)


def _end(incarnation: Incarnation, why: str) -> Watched:
    stacks = incarnation.stacks()
    incarnation.kill()
    return Watched(incarnation.wait(0), why, stacks)
