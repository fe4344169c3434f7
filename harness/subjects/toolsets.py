"""The toolsets of an agent, and what is around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_ai.toolsets import AbstractToolset, CombinedToolset, FunctionToolset, PrefixedToolset, RenamedToolset


@dataclass(frozen=True)
class Placed:
    """A toolset that wraps no other, and the toolsets `around` it, the innermost first."""

    toolset: AbstractToolset[Any]
    around: tuple[AbstractToolset[Any], ...] = ()

    def shown(self, name: str) -> str:
        """What the model calls a tool of this toolset, as far as pydantic-ai's own toolsets rename it."""
        for one in self.around:
            if isinstance(one, PrefixedToolset):
                name = f"{one.prefix}_{name}"
            elif isinstance(one, RenamedToolset):
                name = next((new for new, old in one.name_map.items() if old == name), name)
        return name


def placed(agent: Any) -> Iterator[Placed]:
    """Every toolset of an agent, in its place."""
    for toolset in agent.toolsets:
        yield from below(toolset)


def below(toolset: AbstractToolset[Any], *around: AbstractToolset[Any]) -> Iterator[Placed]:
    """Every toolset inside of one, that itself if there is none; `around` is what is around it."""
    if isinstance(inner := getattr(toolset, "wrapped", None), AbstractToolset):
        yield from below(inner, toolset, *around)
    elif isinstance(toolset, CombinedToolset):
        for one in toolset.toolsets:
            yield from below(one, toolset, *around)
    else:
        found: list[AbstractToolset[Any]] = []
        toolset.apply(found.append)
        for one in found:
            yield from [Placed(one, around)] if one is toolset else below(one, toolset, *around)


def leaves(agent: Any) -> list[AbstractToolset[Any]]:
    """Every toolset of an agent, without the wrappers around it."""
    return [one.toolset for one in placed(agent)]


def functions(agent: Any) -> Iterator[FunctionToolset[Any]]:
    """Those of them that hold functions."""
    return (toolset for toolset in leaves(agent) if isinstance(toolset, FunctionToolset))
