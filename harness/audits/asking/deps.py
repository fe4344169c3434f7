"""What comes with a run and not with the module: the deps that tools take out of their context.

They are made anew for each run, so only an audit that is told how (`--deps`, or a `deps_type` that needs nothing) can
look into them. What is left over is known by its type at most.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any

NAME = "deps"
"""What pydantic-ai calls them in `RunContext`."""
DEEPEST = 3
"""Attributes of attributes that are looked at."""


class Given:
    """The deps of an agent's runs. `make` makes them, None if nobody says how."""

    def __init__(self, agent: Any, make: Callable[[], Any] | None = None) -> None:
        self.kind: Any = getattr(agent, "deps_type", None)
        self._make = make

    @cached_property
    def value(self) -> Any:
        """The deps, None if there are none or they cannot be made here."""
        try:
            return self._make() if self._make is not None else None
        except Exception:  # noqa: BLE001  the person's own factory may need what is not there
            return None

    @property
    def named(self) -> dict[str, Any]:
        """What code finds under the name of the deps."""
        return {} if self.value is None else {NAME: self.value}

    def hidden(self, names: Collection[str]) -> Iterator[tuple[str, type[Any]]]:
        """The attributes of deps nobody gave that code takes by these names, with their types.

        `deps` itself is the first of them; what is in the attributes' own attributes follows.
        """
        if self.value is not None or NAME not in names or not inspect.isclass(self.kind):
            return
        yield NAME, self.kind
        yield from _typed(self.kind, names, DEEPEST)


def _typed(kind: Any, names: Collection[str], depth: int) -> Iterator[tuple[str, type[Any]]]:
    """What a class says of its attributes, and of theirs."""
    for name, hint in _hints(kind).items():
        for told in _kinds(hint) if name in names else ():
            yield name, told
            if depth > 1:
                yield from _typed(told, names, depth - 1)


def _kinds(hint: Any) -> Iterator[type[Any]]:
    """The classes that a type speaks of, also of what is in a container: `dict[str, Client | None]`."""
    if inspect.isclass(hint):
        yield hint
    for inner in typing.get_args(hint):
        yield from _kinds(inner)


def _hints(kind: type[Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except Exception:  # noqa: BLE001  names that only a type checker knows
        return {}
