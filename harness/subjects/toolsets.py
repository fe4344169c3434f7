"""The toolsets of an agent, without what is around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_ai.toolsets import AbstractToolset, FunctionToolset


def leaves(agent: Any) -> list[AbstractToolset[Any]]:
    """Every toolset of an agent, without the wrappers around it."""
    found: list[AbstractToolset[Any]] = []
    for toolset in agent.toolsets:
        toolset.apply(found.append)
    return [_bare(toolset) for toolset in found]


def functions(agent: Any) -> Iterator[FunctionToolset[Any]]:
    """Those of them that hold functions."""
    return (toolset for toolset in leaves(agent) if isinstance(toolset, FunctionToolset))


def _bare(toolset: AbstractToolset[Any]) -> AbstractToolset[Any]:
    while isinstance(inner := getattr(toolset, "wrapped", None), AbstractToolset):
        toolset = inner
    return toolset
