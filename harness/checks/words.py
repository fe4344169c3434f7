"""The phrases that findings are made of, so that every check tells the same story in the same words."""

from __future__ import annotations

from harness.checks.base import place
from harness.faults import Fault
from harness.history import Event, Execution, History, ProcessEnded
from harness.steps import StepId

_COUNTS = {1: "once", 2: "twice"}


def times(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return _COUNTS.get(count, f"{count} times")


def one(unit: str) -> str:
    """`a step`, `a unit`, `an entry`."""
    return f"{'an' if unit[:1] in 'aeio' else 'a'} {unit}"


def plural(unit: str) -> str:
    """`steps`, `entries`."""
    return f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"


def titled(step: str) -> str:
    """What a person calls a step: a tool by its name, the rest by their id as faults spell it, so not by an event's."""
    last = StepId.parse(step)
    return f"`{last.name}`" if last.kind == "tool" and last.name else f"`{step}`"


def body_of(execution: Execution) -> str:
    """The bare name of what ran, for a remedy: an output function by its own, whatever the model calls it."""
    return execution.function or tool_of(place(execution))


def titled_body(execution: Execution) -> str:
    """What a person calls the step of what ran: an output function by its own name."""
    return f"`{execution.function}`" if execution.function else titled(place(execution))


def tool_of(step: str) -> str:
    """The bare name for a remedy: `charge`."""
    return StepId.parse(step).name or step


def asked_alike(step: str, unit: str) -> str:
    """The remedy for a workflow of the person's own that asks for another thing in each life."""
    return (
        f"ask for {titled(step)} in the same way in every life: make what varies in {one(unit)} of its own, whose"
        " result is kept, or derive it from what stays the same"
    )


def life(execution: Execution) -> str:
    """`life 1`: which incarnation a body ran in."""
    return f"life {execution.incarnation}"


def between(history: History, earlier: Event, later: Event) -> str:
    """What ended the earlier life, as a clause: `the process died at model#2/before`."""
    if (earlier.incarnation, earlier.pid) == (later.incarnation, later.pid):
        return "the same process went on"
    if earlier.incarnation > later.incarnation:
        return "the process that had stood still went on"
    since = [event for event in history if earlier.seq < event.seq < later.seq]
    crashes = [fired for fired in history.fired if earlier.seq < fired.seq < later.seq and is_crash(fired.fault)]
    if crashes:
        return f"the process died at {crashes[0].step}/{crashes[0].window}"
    ends = [event for event in since if isinstance(event, ProcessEnded)]
    if not ends:
        return "another process took the run while the first still lived"
    reasons = {"hang": "the process hung and was ended", "exit": "the process ended", "death": "the process was killed"}
    return reasons.get(ends[0].cause, "the process died")


def is_crash(fault: str) -> bool:
    """Whether a fault, by its spelling, kills the process."""
    parsed = Fault.parse(fault)
    return parsed.action == "crash" and parsed.argument is None


def lines(*events: Event | None) -> tuple[int, ...]:
    """The journal lines that a finding rests on."""
    return tuple(sorted({event.seq for event in events if event is not None}))


def evidence(*executions: Execution) -> tuple[int, ...]:
    """The journal lines of some bodies: entered, left, committed."""
    parts = (part for run in executions for part in (run.entered, run.left, run.commit_entered, run.commit_left))
    return lines(*parts)
