"""Lives that have said how they end, and are not gone yet: no code of a subject's may meet them.

The run goes on while the kernel takes such a life apart (`farewell.py`). The next life comes into the world meanwhile,
and waits here before it begins: a file that says which process holds something, and memory that holds a file open, must
be as after any death.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from harness.process import kin

PATIENCE = 5.0
"""Seconds that a life waits at most: the number of a process may be another's by then."""
LOOK = 0.0002
"""Seconds between two looks; it takes two to five thousandths until a small agent's life is gone."""


class Leaving:
    """The ends that were told in one bench."""

    def __init__(self) -> None:
        self._pids: set[int] = set()

    def add(self, pid: int) -> None:
        """The end of this one was told."""
        self._pids.add(pid)

    def left(self) -> list[int]:
        """Those that are still there."""
        gone = {pid for pid in self._pids.copy() if not kin.kill(pid, 0)}
        self._pids -= gone
        return sorted(self._pids)

    def end(self) -> None:
        """Wait until they are gone, before somebody looks who is none of us."""
        await_end(self.left())


def await_end(pids: Sequence[int]) -> None:
    """Wait until the last of them is gone."""
    deadline = time.monotonic() + PATIENCE
    while any(kin.kill(pid, 0) for pid in pids) and time.monotonic() < deadline:
        time.sleep(LOOK)
