"""A copy of an existing agent that carries one more capability: how a bare agent is made durable without changing it.

pydantic-ai binds capabilities when an agent is built, and a subject is built already. So the end of `Agent.__init__` is
repeated on a copy, with private names that are all in this file. The copy shares tools, toolsets, instructions, output
validators and overrides with the original, so a tool that is registered later reaches both; it has its own name, its
own capabilities and its own state of being entered.
"""
# ruff: noqa: SLF001  the private names of `Agent` are what this file is for

from __future__ import annotations

import copy
import weakref
from importlib.metadata import version
from typing import Any, Literal

from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability, CombinedCapability
from pydantic_ai.toolsets import CombinedToolset

from harness.errors import InternalError, UsageError
from harness.subjects.naming import unwrapped
from harness.subjects.standins import written_model

EngineKind = Literal["dbos", "prefect", "temporal"]

_KINDS: tuple[EngineKind, ...] = ("dbos", "prefect", "temporal")
_FACTS = {
    "_cap_instructions", "_cap_model_settings", "_cap_native_tools", "_cap_toolsets", "_entered_count",
    "_entered_model_ids", "_entered_models_by_name", "_exit_stack", "_function_toolset", "_model", "_name",
    "_root_capability", "_selected_models",
}  # fmt: skip
"""Private attributes of `Agent` that `attach` sets or relies on, as pydantic-ai 2.59.0 has them."""
COMBINED = ("_collect_instructions", "_rebound")
"""Private methods of `CombinedCapability` that it calls."""


def attach(agent: Any, capability: AbstractCapability[Any], *, name: str) -> Any:
    """A copy of `agent`, called `name`, that carries `capability` as if it had been built with it.

    Raises what pydantic-ai raises if the two do not go together (a second durable engine, no model), `UsageError` for
    an agent that is no `pydantic_ai.Agent`, `InternalError` if this pydantic-ai builds its agents in another way.
    """
    if not isinstance(agent, Agent):
        raise UsageError(
            f"{type(agent).__qualname__} is no pydantic_ai.Agent, so no engine can be attached to it;"
            " name the agent inside it, or one that carries its engine already"
        )
    check(agent)
    bound = copy.copy(agent)
    bound.name = name
    _forget_entering(bound)
    _bind(bound, capability)
    _derive(bound)
    return bound


def check(agent: Agent[Any, Any]) -> None:
    """Check that this pydantic-ai builds agents the way this file repeats.

    Raises `UsageError` if it is too old for durable capabilities, `InternalError` if it does so differently.
    """
    if _durability() is None:
        raise UsageError(
            f"pydantic-ai {version('pydantic-ai-slim')} has no durable capabilities, so no engine can be attached to a"
            " bare agent; upgrade it, or name an agent that its author wrapped (`DBOSAgent(agent)`)"
        )
    missing = sorted(_FACTS - vars(agent).keys())
    missing += [name for name in COMBINED if not hasattr(CombinedCapability, name)]
    if missing:
        raise InternalError(
            f"pydantic-ai {version('pydantic-ai-slim')} builds its agents differently ({', '.join(missing)} not found),"
            " so no engine can be attached to one; 2.59.0 is known to work. Please report it"
        )


def durability_of(agent: Any) -> Any | None:
    """The durable capability that an agent, or the agent inside a wrapper, was built with. None for a bare agent."""
    kind = _durability()
    return kind.from_agent(unwrapped(agent)) if kind is not None else None


def engine_of(value: Any) -> EngineKind | None:
    """Which engine an agent was made for by its author: as a wrapper (`DBOSAgent`) or by a capability."""
    while True:
        for kind in (_kind(value), _kind(durability_of(value))):
            if kind is not None:
                return kind
        if (inner := getattr(value, "wrapped", None)) is None or inner is value:
            return None
        value = inner


def _durability() -> Any | None:
    """The class of all durable capabilities, None in a pydantic-ai that is older than it."""
    try:
        from pydantic_ai.durable_exec import BaseDurabilityCapability
    except ImportError:
        return None
    return BaseDurabilityCapability


def _kind(value: object) -> EngineKind | None:
    """By the module of the class or of one that it extends, so that no engine is imported to ask."""
    modules = [base.__module__ for base in type(value).__mro__]
    return next((k for k in _KINDS for module in modules if module.startswith(f"pydantic_ai.durable_exec.{k}")), None)


def _forget_entering(agent: Any) -> None:
    """The copy has not been entered, whatever the original is in the middle of."""
    vars(agent).pop("_enter_lock", None)
    agent._entered_count = 0
    agent._exit_stack = None
    agent._entered_model_ids = set()
    agent._entered_models_by_name = {}
    agent._selected_models = weakref.WeakValueDictionary()


def _bind(agent: Any, capability: AbstractCapability[Any]) -> None:
    """Add one capability and bind it alone: the others are bound already, and a durable one refuses to be bound twice.

    From here on the agent has the model that its author wrote: a model string crosses a durable boundary as such.
    """
    others = agent._root_capability
    _refuse_second_engine(agent, capability)
    root = CombinedCapability([*others.capabilities, capability])
    agent._root_capability = root
    inferred, agent._model = agent._model, written_model(agent._model)
    bound = [part.for_agent(agent) if part is capability else part for part in root.capabilities]
    agent._root_capability = root._rebound(bound)
    if not agent._root_capability.has_resolve_model_id:
        agent._model = inferred


def _refuse_second_engine(agent: Any, capability: AbstractCapability[Any]) -> None:
    present = durability_of(agent)
    if present is not None and getattr(capability, "_one_per_agent", None) is not None:
        raise UsageError(
            f"the agent {agent.name!r} carries {type(present).__name__} already, and an agent can have only one engine;"
            f" run it under {present.engine_name}, or name an agent without it"
        )


def _derive(agent: Any) -> None:
    """What `Agent.__init__` reads off its capabilities once they are bound, in its order."""
    root = agent._root_capability
    agent._cap_instructions = root._collect_instructions()
    agent._cap_native_tools = list(root.get_native_tools())
    agent._cap_model_settings = root.get_model_settings()
    CombinedToolset(agent.toolsets)  # checks the toolsets' ids, as the constructor does
