"""When the server notices that an attempt has died, and when an attempt hears that the server has given it up.

Neither is at once. A dead worker is noticed by a timeout. A body that has been timed out goes on until its worker ends
it. A worker hears of it as the answer to a heartbeat. For a body without heartbeats it keeps the time itself, and adds
a few seconds, so as not to race with the server: `local_timeout_buffer_for_activities` in Temporal's Core, 5 s, which
Python's SDK leaves alone. All of it was measured against a real server, to the request.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEEWAY = 5.0
"""Seconds that a worker adds where it keeps the time itself. Nobody can configure it."""
RAREST, USUAL = 60.0, 30.0
"""Seconds between two heartbeats that a worker sends: at most, and where there is no timeout for them."""
THROTTLED = 0.8
"""The part of a heartbeat timeout that it lets pass between two."""


@dataclass(frozen=True)
class Noticing:
    """One activity. `attempt` and `heartbeat` are its timeouts in seconds, infinite if it has none.

    `beats` says that its body heartbeats as pydantic-ai's do: twice in its timeout, from its beginning on.
    """

    attempt: float = math.inf
    heartbeat: float = math.inf
    beats: bool = True

    @property
    def death(self) -> float:
        """Seconds until the server notices that the process died at once; infinite where it never does."""
        return min(self.attempt, self.heartbeat)

    def sure(self, age: float) -> float:
        """How old an attempt is when nothing keeps it any more from what it does at the age of `age` seconds."""
        heard = math.floor(age / self._every) * self._every if self.beats else 0.0
        if self.beats and math.isfinite(self.heartbeat):
            return heard
        return heard if age < self.death + LEEWAY else age

    @property
    def heard(self) -> float:
        """How old an attempt is when it hears that its time is over, whatever it does."""
        beat = math.ceil(self.attempt / self._every) * self._every if self.beats else math.inf
        return beat if self.beats and math.isfinite(self.heartbeat) else min(beat, self.death + LEEWAY)

    @property
    def _every(self) -> float:
        """Seconds between two heartbeats: the server takes no timeout for them that is longer than the attempt's."""
        if math.isinf(self.heartbeat):
            return USUAL
        return max(min(THROTTLED * self.death, RAREST), self.death / 2)
