"""What an agent's functions ask that are no tools: output functions, validators, instructions, hooks, capabilities.

They are found by one walk over whatever the agent holds, and not by the names of attributes: a kind of function that a
later pydantic-ai has is found like the others, and only called less well. They run in the flow itself, in no unit of
the engine, but for the few that `_around` tells apart.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import MethodType, SimpleNamespace
from typing import Any

from pydantic_ai import Tool
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from harness.audits.asked import Engine, body_unit, output_layer, output_retries, tries
from harness.audits.asking.again import heard, told_of
from harness.audits.asking.clients import is_http
from harness.audits.asking.deps import Given
from harness.audits.asking.sdks import is_sdk
from harness.audits.asking.tools import decorators, is_unit, layers_of, others_of, tools_of
from harness.audits.holding import IMPLICIT, attributes, held
from harness.audits.inside import asked_by
from harness.audits.reach import is_own, own_function
from harness.retries.live import Live, Opaque, Unit, of_kind
from harness.retries.report import UnitAudit
from harness.retries.values import RetryLayer

DEEPEST, MOST = 12, 20_000
"""Objects inside objects, and objects in all, that are looked at: an agent is smaller, and so is what it is made of."""
CALLED = ("__call__", "__aexit__", "__exit__", *IMPLICIT)
"""Methods that are called without being named."""
CONTAINERS = (Mapping, list, tuple, set, frozenset, SimpleNamespace, functools.partial)
RECORDED = "__pydantic_ai_durable_operation__"
"""The mark that pydantic-ai leaves on a method of a capability that is a unit of the engine's."""
KINDS = {
    "validator": "validator",
    "prepare": "prepare",
    "history": "history",
    "event": "events",
    "hook": "hook",
    "systemprompt": "system-prompt",
    "instruction": "instructions",
    "modelsettings": "model-settings",
    "toolset": "toolset",
    "output": "output-function",
    "capab": "capability",
}
"""What a function is called, by words in the names of what holds it, the innermost first."""


Way = tuple[tuple[Any, str], ...]
"""How something is reached: each object on the way, with the name or the place of the next one in it."""


@dataclass(frozen=True)
class Function:
    """A function of the person's own, or a method, and the way to it from the agent.

    `kind` is what it is, as far as that can be told.
    """

    value: Any
    way: Way
    kind: str
    name: str

    @property
    def bare(self) -> Any:
        """The function itself, with its decorators, not bound."""
        return getattr(self.value, "__func__", self.value)

    @property
    def holder(self) -> tuple[Any, str]:
        """The innermost object that holds it, containers left out, and the attribute there."""
        return next((step for step in reversed(self.way) if not isinstance(step[0], CONTAINERS)), self.way[0])


def units_beside(agent: Any, engine: Engine, deps: Given, wrapper: Any = None) -> Iterator[UnitAudit]:
    """One unit for everything that such a function asks, and for each that is tried again around nothing.

    `wrapper` is what is around the agent, such as a `DBOSAgent`, if anything is.
    """
    for name, function in named(agent, wrapper):
        for place, around in _around(function, agent, engine):
            for unit in _units(f"{name}{place}", function, around, engine, deps, _patience(function, agent)):
                yield unit.model_copy(update={"beside": name})


def named(agent: Any, wrapper: Any = None) -> Iterator[tuple[str, Function]]:
    """The functions by the names of their units; those that would have the same one are numbered."""
    counted: Counter[str] = Counter()
    for function in functions_of(agent, wrapper):
        name = f"{function.kind}:{function.name}"
        counted[name] += 1
        yield name if counted[name] == 1 else f"{name}-{counted[name]}", function


def _units(
    name: str,
    function: Function,
    around: Sequence[Live],
    engine: Engine,
    deps: Given,
    patience: tuple[RetryLayer, int | None] | None,
) -> Iterator[UnitAudit]:
    """`patience` is the agent's layer and number of tries with what such a function says to the model, if it may."""
    own, lives = decorators(function.bare), layers_of(function.bare, around)
    hearing = heard(function.bare, lives, *patience) if patience else lives
    asked = asked_by(name, function.value, hearing, engine, deps)
    units = list(told_of(asked, patience[0]) if patience else asked)
    if not units and (own or (is_unit(function.bare) and _has_unit(around))):
        units = [body_unit(name, lives)]
    yield from units


def _patience(function: Function, agent: Any) -> tuple[RetryLayer, int | None] | None:
    if _place(function) == "validation":
        tool = next((one for one in tools_of(agent) if one.unit.function is _tool_of(function).function), None)
        return None if tool is None else (tool.agent_layer, tries(tool.retries))
    if function.kind in ("validator", "output-function"):
        return output_layer(agent), tries(output_retries(agent))
    return None


def functions_of(agent: Any, wrapper: Any = None) -> Iterator[Function]:
    """Every function of the person's own that an agent holds, but for those of its tools; each once per place.

    An object of a class of their own counts with the methods that whoever holds it may call.
    """
    tools = {id(own_function(tool.unit.function)) for tool in tools_of(agent)}
    leaving = {id(place.toolset) for _, place in others_of(agent) if not _is_dynamic(place.toolset)}
    roots = [agent] if wrapper is None or wrapper is agent else [wrapper, agent]
    seen: set[tuple[int, int, str]] = set()
    for value, way in _walk(roots, leaving):
        for function in _functions(value, way):
            place, itself = _place(function), id(own_function(function.value))
            key = (itself, id(getattr(function.value, "__self__", None)), place)
            if key not in seen and not (place == "tool" and itself in tools):
                seen.add(key)
                yield function


def _walk(roots: Sequence[Any], leaving: set[int]) -> Iterator[tuple[Any, Way]]:
    """Every function and every object of the person's own below these, the nearest first, with the way to it."""
    level: list[tuple[Any, Way]] = [(root, ()) for root in roots]
    seen = {id(root) for root in roots} | leaving
    yield from ((root, ((root, ""),)) for root in roots if is_own(type(root)))
    for _ in range(DEEPEST):
        below = [(inner, (*way, (holder, name))) for holder, way in level for name, inner in held(holder)]
        level = []
        for inner, way in below:
            if _is_function(inner):
                yield inner, way
            elif id(inner) not in seen and len(seen) < MOST and _is_looked_into(inner, way[-1][0]):
                seen.add(id(inner))
                level.append((inner, way))
                if is_own(type(inner)):
                    yield inner, way


def _is_function(value: Any) -> bool:
    plain = inspect.isroutine(value) or isinstance(value, functools.partial)
    return (plain or is_unit(value)) and own_function(value) is not None


def _is_looked_into(value: Any, holder: Any) -> bool:
    """Whether an object may hold functions that run in a run. What is a unit already may not, nor may an override.

    What an engine's capability made of the agent is not looked into: it is all there in the agent itself.
    """
    if isinstance(value, CONTAINERS):
        return True
    if isinstance(value, Model | AbstractAgent | ContextVar) or is_sdk(value) or is_http(value):
        return False
    if is_own(type(value)):
        return True
    return type(value).__module__.partition(".")[0] not in sys.stdlib_module_names and not _is_engines(holder)


def _functions(value: Any, way: Way) -> Iterator[Function]:
    """The function, or the methods of the object, under the names that a person would know them by."""
    if _is_function(value):
        function = own_function(value)
        assert function is not None
        yield Function(value, way, _kind(value, way), function.__name__.strip("<>"))
        return
    for name, method in _methods(value):
        called = type(value).__name__ if name == "__call__" else f"{type(value).__name__}.{name}"
        yield Function(method, way, _kind(value, way), called)


def _methods(value: Any) -> Iterator[tuple[str, Any]]:
    """The methods of an object of the person's own that others call: those that their class has, too, and a few more.

    Those that only its own class has are called by these, if at all.
    """
    kinds = [kind for kind in type(value).__mro__ if kind is not object]
    theirs = {name for kind in kinds if not is_own(kind) for name in vars(kind) if not name.startswith("__")}
    names = dict.fromkeys(name for kind in kinds if is_own(kind) for name in vars(kind))
    for name, found in attributes(type(value), [name for name in names if name in theirs or name in CALLED]):
        plain = found.fget if isinstance(found, property) else found
        if callable(plain) and own_function(plain) is not None:
            yield name, MethodType(plain, value)


def _kind(value: Any, way: Way) -> str:
    """What a function or an object is, by itself or by the names of what holds it."""
    if isinstance(value, AbstractCapability):
        return "capability"
    for holder, name in reversed(way):
        told = f"{type(holder).__name__}.{name}".replace("_", "").lower()
        if (kind := next((kind for word, kind in KINDS.items() if word in told), None)) is not None:
            return kind
    return "function"


def _is_dynamic(toolset: Any) -> bool:
    return isinstance(toolset, AbstractToolset) and hasattr(toolset, "toolset_func")


def _is_engines(holder: Any) -> bool:
    """Whether this is pydantic-ai's own capability, or wrapper, for an engine."""
    return any(kind.__module__.startswith("pydantic_ai.durable_exec") for kind in type(holder).__mro__)


def _place(function: Function) -> str:
    """Where a function runs: in the `flow`, or where `_around` says."""
    holder, attribute = function.holder
    tool = next((one for one, _ in reversed(function.way) if isinstance(one, Tool)), None)
    if tool is not None and own_function(function.value) is own_function(tool.function):
        return "tool"
    if isinstance(holder, Tool) and "validator" in attribute:
        return "validation"
    if _is_dynamic(holder):
        return "toolset"
    if hasattr(function.bare, RECORDED):
        return "operation"
    if _is_engines(holder):
        return "events" if "event_stream_handler" in attribute else "engine"
    return "resolver" if "resolve" in type(holder).__name__.lower() or "resolve_model" in function.name else "flow"


def _around(function: Function, agent: Any, engine: Engine) -> Iterator[tuple[str, Sequence[Live]]]:
    """The layers around a function, once for each place where it runs, with what the place adds to its name."""
    flow, place = engine(Unit("flow")), _place(function)
    if place in ("tool", "validation"):
        yield "", engine(_tool(function, agent))
    elif place == "flow" or not _has_unit(model := engine(Unit("model"))):
        own = engine(Unit("own", function.name, function.bare)) if is_unit(function.bare) else ()
        yield "", own or flow
    elif place == "events":
        yield " in model", model
        yield " in event", engine(Unit("event"))
    elif place == "resolver":
        yield "", flow
        yield " in model", model
    else:
        containers = of_kind(flow, "container")
        hidden = RetryLayer(name="a unit of the engine", kind="unit", unknown=HIDDEN[place])
        yield "", [Opaque(hidden), *containers]


HIDDEN = {
    "toolset": "it runs where the toolset is listed, and in the calls of tools that only a run knows",
    "operation": "it is an operation of a capability, and how the engine is told to retry that is not known here",
    "engine": "the engine's capability holds it, and where that calls it is not known here",
}
"""Why nobody can say which of the engine's units a function runs in."""


def _has_unit(lives: Sequence[Live]) -> bool:
    return bool(of_kind(lives, "unit"))


def _tool(function: Function, agent: Any) -> Unit:
    """The unit of the tool that a function belongs to. One that the agent does not list has no toolset that we know."""
    tool = _tool_of(function)
    known = (asked.unit for asked in tools_of(agent) if asked.unit.function is tool.function)
    unit = next(known, Unit("tool", tool.name, tool.function, tool.metadata))
    return replace(unit, function=function.bare)


def _tool_of(function: Function) -> Tool[Any]:
    return next(one for one, _ in reversed(function.way) if isinstance(one, Tool))
