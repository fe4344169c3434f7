"""How fast the times of a run pass, and why one that has ended is done again at another pace.

Timeouts and waits are divided so that nobody waits for them in full. Two things may go wrong with that, and are seen in
what the run has left: a timeout that strikes only here, and a wait that outlasts a limit around it only in production.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.checks.untimely import untimely
from harness.checks.waits import crowded
from harness.history import EngineWaited
from harness.subjects.clock import EASE, ROOM, Clock, lasted, learned

if TYPE_CHECKING:
    from harness.history import History


LEAST = 5.0
"""Seconds that a limit keeps which waits may outlast: engines notice up to a second late that one has passed."""


@dataclass(frozen=True)
class Tempo:
    """The tempo of one run: `ease` and `pace` are those of `subjects.clock.Clock`; `note`: why it is done again."""

    ease: float = 1.0
    pace: float | None = None
    note: str = ""

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
            return Tempo(self.ease, pace, f"{found[0]}; so this run was done again with both divided by {pace:.3g}")
        return None


def _in_proportion(limit: float, history: History) -> float:
    """What a limit can be divided by if what the run does besides waiting is to have its room in it."""
    busy = lasted(history) - sum(waited.effective for waited in history.of(EngineWaited))
    return max(1.0, limit / max(LEAST, ROOM * busy))
