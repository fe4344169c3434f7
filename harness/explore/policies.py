"""What was said of tools that never ran: a policy with a typing mistake protects nothing, and nobody notices."""

from __future__ import annotations

from collections.abc import Iterator

from harness.history import History
from harness.scenario import Scenario
from harness.steps import StepId
from harness.subjects.script import nearest


def idle(scenario: Scenario, history: History) -> Iterator[str]:
    """A note for each tool of the scenario that the fault-free run never called.

    A note and no error, because the same words may serve several scripts, and not every script calls every tool.
    """
    names = sorted({name for step in history.steps if (name := StepId.parse(step).name)})
    for tool in scenario.tools:
        if tool not in names:
            yield f"what may happen to {tool!r} was said, but the fault-free run never calls it{nearest(tool, names)}"
