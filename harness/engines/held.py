"""A look at private names of other people's libraries: an upgrade may move any of them, and must be told, not suffered.

What is looked for is where the adapters reach for it, so a name that passes here is one that they will find.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import EngineUnavailable

KNOWN = "2.59.0"
"""The pydantic-ai that every name was last seen in."""

Function = tuple[Any, str, tuple[str, ...]]
"""A function that we replace or call: its owner, its name there, and the parameters that we use."""


def integrates(engine: str) -> bool:
    """Whether the installed pydantic-ai has durability for an engine, told from its files: to import it takes a second.

    To look for `pydantic_ai.durable_exec.ENGINE` itself would import what is above it.
    """
    found = find_spec("pydantic_ai")
    folders = (found and found.submodule_search_locations) or []
    return any((Path(folder) / "durable_exec" / engine).is_dir() for folder in folders)


def gone(places: Iterable[str]) -> str | None:
    """The first of these dotted names (`package.module.Class._attribute`) that is not there; None if all are.

    An attribute of a class may also be one that only its instances have: then its `__init__` has to name it.
    """
    return next((place for place in places if not _is_there(place)), None)


def moved(functions: Iterable[Function], values: Iterable[str] = ()) -> str:
    """What is not as we use it of an engine's functions, and of dotted names beside them; empty if all of it is."""
    for owner, name, parameters in functions:
        place = f"{owner.__module__}.{owner.__name__}.{name}" if inspect.isclass(owner) else f"{owner.__name__}.{name}"
        function = getattr(owner, name, None)
        if not callable(function):
            return f"{place} is gone"
        has = inspect.signature(function).parameters
        if missing := [one for one in parameters if one not in has]:
            return f"{place} has no parameter {missing[0]!r}"
    place = gone(values) or ""
    return place and f"{place} is gone"


def unsupported(engine: str, package: str, known: Sequence[str], what: str) -> EngineUnavailable:
    """The error that says so of an engine's own `package`, with the versions that are `known` to work."""
    return EngineUnavailable(
        f"engine {engine!r} {version(package)} is not supported: {what}; versions known to work: {', '.join(known)}"
        f" (run `pip install {package}=={known[-1]}`)"
    )


def look_at_pydantic_ai(engine: str, places: Iterable[str]) -> None:
    """Raises `EngineUnavailable` if pydantic-ai's half of an engine has moved what its adapter reads."""
    if place := gone(places):
        raise EngineUnavailable(
            f"engine {engine!r} cannot be used with pydantic-ai {version('pydantic-ai-slim')}: {place} is gone;"
            f" versions known to work: {KNOWN} (run `pip install pydantic-ai-slim=={KNOWN}`)"
        )


def _is_there(place: str) -> bool:
    owner: Any = None
    for part in place.split("."):
        above, owner = owner, _inside(owner, part)
        if owner is _NOTHING:
            return inspect.isclass(above) and place.endswith(f".{part}") and _instances_have(above, part)
    return True


def _inside(owner: Any, name: str) -> Any:
    """What an owner has under a name, a module that nobody has imported yet among it."""
    if owner is None or (isinstance(owner, ModuleType) and not hasattr(owner, name)):
        full = name if owner is None else f"{owner.__name__}.{name}"
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as missing:
            if missing.name != full and not str(missing).endswith("is not a package"):
                raise
            return _NOTHING
    return getattr(owner, name, _NOTHING)


_NOTHING = object()


def _instances_have(kind: type, name: str) -> bool:
    made = (inspect.unwrap(one.__init__) for one in kind.__mro__ if "__init__" in vars(one))  # type: ignore[misc]
    return any(name in code.co_names for init in made if (code := getattr(init, "__code__", None)) is not None)
