"""Durable states: what an engine had on record when a fault struck, seen in a history.

Two examples that crash at the same step with the same records test the same thing, whatever their texts are. How many
different (state, fault) pairs were reached is therefore what coverage means here, and what a search should raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.history import CommitLeft, FaultFired, History, StepEntered, StepLeft, spelled

Pair = tuple[frozenset[str], frozenset[str], str]
"""Steps on record, steps in flight, and the fault that struck then."""


def pairs(history: History) -> Iterator[Pair]:
    """The (durable state, fault) pairs of a run, one for each fault that struck."""
    recorded: set[str] = set()
    flying: set[str] = set()
    for event in history:
        match event:
            case CommitLeft():
                recorded.add(_place(event))
            case StepEntered():
                flying.add(_place(event))
            case StepLeft():
                flying.discard(_place(event))
            case FaultFired():
                yield frozenset(recorded), frozenset(flying), event.fault
                flying.clear()


def depth(history: History) -> int:
    """How much was at stake when faults struck: what was on record and in flight, summed over the faults."""
    return sum(len(recorded) + len(flying) for recorded, flying, _fault in pairs(history))


def _place(event: Any) -> str:
    return spelled(event.step, event.invocation)
