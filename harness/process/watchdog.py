"""The watchdog: waits for an incarnation's end, and ends one that no longer gets anywhere.

A hang is told by the journal: a run that writes nothing for a while waits for something that will not come. Before it
is ended its stacks are taken, because a hang without them helps nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.process import stacks
from harness.process.incarnation import Exit, Incarnation

LOOK = 0.05  # seconds between two looks at the progress; the end itself is noticed at once
NAP = 1.0  # seconds between two looks beyond which it was us who stood still (Ctrl-Z, a laptop that slept)


@dataclass(frozen=True)
class Watched:
    """How an incarnation ended. `hung` says why the watchdog ended it, with its `stacks`; both None otherwise.

    `exit` is None only if it could not be ended, because the kernel holds it.
    """

    exit: Exit | None
    hung: str | None = None
    stacks: str | None = None


def watch(
    incarnation: Incarnation,
    progress: Callable[[], int],
    *,
    stall: float,
    limit: float,
    endless: Callable[[], str | None] = lambda: None,
    waits: Callable[[], float] = lambda: 0.0,
) -> Watched:
    """Wait for the end; collect stacks and kill when `progress` has not changed for `stall` seconds, or after `limit`.

    `progress` is any number that changes while the run gets somewhere, for example the size of its journal; `endless`
    says why it gets nowhere all the same, `waits` for how many seconds more it may be silent by now. Time during which
    the harness itself was stopped counts for at most a second.
    """
    seen, quiet, total, looked = progress(), 0.0, 0.0, time.monotonic()
    while (ended := incarnation.wait(LOOK)) is None:
        passed = min(time.monotonic() - looked, NAP)
        looked = time.monotonic()
        total += passed
        quiet = quiet + passed if (now := progress()) == seen else 0.0
        seen = now
        if quiet >= stall + (more := waits()):
            return _end(incarnation, f"nothing happened for {stall + more:g} seconds")
        if why := endless():
            return _end(incarnation, why)
        if total >= limit + more:
            return _end(incarnation, f"it was still running after {limit + more:g} seconds")
    return Watched(ended)


def _end(incarnation: Incarnation, why: str) -> Watched:
    where = incarnation.stacks()
    ended = incarnation.wait(0)
    if ended is not None and ended.signal not in stacks.FATAL:  # by itself, in the last moment
        return Watched(ended)
    incarnation.kill()
    return Watched(incarnation.wait(0), why, where)
