"""A workflow class of the person's own: what it needs around it to run, as its author's worker would give it.

Besides its activities that is the other workflows of its module: it may ask for them as its children.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.durable_exec.temporal import TemporalDurability
from temporalio.common import RetryPolicy

from harness.subjects.attach import engine_of
from harness.subjects.importing import is_own_class
from harness.subjects.objects import object_of

if TYPE_CHECKING:
    from harness.engines.temporal.interceptors import Watch

FIRST_INTERVAL = RetryPolicy().initial_interval.total_seconds()
_WORKFLOW = "__temporal_workflow_definition"
_ACTIVITY = "__temporal_activity_definition"


def is_workflow(value: Any) -> bool:
    """Whether `value` is a class decorated with `@workflow.defn`. A class that only inherits from one is none."""
    return isinstance(value, type) and getattr(vars(value).get(_WORKFLOW), "cls", None) is value


def is_activity(value: Any) -> bool:
    """Whether `value` is decorated with `@activity.defn`."""
    return definition(value) is not None


def definition(value: Any) -> Any:
    """What Temporal keeps of an activity, one for a method however it is named; None of what is no activity."""
    return getattr(value, _ACTIVITY, None)


def activity_name(value: Any) -> str:
    """What Temporal calls an activity; empty if it serves any name."""
    return definition(value).name or ""


def workflow_run_by(value: Any) -> str | None:
    """What Temporal calls the workflow whose own function this is, empty if it serves any name; None if it is none."""
    known = getattr(value, _WORKFLOW, None) if inspect.isroutine(value) else None
    return None if known is None else known.name or ""


def workflows_beside(kind: type) -> list[type]:
    """The other workflow classes that the module of a workflow holds: its author's worker has them.

    One that names an agent which another names already is none of them: a worker takes each activity only once.
    """
    found, named = [kind], set(map(id, _named(kind)))
    for one in _held_beside(kind):
        if is_workflow(one) and one not in found and named.isdisjoint(map(id, _named(one))):
            found.append(one)
            named.update(map(id, _named(one)))
    return found[1:]


def activities_beside(*kinds: type) -> list[Callable[..., Any]]:
    """The activities that the modules of workflows hold, and those of their agents: their author's worker has them.

    Those of agents that the classes themselves name, in `__pydantic_ai_agents__`, are registered by pydantic-ai.
    """
    named = {id(agent) for kind in kinds for agent in _named(kind)}
    own = [one for one in _held_beside(*kinds) if is_activity(one) and not isinstance(one, type)]
    held = {one if isinstance(one, type) else type(one) for one in _held_beside(*kinds)}
    own += [method for one in held if is_own_class(one) for method in _methods(one)]
    theirs = [one for agent in agents_beside(*kinds) if id(agent) not in named for one in activities_of(agent)]
    return list({id(definition(one)): one for one in (*own, *theirs)}.values())


def agents_beside(*kinds: type) -> list[Any]:
    """The agents in workflows' modules that were made durable for Temporal, by whatever name they are there."""
    held = {id(one): one for one in _held_beside(*kinds) if isinstance(one, AbstractAgent)}
    return [agent for agent in held.values() if engine_of(agent) == "temporal"]


def agents_of(*kinds: type) -> list[Any]:
    """Every agent of workflows: those that they name, and those beside them."""
    every = [*(agent for kind in kinds for agent in _named(kind)), *agents_beside(*kinds)]
    return list({id(agent): agent for agent in every}.values())


def _methods(kind: type) -> Iterator[Callable[..., Any]]:
    """The activities that are methods of a class, or what it makes, where modules hold one object of it."""
    names = [name for name, member in inspect.getmembers_static(kind) if is_activity(member)]
    if (names or is_activity(kind)) and (found := object_of(kind)) is not None:
        yield from (getattr(found, name) for name in names)
        yield from (found,) if is_activity(kind) else ()


def _held_beside(*kinds: type) -> Iterator[Any]:
    for module in dict.fromkeys(kind.__module__ for kind in kinds):
        yield from vars(sys.modules[module]).values()


def activities_of(agent: Any) -> list[Callable[..., Any]]:
    """What a worker has to serve for an agent: what `AgentPlugin(agent)` gives it."""
    durable = agent if hasattr(agent, "temporal_activities") else TemporalDurability.from_agent(agent)
    return list(durable.temporal_activities) if durable is not None else []


def _named(kind: type) -> Sequence[Any]:
    """The agents that a workflow class names itself."""
    agents: Sequence[Any] = getattr(kind, "__pydantic_ai_agents__", ())
    return agents


def ends(options: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """How to start a workflow that is retried and ended as the options say: they stand for what its caller says."""
    said: dict[str, Any] = {}
    if (attempts := options.get("workflow_attempts")) is not None:
        interval = timedelta(seconds=watch.clock.wait(FIRST_INTERVAL))
        said["retry_policy"] = RetryPolicy(initial_interval=interval, maximum_attempts=attempts)
    if (seconds := options.get("workflow_timeout")) is not None:
        said["execution_timeout"] = watch.whole(timedelta(seconds=seconds))
    return said
