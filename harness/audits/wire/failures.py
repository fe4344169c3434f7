"""The classes of failure that can be made to happen: on the wire, or in the body of one step."""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import UsageError
from harness.faults import NO_FAULT, FaultPlan
from harness.retries.values import ON_THE_WIRE, Failure
from harness.steps import StepId

SUCCESS = "success"
"""Not a failure: the endpoint answers as a provider does."""
AT_THE_ENDPOINT: tuple[str, ...] = (*ON_THE_WIRE, Failure.INVALID_OUTPUT, SUCCESS)
"""What an endpoint can do. An output that no agent takes is an answer that says nothing."""
IN_A_BODY: tuple[str, ...] = (
    Failure.TOOL_EXCEPTION,
    Failure.USER_ERROR,
    Failure.MODEL_RETRY,
    Failure.VALIDATION,
    Failure.CRASH,
)
"""What happens in the body of a step, with a scripted model."""
FAILURES = (*AT_THE_ENDPOINT, *IN_A_BODY)
CUT_OFF = "requests cut off"
"""The observation that a life was ended because one request more than the limit was on its way."""
LET_THROUGH = "let through on this machine"
"""The observation that what is measured asked a server on this machine, where engines have theirs: it is not faked."""
UNREACHED = "nobody reached"
"""The observation that a host was asked that is no provider's, and that the guard keeps from being asked."""


def check(failure: str, step: str | None, limit: int) -> None:
    """Raise `UsageError` for what cannot be measured."""
    if failure not in FAILURES:
        raise UsageError(f"{failure!r} is no failure that can be made to happen; known are {', '.join(FAILURES)}")
    if failure in IN_A_BODY and step is None:
        raise UsageError(f"{failure!r} happens in the body of a step; say which, for example 'tool:charge#1'")
    if limit < 1:
        raise UsageError(f"a limit of {limit} allows no attempt at all; say 1 or more")


def plan(failure: str, step: str | None, limit: int, raises: str = "", *, early: bool = False) -> FaultPlan:
    """The faults that make a body fail `limit` times, with the exception `raises`. None on the wire, or without a step.

    A call that is made again because the tool asked for it has an id of its own. A process dies when the body is done,
    or `early`, when it begins.
    """
    if failure not in IN_A_BODY or step is None:
        return NO_FAULT
    return FaultPlan.parse(_faults(failure, step, limit, raises, "before" if early else "between"))


def calling(step: str | None) -> list[dict[str, str]] | None:
    """A script that calls the tool of this step and no other, which may fail before it; None if it is no tool's."""
    tool = StepId.parse(step) if step else None
    return [{"call": tool.name}, {"text": "done"}] if tool and tool.kind == "tool" and tool.name else None


_RAISED = {Failure.TOOL_EXCEPTION.value: "RuntimeError", Failure.USER_ERROR.value: "UserError"}
"""The errors with which a body fails, by the class of failure."""


def _faults(failure: str, step: str, limit: int, raises: str, dies: str) -> Iterable[str]:
    if failure == Failure.CRASH:
        return [f"{limit}*crash@{step}/{dies}"]
    if failure in _RAISED:
        return [f"{limit}*error({raises or _RAISED[failure]}: harness)@{step}"]
    calls = [f"{step}", *(f"{step}+{number}" for number in range(1, limit + 1))]
    raised = "pydantic.ValidationError" if failure == Failure.VALIDATION else "ModelRetry"
    return [f"{limit}*error({raised}: harness)@{call}" for call in calls]
