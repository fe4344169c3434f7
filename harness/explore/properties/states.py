"""Durable states: what an engine had on record when a fault struck, seen in a history.

Two examples that crash at the same step with the same records test the same thing, whatever their texts are. How many
different (state, fault) pairs were reached is therefore what coverage means here, and what a search should raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.faults import Fault, FaultPlan
from harness.history import CommitLeft, Event, FaultFired, History, StepEntered, StepLeft, spelled

Pair = tuple[frozenset[str], frozenset[str], str]
"""Steps on record, steps in flight, and the fault that struck then."""

_LAST = {"before": StepEntered, "between": StepLeft, "after": CommitLeft}
"""The event of a step beside which a fault in this window strikes."""


class _State:
    """What is on record and what is in flight while a history is read."""

    def __init__(self) -> None:
        self.recorded: set[str] = set()
        self.flying: set[str] = set()

    def take(self, event: Event) -> None:
        match event:
            case CommitLeft():
                self.recorded.add(_place(event))
            case StepEntered():
                self.flying.add(_place(event))
            case StepLeft():
                self.flying.discard(_place(event))

    def under(self, fault: str) -> Pair:
        return frozenset(self.recorded), frozenset(self.flying), fault


def pairs(history: History) -> Iterator[Pair]:
    """The (durable state, fault) pairs of a run, one for each fault that struck."""
    state = _State()
    for event in history:
        state.take(event)
        if isinstance(event, FaultFired):
            yield state.under(event.fault)
            state.flying.clear()


def expected(history: History, plan: FaultPlan) -> Iterator[Pair]:
    """The pairs that a run under `plan` should come to, by a fault-free history of it."""
    for fault in plan.faults:
        yield _when(history, fault).under(str(fault))


def _when(history: History, fault: Fault) -> _State:
    state = _State()
    for event in history:
        here = isinstance(event, _LAST[fault.window]) and _place(event) == fault.step
        if here and fault.window == "before":
            break
        state.take(event)
        if here:
            break
    return state


def _place(event: Any) -> str:
    return spelled(event.step, event.invocation)
