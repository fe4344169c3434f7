"""What a person's function can reach: the clients, agents and functions that its code names, and on which way.

Names are looked up where the code would: in its module and its closure, in modules that it names, in the attributes of
the person's own objects. Functions in between are followed; libraries are not, they are asked for themselves. What a
function makes while it runs cannot be seen before: then its class is what is found.
"""

from __future__ import annotations

import dis
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from harness.audits.asking.clients import MAKERS
from harness.subjects.importing import is_theirs

DEEPEST = 2000
"""Functions after which a search ends: a program that is larger than this names everything anyway."""


@dataclass(frozen=True)
class Reached:
    """Something that a function names. `through` are the functions called on the way to it, the outermost first.

    `by` is the code that names it, which may change its options in the call.
    """

    name: str
    value: Any
    by: CodeType
    through: tuple[Any, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether the code asks a changed copy of it: `client.with_options(...)`."""
        steps = [name for _opcode, name in _steps(self.by)]
        return any(one == self.name and then in COPIES for one, then in pairwise(steps))


COPIES = ("with_options", "copy", "override")
"""Methods of clients and tasks that make another one, of which only a run knows the settings."""


def referred(value: Any, leaving: Any = ()) -> Iterator[tuple[str, Any]]:
    """Every object that a function's code names, through functions of the person's own, each once.

    `leaving` are names that are not followed: units of their own.
    """
    seen: set[int] = set()
    for one in reached(value, leaving):
        if id(one.value) not in seen:
            seen.add(id(one.value))
            yield one.name, one.value


def reached(value: Any, leaving: Any = (), given: Mapping[str, Any] | None = None) -> Iterator[Reached]:
    """The same with the way to each, once per way that leads through a decorated function.

    `given` are objects that come with a call, by the attribute that they are taken from (`deps`).
    """
    search = _Search(leaving, given or {})
    for function, owner in _entries(value):
        search.waiting.append((function, owner, ()))
    return search.run()


@dataclass
class _Search:
    """The functions to look into, and what was found already."""

    leaving: Any
    given: Mapping[str, Any]
    waiting: list[tuple[Any, Any, tuple[Any, ...]]] = field(default_factory=list)
    seen: set[tuple[Any, ...]] = field(default_factory=set)

    def run(self) -> Iterator[Reached]:
        for _ in range(DEEPEST):
            if not self.waiting:
                return
            function, owner, through = self.waiting.pop(0)
            code, names = function.__code__, _names(function.__code__)
            for name, found in self._named(function, owner, names):
                yield from self._found(name, found, owner, names.attributes, code, through)

    def _named(self, function: FunctionType, owner: Any, names: _Names) -> Iterator[tuple[str, Any]]:
        known: dict[str, Any] = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        yield from ((name, known[name]) for name in names.variables if name in known)
        yield from ((name, self.given[name]) for name in names.attributes if name in self.given)
        yield from ((name, module) for name in names.modules if (module := _imported(name)) is not None)
        if owner is not None:
            yield from _attributes(owner, names.attributes)

    def _found(
        self, name: str, found: Any, owner: Any, names: tuple[str, ...], code: CodeType, through: tuple[Any, ...]
    ) -> Iterator[Reached]:
        key = (id(found), *map(id, through))
        if key in self.seen or name in self.leaving:
            return
        self.seen.add(key)
        yield Reached(name, found, code, through)
        bound = _owner(found) or owner
        if (function := own_function(found)) is not None:
            decorated = found is not function or hasattr(found, "__wrapped__")
            self.waiting.append((function, bound, (*through, found) if decorated else through))
        elif inspect.isclass(found) and _is_own(found):
            self.waiting += [(one, found, through) for one in _methods(found, names)]
        elif isinstance(found, ModuleType) or is_holder(found) or any(found is one for one in self.given.values()):
            for attribute, inner in _attributes(found, names):
                holder = None if isinstance(found, ModuleType) else found
                yield from self._found(attribute, inner, holder, names, code, through)


def _imported(name: str) -> ModuleType | None:
    """A module that a function imports itself. It is only imported for that if it is one that makes clients."""
    if name not in sys.modules and name.startswith(MAKERS):
        try:
            importlib.import_module(name)
        except ImportError:
            return None
    return sys.modules.get(name)


def own_function(value: Any) -> FunctionType | None:
    """The person's own function inside what was named: without its decorators, not bound; None if it is none."""
    bare = getattr(value, "fn", value)  # a Prefect task or flow
    bare = bare.func if isinstance(bare, functools.partial) else bare
    bare = bare.__func__ if isinstance(bare, MethodType) else bare
    if not callable(bare):
        return None
    bare = inspect.unwrap(bare)
    bare = bare.__func__ if isinstance(bare, MethodType) else bare
    if not isinstance(bare, FunctionType | type):  # an object that is called
        bare = getattr(type(bare), "__call__", None)  # noqa: B004  of its class, as Python itself looks it up
    return bare if isinstance(bare, FunctionType) and is_theirs(bare.__code__.co_filename) else None


def is_holder(value: Any) -> bool:
    """Whether this is an object of a class of the person's own, whose attributes may be clients."""
    return not inspect.isclass(value) and not callable(value) and _is_own(type(value))


def _entries(value: Any) -> Iterator[tuple[FunctionType, Any]]:
    """The person's own functions in a flow, a task, a step, a tool or a workflow class."""
    members = vars(value).values() if inspect.isclass(value) else (value,)
    for member in members:
        if (function := own_function(member)) is not None:
            yield function, _owner(member)


def _owner(value: Any) -> Any:
    """The object whose function this is: a bound method's, or the object itself if that is called."""
    bare = value.func if isinstance(value, functools.partial) else value
    called = bare if callable(bare) and not isinstance(bare, FunctionType | MethodType | type) else None
    return getattr(bare, "__self__", None if hasattr(bare, "fn") else called)


def _attributes(holder: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """What is taken from an object, as far as that runs no code of it."""
    for name in names:
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
        elif type(found).__name__ == "member_descriptor":  # a slot
            found = getattr(holder, name, None)
        yield name, found


def _methods(kind: type[Any], names: tuple[str, ...]) -> Iterator[FunctionType]:
    """What runs when a class of the person's own is called, and those of its functions that are named."""
    for name, member in _attributes(kind, ("__init__", "__post_init__", "__call__", "__aenter__", "__enter__", *names)):
        if name and (function := own_function(member)) is not None:
            yield function


def _is_own(kind: type[Any]) -> bool:
    if any(own_function(member) is not None for member in vars(kind).values()):
        return True
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is not None and is_theirs(file)


@dataclass(frozen=True)
class _Names:
    """What a function's code and the functions inside it name: variables outside of it, attributes, imports."""

    variables: tuple[str, ...]
    attributes: tuple[str, ...]
    modules: tuple[str, ...]


def _names(code: CodeType) -> _Names:
    """Code that runs in a class body or under `exec` loads names in its own way, and is no function's."""
    steps = list(_steps(code))
    told = {
        kind: tuple(dict.fromkeys(name for found, name in steps if found in opcodes)) for kind, opcodes in _OF.items()
    }
    return _Names(**told)


_OF = {
    "variables": ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_NAME"),
    "attributes": ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"),
    "modules": ("IMPORT_NAME",),
}
"""The opcodes that name something, by what they name."""


def _steps(code: CodeType) -> Iterator[tuple[str, str]]:
    yield from ((step.opname, str(step.argval)) for step in dis.get_instructions(code) if step.argval is not None)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _steps(constant)
