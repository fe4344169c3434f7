"""Questions about a run that several requirements ask."""

from __future__ import annotations

from collections.abc import Iterator

from harness.conformance.lab import Lab
from harness.history import Execution, History
from harness.steps import StepId

OWN = frozenset({"model", "tool", "tools", "event"})
"""Kinds of step that an agent asks for; `step` and `run` are around them."""


def kind(step: str) -> str:
    """What kind of step this is."""
    return StepId.parse(step).kind


def bodies(history: History) -> list[Execution]:
    """Every body of a step that the agent asked for."""
    return [run for run in history.executions if kind(run.step) in OWN]


def counts(history: History) -> dict[str, int]:
    """How often the body of each step ran, by its full id."""
    return {step: len(runs) for step, runs in history.by_step.items() if kind(step) in OWN}


def recorded(lab: Lab) -> list[str]:
    """The steps of the plain agent whose results the engine keeps, as its own seam says."""
    return [step for step in lab.plain.steps if step in lab.baseline.recorded and kind(step) in OWN]


def targets(lab: Lab) -> list[str]:
    """A recorded step of each kind, not the first of its kind where there are several: what comes before must hold."""
    found: dict[str, str] = {}
    for step in recorded(lab):
        found[kind(step)] = step if kind(step) not in found or step.endswith("#2") else found[kind(step)]
    return list(found.values())


def ended_well(history: History, *, invocations: int = 1) -> Iterator[str]:
    """A sentence for each invocation that has no outcome, or a bad one."""
    for number in range(1, invocations + 1):
        outcome = history.outcomes.get(number)
        which = f"invocation {number}" if invocations > 1 else "the run"
        if outcome is None:
            yield f"{which} has no outcome"
        elif outcome.status != "ok":
            yield f"{which} failed with {outcome.error_type}: {outcome.error}"
