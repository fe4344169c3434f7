"""How times are scaled: one factor per run divides what the subject configured, and a floor keeps what is left honest.

A timeout that is shorter than the body it limits would be a fault that nobody planned. So until the harness has seen
how long the bodies take (the first run of a session, the baseline), timeouts stay long; only waits that limit nothing
(a backoff, a durable sleep) are scaled from the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FLOOR = 0.3
"""Seconds below which no timeout is scaled: a busy machine may stall a healthy worker for that long."""
CEILING = 3.0
"""Seconds that the longest timeout should come to, or a run would wait for it longer than anybody watches."""
PATIENCE = 10.0
"""Seconds that a timeout is left while nobody knows how long its body takes."""
ROOM = 10
"""How many times as long as its body a timeout must stay."""
PROVISIONAL = 100.0
"""The factor for waits before there is a chosen one: a first backoff of 1 s becomes 10 ms."""


@dataclass(frozen=True)
class Clock:
    """Scales seconds. `factor` is None while nothing is known; `usual` is how long the body of a unit takes, by name.

    With `asked` the factor is the person's own, and is only held to the floor: factor 1 is real time.
    """

    factor: float | None = None
    usual: Mapping[str, float] = field(default_factory=dict)
    asked: bool = False

    def timeout(self, name: str, configured: float) -> float:
        """The timeout of a unit called `name`: never longer than configured."""
        if self.asked:
            return self._divided(configured, FLOOR)
        if name not in self.usual:
            return min(configured, PATIENCE)
        return self._divided(configured, max(FLOOR, ROOM * self.usual[name]))

    def wait(self, configured: float) -> float:
        """A wait that limits nothing: a backoff, a durable sleep."""
        return configured / (self.factor or PROVISIONAL)

    def _divided(self, configured: float, floor: float) -> float:
        return min(configured, max(floor, configured / (self.factor or PROVISIONAL)))


def choose(timeouts: Iterable[float]) -> float | None:
    """The factor for these configured timeouts: the smallest comes to the floor, or the longest to the ceiling.

    None if there are none. Where the two disagree the ceiling wins, and small timeouts stay at the floor.
    """
    known = [seconds for seconds in timeouts if seconds > 0]
    if not known:
        return None
    return max(1.0, min(known) / FLOOR, max(known) / CEILING)
