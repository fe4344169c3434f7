"""The objects of a person's own classes: a method that is named by its class is one of theirs."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from types import MethodType, NoneType
from typing import Any, get_args, get_type_hints

from harness.subjects.importing import own_modules

PLAIN = {str, int, float, bool, bytes, NoneType}
"""Types of values that ask nobody."""


def object_of(kind: type[Any]) -> Any:
    """The object of a class that a person's modules hold, by itself, in a list or by a method; None if not just one."""
    held = (one for module in own_modules() for value in [*vars(module).values()] for one in _held(value))
    found = {id(one): one for one in held if issubclass(type(one), kind)}
    return next(iter(found.values())) if len(found) == 1 else None


def _held(value: Any) -> Iterator[Any]:
    several = [*value.values()] if type(value) is dict else value if type(value) in (list, tuple) else (value,)
    for one in several:
        yield one.__self__ if isinstance(one, MethodType) else one


def owner_of(holder: Any, name: str) -> Any:
    """Whose a function is that is taken from a class: its object's, if modules hold just one, else its class's."""
    if not inspect.isclass(holder):
        return None
    is_method = inspect.isfunction(inspect.getattr_static(holder, name, None))
    return (object_of(holder) if is_method else None) or holder


def class_of(function: Any) -> Any:
    """The class whose method a function is; None if it is none, or of a class that another function makes."""
    *outer, _name = function.__qualname__.split(".")
    found = sys.modules.get(function.__module__) if outer else None
    for name in outer:
        found = getattr(found, name, None)
    return found


def said_plain(kind: type[Any]) -> set[str]:
    """The attributes of a class that are a text or a number, as it says itself, or its `__init__` of its parameters."""
    hints = {**_hints(kind.__init__), **_hints(kind)}
    return {name for name, hint in hints.items() if {*get_args(hint), *(() if get_args(hint) else (hint,))} <= PLAIN}


def _hints(said: Any) -> dict[str, Any]:
    try:
        return get_type_hints(said)
    except Exception:  # noqa: BLE001  a name that only a type checker knows
        return {}
