"""From an import path to a subject: the agent that it names, unchanged but for a name if it had none.

A path may name an agent, a wrapped one (`DBOSAgent`, `PrefectAgent`, `TemporalAgent`), a factory that makes one, or a
workflow or flow of the person's own. Anything else is an error that says what was found, and what would have done.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

from pydantic_ai.agent import AbstractAgent, WrapperAgent

from harness.errors import SubjectError
from harness.subjects.deps import Deps, load_deps, required
from harness.subjects.importing import ImportPath, attribute, load_module, running_theirs
from harness.subjects.loops import awaited
from harness.subjects.naming import agents_in, give_names, unwrapped
from harness.subjects.owned import kind_of
from harness.subjects.standins import StandIn
from harness.typos import alike

__all__ = ["Deps", "Subject", "load_deps", "load_subject"]

MENTIONED = 8
"""How many agents of a module an error lists: enough to find a mistake, few enough to read."""


@dataclass(frozen=True)
class Subject:
    """What is under test.

    `value` is what the path names (a factory's product, not the factory), `agent` the bare agent inside it (None for a
    workflow). `named_by_us` says that the agent had no name and now has its variable's. `notes` are for the report.
    """

    path: str
    value: Any
    kind: Literal["agent", "wrapper", "workflow"]
    agent: Any
    name: str
    named_by_us: bool
    deps: Deps
    notes: tuple[str, ...] = ()


def load_subject(path: str, *, deps: Any = None) -> Subject:
    """Import what `path` names, call it if it is a factory, and name what has no name. Once per interpreter.

    `deps` as `load_deps` takes them. Raises `SubjectError` if the path cannot be imported or names no agent, with the
    subject's own traceback if its code raised; `UsageError` for deps that do not fit.
    """
    where = ImportPath.parse(path)
    module = load_module(where)
    where = where if where.attr else ImportPath(where.target, _only_agent(module, where))
    found = _found(module, where)
    value = _made(found, where)
    if (kind := kind_of(value)) is not None:
        give_names(module)
        return Subject(str(where), value, "workflow", None, _last(where), False, load_deps(deps, None), (kind[0],))
    if not isinstance(value, AbstractAgent):
        raise SubjectError(f"{str(where)!r} is no agent: {_described(value, found)}{_listed(module, where)}")
    return _subject(module, where, value, deps)


def _subject(module: ModuleType, where: ImportPath, value: Any, deps: Any) -> Subject:
    agent = unwrapped(value)
    nameless = value.name is None
    names = give_names(module)
    if agent.name is None:
        agent.name = names.get(id(agent)) or _last(where)
    notes = [f"the agent has no name of its own, so it is called {agent.name!r}"] if nameless else []
    if agent.model is None:
        agent.model = StandIn("harness", "scripted")
        notes.append("the agent has no model of its own, so it is given a scripted one, as if passed to each run")
    given = load_deps(deps, agent)
    kind: Literal["agent", "wrapper"] = "wrapper" if isinstance(value, WrapperAgent) else "agent"
    return Subject(str(where), value, kind, agent, value.name or agent.name, nameless, given, (*notes, *given.notes))


def _last(where: ImportPath) -> str:
    return where.attr.rpartition(".")[2]


def _only_agent(module: ModuleType, where: ImportPath) -> str:
    """The variable of the module's one agent. Two variables may hold the same one."""
    agents = agents_in(module)
    if len({id(agent) for agent in agents.values()}) == 1:
        return next(iter(agents))
    raise SubjectError(f"{str(where)!r} does not say which agent{_listed(module, where)}")


def _found(module: ModuleType, where: ImportPath) -> Any:
    try:
        return attribute(module, where.attr)
    except AttributeError:
        raise SubjectError(f"{where.target!r} has no {where.attr!r}{_listed(module, where)}") from None


def _listed(module: ModuleType, where: ImportPath) -> str:
    """Which agents a module holds, the nearest name first."""
    agents = list(agents_in(module))
    if not agents:
        return f"; {where.target!r} holds no agents"
    near = alike(where.attr, agents, at_most=MENTIONED)
    meant = f", did you mean '{where.target}:{near[0]}'?" if near else ";"
    shown = [*near, *(name for name in agents if name not in near)]
    more = f" and {len(shown) - MENTIONED} more" if len(shown) > MENTIONED else ""
    return f"{meant} it holds the agents {', '.join(shown[:MENTIONED])}{more}"


def _made(found: Any, where: ImportPath) -> Any:
    """What a factory makes, or the object itself if it is none."""
    if isinstance(found, AbstractAgent) or not callable(found) or kind_of(found) is not None:
        return found
    needed = required(found)
    if needed:
        raise SubjectError(
            f"{str(where)!r} is no agent, and as a factory it needs {', '.join(needed)};"
            " name a function without arguments that returns the agent"
        )
    return running_theirs(f"the factory {str(where)!r}", lambda: _called(found))


def _called(factory: Any) -> Any:
    return awaited(factory())


def _described(value: Any, found: Any) -> str:
    kind = "a module" if isinstance(value, ModuleType) else f"a class, {value!r}" if isinstance(value, type) else ""
    text = kind or ("None" if value is None else f"a value of type {type(value).__qualname__!r}")
    return f"the factory returned {text}" if found is not value else f"it is {text}"
