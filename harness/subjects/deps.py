"""The dependencies of a run, made anew in each incarnation: a live connection does not survive a crash either.

They are given as `module:attr` (a value, or a factory that is called) or as JSON that is checked against the agent's
`deps_type`. An agent that declares a type and is given none gets one from the type itself where that needs nothing.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
import typing
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from typing_extensions import is_typeddict

from harness.errors import UsageError
from harness.subjects.importing import ImportPath, attribute, load_module
from harness.typos import nearest

_UNDECLARED: tuple[Any, ...] = (object, None, type(None), Any)


@dataclass(frozen=True)
class Deps:
    """How to make the deps of one run. `notes` say what was assumed."""

    make: Callable[[], Awaitable[Any]]
    notes: tuple[str, ...] = ()


def load_deps(given: Any, agent: Any) -> Deps:
    """Read deps: `module:attr`, a JSON text, a JSON value, or None for what the agent's own `deps_type` offers.

    Raises `UsageError` for what is neither or does not fit the type, `SubjectError` for an import that fails.
    """
    declared = getattr(agent, "deps_type", object)
    if given is None:
        return _undelivered(declared)
    if isinstance(given, str):
        if (path := _path(given)) is not None:
            return _imported(path, declared)
        given = _json(given)
    return _checked(given, declared)


def _path(text: str) -> ImportPath | None:
    try:
        path = ImportPath.parse(text)
    except UsageError:
        return None
    return path if path.attr else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"cannot read the deps {_short(text)}: neither an import path (`module:attr`) nor JSON ({error});"
            " a text is written with its quotes, '\"like this\"'"
        ) from None


# An import path.


def _imported(path: ImportPath, declared: Any) -> Deps:
    module = load_module(path)
    try:
        found = attribute(module, path.attr)
    except AttributeError:
        known = [name for name in vars(module) if not name.startswith("_")]
        hint = nearest(path.attr, known)
        raise UsageError(f"cannot find the deps: {path.target!r} has no {path.attr!r}{hint}") from None
    if not _is_factory(found, declared):
        return Deps(_always(found))
    needed = required(found)
    if needed:
        raise UsageError(f"cannot make the deps: {str(path)!r} needs {', '.join(needed)}; name one without arguments")
    return Deps(_calling(found))


def _is_factory(found: Any, declared: Any) -> bool:
    """Whether to call what was named: functions and classes, unless callables are what the agent wants as deps."""
    wants_callable = Callable in (declared, typing.get_origin(declared))
    is_code = inspect.isroutine(found) or isinstance(found, type) or hasattr(found, "func")
    return is_code and not wants_callable and not (isinstance(found, type) and typing.get_origin(declared) is type)


def _calling(factory: Callable[[], Any]) -> Callable[[], Awaitable[Any]]:
    async def make() -> Any:
        made = factory()
        return await made if inspect.isawaitable(made) else made

    return make


def _always(value: Any) -> Callable[[], Awaitable[Any]]:
    async def make() -> Any:
        return value

    return make


# A JSON value.


def _checked(value: Any, declared: Any) -> Deps:
    if declared in _UNDECLARED:
        return Deps(_calling(lambda: json.loads(json.dumps(value))))
    adapter = _adapter(declared)
    problems = _unknown_keys(value, declared)
    try:
        adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        problems += [f"at {_at(item['loc'])}: {item['msg']}, got {_short(item['input'])}" for item in error.errors()]
    if problems:
        raise UsageError.listing(f"the deps do not fit {_name(declared)}, the agent's deps_type", problems)
    return Deps(_calling(lambda: adapter.validate_json(json.dumps(value))))


def _adapter(declared: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(declared)
    except (PydanticSchemaGenerationError, PydanticUserError, NameError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"deps of type {_name(declared)} cannot be written as JSON ({reason});"
            " name a factory instead: `module:attr`"
        ) from None


def _unknown_keys(value: Any, declared: Any) -> list[str]:
    """Keys that no field takes. Most types would ignore them, and so hide a typing mistake."""
    fields = _fields(declared)
    if not isinstance(value, dict) or fields is None:
        return []
    return [f"at {key}: there is no such field{nearest(key, fields)}" for key in value if key not in fields]


def _fields(declared: Any) -> list[str] | None:
    """The names that a type's JSON object may have, None if it may have any."""
    kind = typing.get_origin(declared) or declared
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.init]
    if hasattr(kind, "model_fields"):
        if kind.model_config.get("extra") == "allow":
            return None
        aliases = [alias for field in kind.model_fields.values() for alias in (field.alias, field.validation_alias)]
        return [*kind.model_fields, *(alias for alias in aliases if isinstance(alias, str))]
    return list(kind.__annotations__) if is_typeddict(kind) else None


def _at(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "the top"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# Nothing given.


def _undelivered(declared: Any) -> Deps:
    if declared in _UNDECLARED or type(None) in typing.get_args(declared):
        return Deps(_always(None))
    kind = typing.get_origin(declared) or declared
    needed = required(kind) if isinstance(kind, type) and not isinstance(declared, types.UnionType) else ["a value"]
    said = f"the agent declares deps of type {_name(declared)} and none were given"
    if needed:
        note = f"{said}; it needs {', '.join(needed)}, so tools get None: give deps as JSON or as `module:attr`"
        return Deps(_always(None), (note,))
    return Deps(_calling(kind), (f"{said}, so each run gets {_name(declared)}()",))


def required(function: Any) -> list[str]:
    """The arguments that a callable cannot be called without, as far as Python can tell."""
    if is_typeddict(function):
        return sorted(function.__required_keys__)
    if inspect.isclass(function) and (inspect.isabstract(function) or getattr(function, "_is_protocol", False)):
        return ["a class that implements it"]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variable]


def _name(declared: Any) -> str:
    return declared.__qualname__ if isinstance(declared, type) and not typing.get_args(declared) else str(declared)
