"""Timeouts that struck only because times are divided here: whoever reports them tells of the harness, not of the run.

A body is one of theirs if a timeout around it is shorter than it was configured, if it lasted as long as that or was
cut off on the way, and if neither a fault nor a wait held it up. That is known from the probes alone, so it is the
same for every engine.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.base import place
from harness.faults import LATE, Fault
from harness.history import (
    EngineWaited,
    Event,
    Execution,
    FaultFired,
    History,
    Outcome,
    ProcessEnded,
    StepEntered,
    UnitEntered,
)
from harness.steps import StepId

CUT_OFF = 0.5
"""Which part of its time a body has had at least that was cut off: an engine's clock starts before the body does."""


@dataclass(frozen=True)
class Untimely:
    """A body that a timeout of `effective` seconds gave up, which are `configured` ones in real time."""

    step: str
    configured: float
    effective: float

    def __str__(self) -> str:
        return (
            f"`{self.step}` was given up after {self.effective:.3g} s, which stand for the {self.configured:g} s that"
            " were configured, and no fault explains it"
        )


def untimely(history: History) -> Untimely | None:
    """The first body that a scaled timeout gave up although nothing held it up, None if there is none."""
    entered: list[StepEntered | UnitEntered] = [*history.of(StepEntered), *history.of(UnitEntered)]
    if not any(event.effective for event in entered):
        return None
    if any(_stops_everything(Fault.parse(fired.fault)) for fired in history.fired):
        return None
    return next((found for run in history.executions if (found := _given_up(history, run)) is not None), None)


def _stops_everything(fault: Fault) -> bool:
    """Whether bodies may be late anywhere because of a fault: no server answers, or the whole process stands still."""
    return fault.action == "duplicate" or fault.argument == "server"


def _given_up(history: History, run: Execution) -> Untimely | None:
    entered = run.entered
    known = zip(entered.limits, entered.effective, strict=False)  # none are effective where none were scaled
    scaled = [(configured, effective) for configured, effective in known if effective < configured]
    if not scaled:
        return None
    configured, effective = min(scaled, key=lambda limit: limit[1])
    cut_off, end = _end(history, run)
    lasted = end.time - _start(history, run).time
    if lasted < effective * (CUT_OFF if cut_off else 1.0) or _is_explained(history, run, end):
        return None
    if _waited(history, run, configured) >= CUT_OFF * configured:
        return None
    return Untimely(place(run), configured, effective)


def _start(history: History, run: Execution) -> Event:
    """What is late as a whole began with its first body: a deadline may outlast a crash."""
    return history.by_step[place(run)][0].entered if _is_run(run) else run.entered


def _end(history: History, run: Execution) -> tuple[bool, Event]:
    """When nobody waited for a body any more, and whether it was cut off there.

    One whose unit was opened again before it was recorded was given up by then, even if it had returned.
    """
    left, later = run.left, _later(history, run)
    if left is not None and left.outcome != "ok":
        return (left.error or "").startswith("CancelledError"), left
    again = [event for event in later if isinstance(event, type(run.entered)) and event.step == run.step]
    if left is not None:
        return (True, again[0]) if again and run.entered.unit and not run.recorded else (False, left)
    if over := [*again, *(event for event in later if isinstance(event, Outcome))]:
        return True, min(over, key=lambda event: event.seq)
    return False, next((event for event in later if isinstance(event, ProcessEnded)), history.events[-1])


def _later(history: History, run: Execution) -> list[Event]:
    """What came after the beginning of a body in the same life."""
    entered = run.entered
    return [
        event
        for event in history
        if event.seq > entered.seq and (event.incarnation, event.invocation) == (run.incarnation, entered.invocation)
    ]


def _is_explained(history: History, run: Execution, end: Event) -> bool:
    """Whether a fault held this body up, perhaps before it began, or something inside it; or took what it returned."""
    before = [one.entered.seq for one in history.by_step[place(run)] if one.entered.seq < run.entered.seq]
    since, left = max(before, default=-1), run.left.seq if run.left else end.seq
    return any(
        since < fired.seq < end.seq
        and _is_in(fired, run)
        and (fired.seq > left or Fault.parse(fired.fault).action in LATE)
        for fired in history.fired
    )


def _waited(history: History, run: Execution, limit: float) -> float:
    """The seconds, as configured, that the engine waited for within a limit around a body."""
    known = [waited for waited in history.of(EngineWaited) if waited.invocation == run.entered.invocation]
    return sum(waited.configured for waited in known if limit in waited.limits)


def _is_in(fired: FaultFired, run: Execution) -> bool:
    if fired.invocation != run.entered.invocation:
        return False
    return _is_run(run) or fired.step == place(run) or fired.step.startswith(f"{place(run)}.")


def _is_run(run: Execution) -> bool:
    return StepId.parse(run.step).path[-1].kind == "run"
