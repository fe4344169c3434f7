"""What was said of tools and does not fit them: a policy with a typing mistake protects nothing, and nobody notices.

The arguments that the fault-free run was seen to give decide, because nothing else says what a key is looked up in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from harness.contract import ToolPolicy
from harness.errors import UsageError
from harness.history import Execution, History, StepEntered
from harness.scenario import Scenario
from harness.steps import StepId
from harness.typos import nearest


def idle(scenario: Scenario, history: History, others: Iterable[str] = ()) -> Iterator[str]:
    """A note for each tool of the scenario that the fault-free run never called, and that is none of `others`.

    A note and no error, because the same words may serve several scripts, and not every script calls every tool.
    """
    called = {name for step in history.steps if (name := StepId.parse(step).name)}
    own = {run.function for run in history.executions if run.function}
    names = sorted({*called, *own, *others})
    for tool in scenario.tools:
        if tool not in names:
            yield f"what may happen to {tool!r} was said, but the fault-free run never calls it{nearest(tool, names)}"


def refuse_lost_keys(scenario: Scenario, history: History) -> None:
    """Raise `UsageError` for the key of a tool that no call of it has a place for."""
    if lost := lost_key(scenario, history):
        raise UsageError(lost)


def lost_key(scenario: Scenario, history: History) -> str:
    """What is wrong with the first such key; empty if nothing is."""
    for tool, policy in scenario.tools.items():
        named = [run for run in history.executions if tool in (StepId.parse(run.step).name, run.function)]
        calls = [run for run in named if isinstance(run.entered, StepEntered)]  # a unit's arguments are not seen
        if calls and not any(policy.has_its_key(run.arguments) for run in calls):
            return _no_such_place(tool, policy, calls)
    return ""


def _no_such_place(tool: str, policy: ToolPolicy, calls: list[Execution]) -> str:
    places = sorted({place for run in calls for place in _places(run.arguments)})
    told = policy.without_place(tool, "no call of it in the fault-free run", places)
    return f"{told} (an optional argument has to be given by the script)"


def _places(arguments: Any, above: str = "") -> Iterator[str]:
    """The path of everything in the arguments that may be a key."""
    if isinstance(arguments, dict | list):
        items = arguments.items() if isinstance(arguments, dict) else enumerate(arguments)
        for name, value in items:
            yield from _places(value, f"{above}.{name}" if above else str(name))
    elif above:
        yield above
