"""How fast the times of a run pass, and why one that has ended is done again at another pace.

Timeouts and waits are divided so that nobody waits for them in full. Two things may go wrong with that, and are seen in
what the run has left: a timeout that strikes only here, and a wait that outlasts a limit around it only in production.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.checks.untimely import untimely
from harness.history import EngineWaited, Paced
from harness.subjects.clock import EASE, ROOM, Clock, lasted, learned

if TYPE_CHECKING:
    from harness.history import History

LEAST = 5.0
"""Seconds that a limit keeps which waits may outlast: engines notice up to a second late that one has passed."""
NEAR = 0.5
"""Which part of a limit is filled at least where waits may outlast it."""


@dataclass(frozen=True)
class Tempo:
    """The tempo of one run: `ease` and `pace` are those of `subjects.clock.Clock`; `note`: why it is done again.

    `paced` tells of the run before, whose waits may outlast a limit.
    """

    ease: float = 1.0
    pace: float | None = None
    note: str = ""
    paced: Paced | None = None

    def clock(self, asked: float | None, baseline: History | None) -> Clock:
        """How timeouts are scaled where one has to act: as the person has `asked`, or by what `baseline` showed."""
        if asked is not None:
            return Clock(asked, asked=True, ease=self.ease)
        return replace(learned(baseline) if baseline else Clock(), ease=self.ease, pace=self.pace)

    def again(self, history: History, asked: float | None, baseline: History | None) -> Tempo | None:
        """How a run that left this `history` is to be done again, None if it may stand."""
        if (struck := untimely(history)) is not None:
            note = f"{struck}; so this run was done again at a tenth of the time factor"
            return Tempo(self.ease * EASE, self.pace, note)
        found = crowded(history) if asked is None and self.pace is None else []
        if found:
            pace = min(_in_proportion(known.limit, baseline or history) for known in found)
            note = f"{found[0]}; so this run was done again with both divided by {pace:.3g}"
            ended = {str(number): outcome.error_type or "ok" for number, outcome in history.outcomes.items()}
            return Tempo(self.ease, pace, note, Paced(limit=found[0].limit, waits=found[0].waits, ended=ended))
        return None


def _in_proportion(limit: float, history: History) -> float:
    """What a limit can be divided by if what the run does besides waiting is to have its room in it."""
    return max(1.0, limit / max(LEAST, ROOM * lasted(history)))


@dataclass(frozen=True)
class Crowded:
    """A `limit` of one invocation, and the `waits` in it. In seconds, both as configured."""

    invocation: int
    limit: float
    waits: float

    def __str__(self) -> str:
        return f"waits of {self.waits:g} s within a limit of {self.limit:g} s"


def crowded(history: History) -> list[Crowded]:
    """The limits that waits may outlast, with what the run does besides, the shortest first."""
    within: dict[tuple[int, float], list[EngineWaited]] = defaultdict(list)
    for waited in history.of(EngineWaited):
        for limit in set(waited.limits):
            within[waited.invocation, limit].append(waited)
    busy = lasted(history)
    found = [Crowded(invocation, limit, _together(waits)) for (invocation, limit), waits in within.items()]
    return sorted((known for known in found if known.waits + busy >= NEAR * known.limit), key=lambda known: known.limit)


def _together(waits: list[EngineWaited]) -> float:
    """The seconds, as configured, of waits of which some are at the same time."""
    total, end = 0.0, 0.0
    for waited in waits:
        share = min(1.0, (waited.time + waited.effective - max(end, waited.time)) / (waited.effective or 1.0))
        total += waited.configured * max(0.0, share)
        end = max(end, waited.time + waited.effective)
    return round(total, 1)
