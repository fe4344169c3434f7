"""A workflow class of the person's own: what it needs around it to run, as its author's worker would give it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.durable_exec.temporal import TemporalDurability
from temporalio.common import RetryPolicy

from harness.subjects.attach import engine_of

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
    return hasattr(value, _ACTIVITY)


def activities_beside(kind: type) -> list[Callable[..., Any]]:
    """The activities that the module of a workflow holds, and those of its agents: its author's worker has them.

    Those of agents that the class itself names, in `__pydantic_ai_agents__`, are registered by pydantic-ai.
    """
    own = [one for one in vars(sys.modules[kind.__module__]).values() if is_activity(one)]
    theirs = [one for agent in agents_beside(kind) if not _is_named(kind, agent) for one in activities_of(agent)]
    return list({id(one): one for one in (*own, *theirs)}.values())


def agents_beside(kind: type) -> list[Any]:
    """The agents in the workflow's module that were made durable for Temporal, by whatever name they are there."""
    held = {id(one): one for one in vars(sys.modules[kind.__module__]).values() if isinstance(one, AbstractAgent)}
    return [agent for agent in held.values() if engine_of(agent) == "temporal"]


def activities_of(agent: Any) -> list[Callable[..., Any]]:
    """What a worker has to serve for an agent: what `AgentPlugin(agent)` gives it."""
    durable = agent if hasattr(agent, "temporal_activities") else TemporalDurability.from_agent(agent)
    return list(durable.temporal_activities) if durable is not None else []


def _is_named(kind: type, agent: Any) -> bool:
    return any(agent is named for named in getattr(kind, "__pydantic_ai_agents__", ()))


def ends(options: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """How to start a workflow that is retried and ended as the options say: they stand for what its caller says."""
    said: dict[str, Any] = {}
    if (attempts := options.get("workflow_attempts")) is not None:
        interval = timedelta(seconds=watch.clock.wait(FIRST_INTERVAL))
        said["retry_policy"] = RetryPolicy(initial_interval=interval, maximum_attempts=attempts)
    if (seconds := options.get("workflow_timeout")) is not None:
        said["execution_timeout"] = watch.whole(timedelta(seconds=seconds))
    return said
