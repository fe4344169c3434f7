"""Strategies for fault plans, ordered so that what Hypothesis shrinks to is what a person would try first.

Hypothesis prefers fewer choices, then smaller ones, the earlier ones first. So the number of faults is drawn first,
then where each strikes (0 is the first step), then what it does (0 is the first window of a crash).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from harness.checks import Baseline
from harness.errors import UsageError
from harness.explore.properties.asked import at_least, base, names, plainly
from harness.explore.properties.trials import fair
from harness.faults import ACTIONS, Fault, FaultPlan, Window, can_strike
from harness.history import History
from harness.steps import StepId

ARGUMENTS = {"error": "503", "delay": "100ms", "slow": "100ms"}
"""What an action that needs an argument is given."""


@dataclass(frozen=True)
class Strike:
    """What goes wrong, without the step: an action in one of its windows."""

    action: str
    window: Window

    def at(self, step: str, *, recorded: bool, incarnation: int) -> Fault:
        """The fault at a step. Where the engine records nothing, `between` and `after` are one moment."""
        window: Window = "between" if self.window == "after" and not recorded else self.window
        return Fault(self.action, step, window, ARGUMENTS.get(self.action), incarnation=incarnation)


def strikes(actions: Sequence[str] | str = ("crash",)) -> tuple[Strike, ...]:
    """Every action in each of its windows, in this order. Raises `UsageError` for none, or one that does not exist."""
    named = names("actions", actions)
    unknown = [action for action in named if action not in ACTIONS]
    if unknown:
        raise UsageError(f"there is no action {unknown[0]!r}; known are {', '.join(ACTIONS)}")
    return tuple(Strike(action, window) for action in named for window in ACTIONS[action].windows)


@plainly
def fault_plans(
    known: Any,
    *,
    engine: str = "journal",
    max_faults: int = 2,
    actions: Sequence[str] | str = ("crash",),
    **given: Any,
) -> st.SearchStrategy[FaultPlan]:
    """Plans of one to `max_faults` faults at the steps of a fault-free run.

    `known` is that run (a `Baseline` or a `History`), or a subject, which is then run once under `engine` (`given` are
    other fields of its scenario: `script`, `deps`, …). The second fault is armed in the second life, the third in the
    third: a plan whose fault never happens tested nothing, and `survives` discards it. Raises `UsageError` for
    arguments that make no sense.
    """
    kinds, most = strikes(actions), at_least(1, "max_faults", max_faults)
    if isinstance(known, Baseline | History):
        return _plans(known.history if isinstance(known, Baseline) else known, kinds, most)
    scenario = base(known, engine, given, drawn=["faults"])
    return st.deferred(plainly(lambda: _plans(fair(scenario).history, kinds, most)))


@st.composite
def _plans(draw: st.DrawFn, history: History, kinds: tuple[Strike, ...], most: int) -> FaultPlan:
    steps = [step for step in in_order(history) if any(can_strike(kind.action, step) for kind in kinds)]
    recorded = history.recorded_steps()
    number = draw(st.integers(1, most))
    at, faults = 0, []
    for life in range(1, number + 1):
        at = draw(st.integers(at, len(steps) - 1))
        fitting = [kind for kind in kinds if can_strike(kind.action, steps[at])]
        kind = fitting[draw(st.integers(0, len(fitting) - 1))]
        faults.append(kind.at(steps[at], recorded=steps[at] in recorded, incarnation=life))
    return FaultPlan(tuple(faults))


def in_order(history: History) -> list[str]:
    """The steps in the order of their ends: a run, whose body is around all others, comes last."""
    return sorted(history.steps, key=lambda step: StepId.parse(step).path[-1].kind == "run")


Point = tuple[str, Strike]
"""A step, and what can go wrong there."""


def points(history: History, kinds: Sequence[Strike]) -> list[Point]:
    """Everything that can go wrong in a run, in the order of time."""
    recorded = history.recorded_steps()
    return [
        (step, kind)
        for step in in_order(history)
        for kind in kinds
        if can_strike(kind.action, step) and (step in recorded or (kind.action, kind.window) != _NOWHERE)
    ]


_NOWHERE = ("crash", "after")
"""Where nothing is recorded, there is no moment after the record."""
