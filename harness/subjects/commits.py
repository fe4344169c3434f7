"""The commit seam: where an engine makes a result durable, and where crashes `between` and `after` strike.

A class and no `contextmanager`, because that takes three times as long and every unit goes through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.history import CommitEntered, CommitLeft

if TYPE_CHECKING:
    from harness.subjects.places import Unit
    from harness.subjects.probes import Probes


class Commit:
    """Surrounds the seam at which the engine makes the result of a unit durable. One that raises was not passed."""

    __slots__ = ("_probes", "_unit")

    def __init__(self, probes: Probes, unit: Unit) -> None:
        self._probes, self._unit = probes, unit

    def __enter__(self) -> None:
        probes, unit = self._probes, self._unit
        probes.journal.tell(CommitEntered, step=unit.step, unit=unit.key, invocation=probes.invocation)
        probes.strikes.at(unit.step, "between", crashes=True, only_crashes=True)

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is not None:
            return
        probes, unit = self._probes, self._unit
        probes.journal.tell(CommitLeft, step=unit.step, unit=unit.key, invocation=probes.invocation)
        probes.strikes.at(unit.step, "after")
        probes.settled.add(unit.step)
