"""What objects hold, as far as that is seen without running any code of theirs: attributes, and what is in containers.

Which key or element a function takes is only known in a run, so of a container everything counts.
"""

from __future__ import annotations

import functools
import inspect
import queue
from asyncio import Queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from enum import Enum
from itertools import islice
from types import SimpleNamespace
from typing import Any

MOST = 200
"""Elements of one container that are looked at: a larger one holds data, not clients."""
DEEPEST = 4
"""Containers inside containers, and objects inside objects, that are looked into."""
IMPLICIT = ("__getattr__", "__getitem__", "__iter__", "__next__", "__await__", "__aenter__", "__enter__")
"""Methods that code calls without naming them."""
SLOTS = ("member_descriptor", "_tuplegetter")
"""Descriptors that only take something out of their object: of slots, and of named tuples."""


def contents(value: Any, depth: int = DEEPEST) -> Iterator[tuple[str, Any]]:
    """What a container of Python's own holds, also in containers inside it: each with its key, or its place."""
    for key, inner in islice(_inner(value), MOST):
        yield str(key), inner
        if depth > 1:
            yield from ((f"{key}.{further}", found) for further, found in contents(inner, depth - 1))


def _inner(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return _items(value)
    for kind, told in _TOLD.items():
        if isinstance(value, kind):
            return told(value)
    return ()


def _items(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """The items of a mapping of any make, none if it cannot tell them. Those of a dictionary run nobody's code."""
    try:
        return list(dict.items(value) if isinstance(value, dict) else islice(value.items(), MOST))
    except Exception:  # noqa: BLE001  whatever somebody's own mapping raises
        return []


def _of_variable(value: ContextVar[Any]) -> list[tuple[str, Any]]:
    try:
        return [("value", value.get())]
    except LookupError:
        return []


_TOLD: dict[Any, Callable[[Any], Iterable[tuple[Any, Any]]]] = {
    (list, tuple, set, frozenset, deque): enumerate,
    queue.Queue: lambda value: enumerate(value.queue),
    Queue: lambda value: enumerate(vars(value).get("_queue", ())),
    SimpleNamespace: lambda value: vars(value).items(),
    ContextVar: _of_variable,
    Enum: lambda value: [("value", value.value)],
}
"""How the containers that are no mappings tell what they hold."""


def attributes(holder: Any, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """What is taken from an object, as far as that runs no code of it."""
    private = _private(holder)
    for name in names:
        if name in private:
            yield name, private[name]
            continue
        try:
            found = inspect.getattr_static(holder, name)
        except AttributeError:
            continue
        if isinstance(found, staticmethod | classmethod):
            found = found.__func__
        elif isinstance(found, property):
            found = found.fget
        elif isinstance(found, functools.cached_property):
            found = vars(holder).get(name, found.func) if hasattr(holder, "__dict__") else found.func
        elif type(found).__name__ in SLOTS:
            found = getattr(holder, name, None)
        yield name, found


def every_name(holder: Any) -> tuple[str, ...]:
    """The names of everything that an object holds itself."""
    return (*_vars(holder), *_private(holder))


def _private(holder: Any) -> dict[str, Any]:
    """The private attributes of one of pydantic's models, which it keeps apart."""
    try:
        kept = object.__getattribute__(holder, "__pydantic_private__")
    except AttributeError:
        return {}
    return kept if isinstance(kept, dict) and not inspect.isclass(holder) else {}


def _vars(holder: Any) -> dict[str, Any]:
    kept = getattr(holder, "__dict__", None)
    return kept if isinstance(kept, dict) else {}


def inside_of(value: Any) -> Iterator[Any]:
    """What an object of a library holds, and what that holds: enough to see whether a client is below it."""
    level = [value]
    for _ in range(DEEPEST - 1):
        level = list(islice((held for one in level for held in _held(one)), MOST))
        yield from level


def _held(value: Any) -> Iterator[Any]:
    yield from (one for _, one in held(value))


def held(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object or a container holds itself, each with its name or place; of classes and functions nothing."""
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        return
    slots = (name for kind in type(value).__mro__ for name in _slots(kind))
    yield from (*_vars(value).items(), *_private(value).items(), *attributes(value, slots), *contents(value, 1))


def _slots(kind: type[Any]) -> tuple[str, ...]:
    named = vars(kind).get("__slots__", ())
    return tuple(name for name in ((named,) if isinstance(named, str) else named) if not name.startswith("__"))
