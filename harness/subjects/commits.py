"""The commit seam: where an engine makes a result durable, and where crashes `between` and `after` strike.

A class and no `contextmanager`, because that takes three times as long and every unit goes through here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from harness.history import CommitEntered, CommitLeft

if TYPE_CHECKING:
    from harness.subjects.places import Unit
    from harness.subjects.probes import Probes


PATIENCE = 1.0  # seconds that a caller who has the result leaves an engine to come back from having written it
LOOK = 0.001  # seconds between two looks


async def all_left(committing: Collection[str]) -> None:
    """Wait until no unit is `committing`, for a life that ended before would end before what is to happen `after`.

    Who reads a result where it was written may have it before the writer is back, in another thread.
    """
    deadline = time.monotonic() + PATIENCE
    while committing and time.monotonic() < deadline:  # noqa: ASYNC110  a thread sets no event
        await asyncio.sleep(LOOK)


class Commit:
    """Surrounds the seam at which the engine makes the result of a unit durable. One that raises was not passed."""

    __slots__ = ("_probes", "_unit")

    def __init__(self, probes: Probes, unit: Unit) -> None:
        self._probes, self._unit = probes, unit

    def __enter__(self) -> None:
        probes, unit = self._probes, self._unit
        probes.committing.add(unit.key)
        probes.journal.tell(CommitEntered, step=unit.step, unit=unit.key, invocation=probes.invocation)
        probes.strikes.at(unit.step, "between", crashes=True, only_crashes=True)

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        probes, unit = self._probes, self._unit
        try:
            if error is None:
                probes.journal.tell(CommitLeft, step=unit.step, unit=unit.key, invocation=probes.invocation)
                probes.strikes.at(unit.step, "after")
                probes.settled.add(unit.step)
        finally:
            probes.committing.discard(unit.key)
