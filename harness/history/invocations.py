"""How a step is called when a scenario has several invocations, which all number their steps from one."""

from __future__ import annotations

from harness.steps import StepId


def spelled(step: str, invocation: int) -> str:
    """The id of a step of one of several invocations: `run#2.model#1`; the first invocation is left out."""
    if invocation == 1:
        return step
    return f"run#{invocation}" if step == "run" else f"run#{invocation}.{step}"


def located(step: str) -> tuple[int, str]:
    """The reverse of `spelled`: which invocation, and the step inside it."""
    head = StepId.parse(step).path[0]
    if head.kind != "run" or head.number == 1:
        return 1, step
    return head.number, step.partition(".")[2] or "run"
