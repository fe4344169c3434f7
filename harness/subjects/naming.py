"""Names for agents that have none: the variables that hold them.

Engines name their units after the agent, and a script has one conversation per agent, so every agent needs a name that
is the same in every incarnation. pydantic-ai would otherwise guess one from the frame that first runs the agent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from pydantic_ai.agent import AbstractAgent, WrapperAgent

_NOT_THEIRS = {"pydantic_ai", "pydantic", "pydantic_core", "harness", *sys.stdlib_module_names} - {"__main__"}
"""Packages that hold no agent of the person's, and are not looked through: that would touch half of the memory."""


def agents_in(module: ModuleType) -> dict[str, Any]:
    """The agents that a module holds, by the names of the variables, in the module's own order."""
    # By type, because `isinstance` asks the object for its class, and lazy modules import things to answer.
    return {name: value for name, value in dict(vars(module)).items() if AbstractAgent in type(value).__mro__}


def agent_names(module: ModuleType | None = None) -> dict[int, str]:
    """The name of every agent that a loaded module holds, by `id`: its own, else that of its variable.

    In the package of `module` (the subject's), dictionaries, lists and classes may hold agents too.
    Variables of `module` come first, then those of modules in the order of their names. A variable's
    name that another agent has already is preceded by the name of its module.
    """
    return _names(list(_held(module)))


def give_names(module: ModuleType | None = None) -> dict[int, str]:
    """Name every nameless agent that a loaded module holds, and return all names as `agent_names` does."""
    held = list(_held(module))
    names = _names(held)
    for _, _, agent in held:
        if unwrapped(agent).name is None:
            unwrapped(agent).name = names[id(agent)]
    return names


def agents_around(module: ModuleType) -> list[Any]:
    """The agents that a module and the others of its package hold, each once, without their wrappers."""
    near = [agent for where, _, agent in _held(module) if _package(where) == _package(module.__name__)]
    return list({id(inner): inner for inner in map(unwrapped, near)}.values())


def _names(held: Sequence[tuple[str, str, Any]]) -> dict[int, str]:
    names: dict[int, str] = {}
    taken = {agent.name for _, _, agent in held if agent.name}
    for where, variable, agent in held:
        inner = unwrapped(agent)
        if id(inner) not in names:
            names[id(inner)] = agent.name or inner.name or _free(variable, where, taken)
            taken.add(names[id(inner)])
        names[id(agent)] = names[id(inner)]
    return names


def unwrapped(agent: Any) -> Any:
    """The agent inside wrappers such as `DBOSAgent`."""
    while isinstance(agent, WrapperAgent):
        agent = agent.wrapped
    return agent


def _held(first: ModuleType | None) -> Iterator[tuple[str, str, Any]]:
    """Every module, variable and agent. A variable called `_` or the like is nobody's name for anything."""
    loaded: dict[str, Any] = dict(sys.modules)
    modules = {name: module for name, module in loaded.items() if isinstance(module, ModuleType)}
    theirs = sorted(name for name in modules if _package(name) not in _NOT_THEIRS)
    ordered = [*([first] if first else []), *(modules[name] for name in theirs if modules[name] is not first)]
    for module in ordered:
        for variable, agent in agents_in(module).items():
            if variable.strip("_"):
                yield module.__name__, variable, agent
    for module in ordered:
        if first is not None and _package(module.__name__) == _package(first.__name__):
            yield from _kept(module)


def _kept(module: ModuleType) -> Iterator[tuple[str, str, Any]]:
    """Agents in a module's dictionaries, lists and classes: looked for in the subject's own package only."""
    for variable, value in dict(vars(module)).items():
        for key, agent in _items(value, module):
            if AbstractAgent in type(agent).__mro__:
                named = isinstance(key, str) and key.isidentifier()
                yield module.__name__, key if named else re.sub(r"\W", "_", f"{variable}_{key}"), agent


def _items(value: Any, module: ModuleType) -> Iterable[tuple[Any, Any]]:
    if type(value) is dict and value is not vars(module).get("__builtins__"):
        return list(value.items())
    if type(value) in (list, tuple):
        return enumerate(value)
    own_class = isinstance(value, type) and value.__module__ == module.__name__
    return list(vars(value).items()) if own_class else ()


def _package(module: str) -> str:
    return module.partition(".")[0]


def _free(variable: str, module: str, taken: set[str]) -> str:
    candidates = [variable, f"{module.rpartition('.')[2]}_{variable}", f"{module.replace('.', '_')}_{variable}"]
    return next((name for name in candidates if name not in taken), candidates[-1])
