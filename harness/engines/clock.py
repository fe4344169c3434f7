"""How the times of a unit that an engine limits are scaled: one factor per run divides what the subject configured.

A timeout that is shorter than the body it limits would be a fault that nobody planned. So timeouts keep their length in
a run that waits for none of them: a process that died is noticed by other means. Where a body is made to hang or to be
late, so that a timeout must act, all are divided alike, down to a floor that leaves bodies their room: how long they
take is known from the runs before. Waits that limit nothing (a backoff, a durable sleep) are always divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.subjects.clock import CEILING, FLOOR, ROOM, eased

UNKNOWN = 10.0
"""Seconds that a timeout is left at least where nobody knows how long its body takes."""
PROVISIONAL = 50.0
"""The factor before one is chosen: a first backoff of 1 s becomes 20 ms."""


@dataclass(frozen=True)
class Clock:
    """Scales seconds. `usual` is how long the body of a unit takes, by name.

    `factor` is None while none has been chosen. With `hurried`, timeouts are scaled too. With `asked`, the factor is
    the person's own: 1 is real time. `ease` makes everything that many times longer, though never longer than
    configured (`Hook.ease`). Waits are divided by `haste` at least.
    """

    factor: float | None = None
    usual: Mapping[str, float] = field(default_factory=dict)
    hurried: bool = False
    asked: bool = False
    ease: float = 1.0
    haste: float = 1.0

    @property
    def divisor(self) -> float:
        """What times are divided by."""
        return eased(self.factor or PROVISIONAL, self.ease)

    @property
    def delay(self) -> float:
        """What a planned delay is divided by: as the timeouts that it may run into."""
        return self.divisor if self.asked or self.hurried else 1.0

    def timeout(self, name: str, configured: float) -> float:
        """The timeout of a unit called `name`: never longer than configured, and `ROOM` times what it usually takes."""
        if self.asked:
            return self._divided(configured, FLOOR)
        if not self.hurried:
            return configured
        least = ROOM * self.usual[name] if name in self.usual else UNKNOWN
        return self._divided(configured, max(FLOOR, least))

    def wait(self, configured: float) -> float:
        """A wait that limits nothing: a backoff, a durable sleep."""
        return configured / max(self.divisor, self.haste)

    def _divided(self, configured: float, floor: float) -> float:
        return min(configured, max(self.ease * floor, configured / self.divisor))


def choose(timeouts: Iterable[float]) -> float | None:
    """The factor for these configured timeouts: the smallest comes to the floor, or the longest to the ceiling.

    None if there are none. Where the two disagree the ceiling wins, and small timeouts stay at the floor.
    """
    known = [seconds for seconds in timeouts if seconds > 0]
    if not known:
        return None
    return max(1.0, min(known) / FLOOR, max(known) / CEILING)
