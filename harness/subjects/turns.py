"""The order of parallel calls around a fault, so that a plan means one thing whatever the scheduler does.

Where a fault is planned among the calls of one response, earlier calls commit before it and later ones start after.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping

PATIENCE = 5.0
"""Seconds that a call waits for those before it, at most."""
RECORDING = 0.2
"""Seconds within which an engine that records errors has recorded one."""


class Turns:
    """Lets calls wait for each other.

    `siblings` are the tool steps of each response with several calls, `is_planned` tells of a fault at a step, and
    `settled` are the steps that have committed, which its owner adds to.
    """

    def __init__(
        self, siblings: Mapping[str, tuple[str, ...]], is_planned: Callable[[str], bool], settled: set[str]
    ) -> None:
        self._siblings, self._is_planned, self._settled = siblings, is_planned, settled
        self._failed: dict[str, float] = {}

    def forget(self) -> None:
        """Another invocation begins."""
        self._failed.clear()

    def failed(self, step: str) -> None:
        """A body has raised, or its answer was lost."""
        self._failed[step] = time.monotonic()

    async def wait(self, step: str) -> None:
        """Wait until it is the turn of `step`."""
        group = self._siblings.get(step, ())
        targets = [sibling for sibling in group if self._is_planned(sibling)]
        if not targets:
            return
        earlier = group[: group.index(step)]
        waits_for = [sibling for sibling in earlier if step in targets or sibling in targets]
        deadline = time.monotonic() + PATIENCE
        # A poll, because calls may run in several event loops and threads, and engines may run them one by one.
        while not all(map(self._is_over, waits_for)) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.002)

    def _is_over(self, step: str) -> bool:
        """Whether a call is settled. An error may be recorded or not, and if it is, then at once."""
        return step in self._settled or time.monotonic() - self._failed.get(step, math.inf) > RECORDING
