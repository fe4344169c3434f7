"""What is around the calls of an agent's tools, outside of their functions: toolsets, capabilities, hooks of one's own.

What surely passes a call on once is no layer. What may make it again is one of which nobody knows how often it does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from harness.audits.asking.passing import Inner, calling_again, ends, own_code, reacting, repeating, takes
from harness.audits.sources import tree_of
from harness.retries.live import Live, Opaque
from harness.retries.values import RetryLayer
from harness.subjects.origins import at
from harness.subjects.toolsets import Placed, below, placed
from harness.subjects.wrapping import wrappers

_CALL, _LIST, _ON_ERROR = "call_tool", "get_tools", "on_tool_execute_error"
_HANDLED = ("wrap_tool_execute", "wrap_node_run", "wrap_run")
"""Methods of a capability, and kinds of hooks, that are handed what they are around as their `handler`."""
_CALLING = frozenset({_CALL, "call_func"})
_INNER = {_CALL: Inner(attributes=_CALLING), **dict.fromkeys(_HANDLED, Inner(names=frozenset({"handler"})))}
_LISTING = Inner(attributes=frozenset({_LIST}))
_MADE_ANEW = frozenset({"call_func", "max_retries"})
"""What a toolset says of tools which it lists as others than those that it was given."""


@dataclass(frozen=True)
class _Method:
    """Code of the person's own around calls: whose it is, where it is called, and the `only` tools that it is for."""

    whose: str
    kind: str
    function: FunctionType
    owner: Any = None
    decorators: tuple[Any, ...] = ()
    only: frozenset[str] = frozenset()

    def reason(self, tool: Any) -> str:
        """Why it may call the tool with this function again; empty if it surely does not."""
        name = self.function.__code__.co_qualname
        if any(own_code(one) is None or calling_again(one) for one in self.decorators):
            return f"{name} is decorated, and what the decorator does around it is only known in a run"
        if self.kind == _ON_ERROR:
            inner = Inner(frozenset(map(id, wrappers(tool))), attributes=_CALLING)
            reason = reacting(self.function, inner, self.owner)
        elif self.kind == _LIST:
            made = _MADE_ANEW & _says(self.function)
            reason = f"makes tools of its own, with another `{min(made)}`" if made else ""
        else:
            reason = repeating(self.function, _INNER[self.kind], self.owner)
        return f"{name} {reason}" if reason else ""

    @property
    def ends(self) -> bool:
        """Whether it may take an error, so that nobody further out hears of it, or hears of another one."""
        if self.kind == _ON_ERROR:
            return takes(self.function)
        return self.kind in _INNER and ends(self.function, _INNER[self.kind], self.owner)

    def hidden(self, reason: str) -> Opaque:
        """Its layer, where nobody knows what it does."""
        place = at(self.function.__code__.co_filename, self.function.__code__.co_firstlineno)
        return Opaque(RetryLayer(name=self.whose, kind="tool", origin=place, unknown=reason))


@dataclass(frozen=True)
class Around:
    """The layers around a call, the innermost first; it is `bounded` if others may take an error on its way."""

    layers: Sequence[Live] = ()
    bounded: bool = False


NOTHING_AROUND = Around()


class Execution:
    """The toolsets of an agent in their places, and all that is around the calls of their tools."""

    def __init__(self, agent: Any) -> None:
        every = list(_capabilities(getattr(agent, "root_capability", None)))
        made = [_made(one) for one in every if any(_methods(one, "get_wrapper_toolset"))]
        outer = tuple(toolset for one in made if not isinstance(one, Opaque) for toolset in one)
        self.placed = [replace(one, around=(*one.around, *outer)) for one in placed(agent)]
        self._hidden = [one for one in made if isinstance(one, Opaque)]
        self._beyond = [method for one in every for kind in (*_HANDLED, _ON_ERROR) for method in _methods(one, kind)]
        self._beyond += [hook for one in every for hook in _hooks(one)]

    def around(self, place: Placed, name: str = "", function: Any = None) -> Around:
        """What is around the call of a tool in its place; of any tool there, if none is named."""
        shown = place.shown(name)
        near = [method for one in (place.toolset, *place.around) for method in _methods(one, _CALL, _LIST)]
        every = [*near, *(one for one in self._beyond if not (one.only and name) or shown in one.only)]
        unclear = [one.hidden(reason) for one in every if (reason := one.reason(function))]
        return Around([*unclear, *self._hidden], bounded=any(one.ends for one in every))


def listing_layers(place: Placed) -> Sequence[Live]:
    """The layers around the question for the tools of a toolset."""
    methods = [method for one in (place.toolset, *place.around) for method in _methods(one, _LIST)]
    reasons = ((one, repeating(one.function, _LISTING, one.owner)) for one in methods)
    return [one.hidden(f"{one.function.__code__.co_qualname} {reason}") for one, reason in reasons if reason]


def _capabilities(capability: Any) -> Iterator[Any]:
    """A capability and all inside of it."""
    if capability is not None:
        yield capability
        for inner in (*getattr(capability, "capabilities", ()), getattr(capability, "wrapped", None)):
            yield from _capabilities(inner)


def _methods(owner: Any, *kinds: str) -> Iterator[_Method]:
    """What the person's own classes say in place of pydantic-ai's methods, or around them."""
    for base in type(owner).__mro__:
        for kind in kinds:
            *decorators, function = [*wrappers(vars(base).get(kind))] or [None]
            if own_code(function) is not None and function is not None:
                yield _Method(type(owner).__name__, kind, function, owner, tuple(filter(_is_asked, decorators)))


def _is_asked(decorator: Any) -> bool:
    """Whether a decorator is not the harness's own, which is there where an agent is run, too."""
    return not str(getattr(decorator, "__globals__", {}).get("__name__", "")).startswith("harness.")


def _hooks(capability: Any) -> Iterator[_Method]:
    """The functions of `Hooks`, each with the tools that it is for."""
    for kind, entries in getattr(capability, "_registry", {}).items():
        for entry in entries if kind in (*_HANDLED, _ON_ERROR) else ():
            *decorators, function = wrappers(getattr(entry.func, "__func__", entry.func))
            owner, only = getattr(entry.func, "__self__", None), getattr(entry, "tools", None) or frozenset()
            if own_code(function) is not None:
                yield _Method(f"hook {function.__name__}", kind, function, owner, tuple(decorators), only)


def _made(capability: Any) -> Opaque | tuple[AbstractToolset[Any], ...]:
    """The toolsets that a capability puts around those of the agent, the innermost first, or why that is not known."""
    within: FunctionToolset[Any] = FunctionToolset()
    try:
        places = [*below(capability.get_wrapper_toolset(within) or within)]
    except Exception as error:  # noqa: BLE001  whatever the person's own code raises
        why = f"its `get_wrapper_toolset` raised {type(error).__name__}"
    else:
        if [place.toolset for place in places] == [within]:
            return places[0].around
        why = "what its `get_wrapper_toolset` puts around the tools is only known in a run"
    (method, *_others) = _methods(capability, "get_wrapper_toolset")
    return method.hidden(why)


def _says(function: FunctionType) -> set[str]:
    """The names of what a function says in its calls, and of the attributes that it sets."""
    nodes = list(ast.walk(tree_of(function.__code__) or ast.Module([], [])))
    said = {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    return said | {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
