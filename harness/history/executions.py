"""From events to executions: which of a journal's lines tell of the same run of a body.

Facts and testimony are joined by `unit`, the key that the engine itself gave the unit when its body was entered;
never by name, order or clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.history.events import (
    CommitEntered,
    CommitLeft,
    Event,
    FaultFired,
    StepEntered,
    StepLeft,
    UnitEntered,
    UnitLeft,
)
from harness.history.invocations import spelled


@dataclass(frozen=True)
class Execution:
    """One time that a body ran: its events, as far as it got."""

    entered: StepEntered | UnitEntered
    left: StepLeft | UnitLeft | None
    commit_entered: CommitEntered | None
    commit_left: CommitLeft | None

    @property
    def step(self) -> str:
        return self.entered.step

    @property
    def function(self) -> str | None:
        """What a person calls an output function, where its step is called otherwise."""
        return self.entered.function if isinstance(self.entered, StepEntered) else None

    @property
    def incarnation(self) -> int:
        return self.entered.incarnation

    @property
    def finished(self) -> bool:
        """The body returned before its process died."""
        return self.left is not None and self.left.outcome == "ok"

    @property
    def recorded(self) -> bool:
        """The engine said that it had made the result durable."""
        return self.commit_left is not None

    @property
    def arguments(self) -> Any:
        return self.entered.arguments if isinstance(self.entered, StepEntered) else None


class _Open:
    """The events of one execution while the journal is being read."""

    def __init__(self, entered: StepEntered | UnitEntered) -> None:
        self.entered = entered
        self.left: StepLeft | UnitLeft | None = None
        self.commit_entered: CommitEntered | None = None
        self.commit_left: CommitLeft | None = None
        self.claimed = False

    def close(self) -> Execution:
        return Execution(self.entered, self.left, self.commit_entered, self.commit_left)


def executions(events: tuple[Event, ...]) -> Iterator[Execution]:
    """Join events into executions. A unit that records another step is that step's execution, not one of its own."""
    bodies = _Bodies()
    for event in events:
        bodies.take(event)
    # A unit that died before the step in it was entered is known by its key, once another life enters that step.
    entered = [event for event in events if isinstance(event, StepEntered)]
    claimed = {(event.invocation, unit) for event in entered for unit in (event.unit, event.within) if unit}
    for opened in bodies.all:
        unit = opened.entered
        if isinstance(unit, UnitEntered) and (opened.claimed or (unit.invocation, unit.unit) in claimed):
            continue
        yield opened.close()


class _Bodies:
    """Finds the body that an event belongs to, per process: nothing that one process began is finished by another."""

    def __init__(self) -> None:
        self.all: list[_Open] = []
        self._steps: dict[tuple[Any, ...], _Open] = {}
        self._units: dict[tuple[Any, ...], _Open] = {}

    def take(self, event: Event) -> None:
        place = (event.pid, event.incarnation, event.invocation)
        match event:
            case StepEntered():
                if event.unit is not None and (unit := self._units.get((*place, event.unit))):
                    unit.claimed = True
                self._steps[(*place, event.step)] = self._steps[(*place, event.step, event.attempt)] = self._open(event)
            case UnitEntered():
                self._units[(*place, event.unit)] = self._open(event)
            case StepLeft():
                # An attempt that was given up may return after the next one has begun.
                known = self._steps.get((*place, event.step, event.attempt)) or self._steps.get((*place, event.step))
                if known is not None:
                    known.left = event
            case UnitLeft() if unit := self._units.get((*place, event.unit)):
                unit.left, unit.claimed = event, unit.claimed or event.claimed
            case FaultFired(window="before"):
                self._struck(place, event)
            case CommitEntered() | CommitLeft():
                self._commit(place, event)

    def _struck(self, place: tuple[Any, ...], fired: FaultFired) -> None:
        """A fault before a body, in a unit that was just opened for it: the unit is that step's, which never began."""
        waiting = [
            unit for key, unit in self._units.items() if key[:3] == place and unit.left is None and not unit.claimed
        ]
        latest = max(waiting, key=lambda unit: unit.entered.seq, default=None)
        if latest is not None and spelled(latest.entered.step, fired.invocation) != fired.step:
            latest.claimed = True

    def _open(self, entered: StepEntered | UnitEntered) -> _Open:
        self.all.append(opened := _Open(entered))
        return opened

    def _commit(self, place: tuple[Any, ...], event: CommitEntered | CommitLeft) -> None:
        for known in (self._steps.get((*place, event.step)), self._units.get((*place, event.unit))):
            if known is None:
                continue
            if isinstance(event, CommitEntered):
                known.commit_entered = event
            else:
                known.commit_left = event
