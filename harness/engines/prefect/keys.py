"""Whether what a task kept is found again: the policy that makes its key is asked, twice, with inputs that are equal.

Prefect makes the key of what JSON can say of a task's inputs. Where it cannot, all of them are pickled, and a pickle
also says which of them are one and the same object. A flow that is retried has others, which were read from what was
kept: equal ones with another key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from pydantic_ai import RunContext, RunUsage, ToolDefinition
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.test import TestModel

from harness.retries.live import Unit
from harness.subjects.toolsets import functions


def strays(task: Any, agent: Any, unit: Unit, deps: Callable[[], Any]) -> str:
    """What keeps a task of an agent's from finding what it kept, when its flow is retried; empty if nothing does.

    A policy that has no such key for the plainest inputs, or none at all, is left alone: it may look at anything. So is
    a handler of events, which is given neither tools nor, by the old wrapper, deps.
    """
    if unit.kind == "event" or not _is_of_values(task, _context(None)):
        return ""
    for name, inputs in _given(agent, unit):
        if not _is_of_values(task, inputs):
            return f"the metadata of tool {name}"
    return "" if _is_of_values(task, _context(deps())) else "the deps"


def _given(agent: Any, unit: Unit) -> Iterator[tuple[str, Any]]:
    """What a task is given that tools say: a tool's own definition, or those of all tools that the model may call."""
    if unit.kind == "tool":
        yield unit.name, ToolDefinition(name=unit.name, metadata=unit.metadata)
    elif unit.kind == "model":
        for toolset in functions(agent):
            for name, tool in toolset.tools.items():
                yield name, ModelRequestParameters(function_tools=[ToolDefinition(name=name, metadata=tool.metadata)])


def _context(deps: Any) -> RunContext[Any]:
    return RunContext(deps=deps, model=TestModel(), usage=RunUsage())


def _is_of_values(task: Any, given: Any) -> bool:
    """Whether a task's key is the same for two equal texts as for one text twice, beside what it is `given`."""
    context = SimpleNamespace(task=task, task_run=SimpleNamespace(id="harness", flow_run_id="harness"))
    one, other = ("".join(["har", "ness"]) for _ in range(2))
    try:
        keys = {task.cache_policy.compute_key(context, {"args": (one, two, given)}, {}) for two in (one, other)}
    except Exception:  # noqa: BLE001  Prefect keeps nothing where no key can be made
        return False
    return len(keys) == 1 and None not in keys
