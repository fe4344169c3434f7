"""What a person's function can reach: the clients, agents and functions that its code names, and on which way.

Names are looked up where the code would: in its module and its closure, in modules that it names, in the attributes of
the person's own objects, in containers. Functions in between are followed; libraries are not, they are asked for
themselves. What a function makes while it runs cannot be seen before: then its class is what is found.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from harness.audits.arguments import bound, defaults
from harness.audits.asking.clients import MAKERS, asks, taken_out
from harness.audits.calling import calls_in
from harness.audits.holding import IMPLICIT, attributes, contents, every_name
from harness.audits.lending import asks_made, lent_out, passed_to, without
from harness.audits.making import made_once
from harness.audits.naming import Names, calls_parameter, names_of, parameters_of, steps_of
from harness.audits.running import Runs, runs_of
from harness.audits.sources import scope_of
from harness.subjects.importing import is_own_class, is_theirs, own_modules
from harness.subjects.objects import class_of, owner_of, said_plain

DEEPEST = 2000
"""Functions after which a search ends: a program that is larger than this names everything anyway."""


@dataclass(frozen=True)
class Reached:
    """Something that a function names. `through` are the decorated functions on the way to it, the outermost first.

    `by` is the code that names it, which may change its options in the call; `users` are all functions that name it on
    this way, and those that a search finds later come to them.
    """

    name: str
    value: Any
    by: CodeType
    through: tuple[Any, ...] = ()
    users: list[FunctionType] = field(default_factory=list, compare=False)

    @property
    def way(self) -> tuple[int, ...]:
        """What it is, and the way to it, as `id`s."""
        return id(self.value), *map(id, self.through)

    @property
    def is_changed(self) -> bool:
        """Whether the code asks a changed copy of it: `client.with_options(...)`."""
        steps = [name for _opcode, name in steps_of(self.by)]
        return any(one == self.name and then in COPIES for one, then in pairwise(steps))


@dataclass(frozen=True)
class Unseen:
    """Stands for what a method takes from its object, where the search knows only the class of that.

    Or where the object, which is known, is `empty`: nothing goes by that name yet.
    """

    kind: type[Any]
    empty: bool = False
    where: str = "that is made in the call, where nobody can see it"


COPIES = ("with_options", "copy", "override")
"""Methods of clients and tasks that make another one, of which only a run knows the settings."""


def referred(value: Any) -> Iterator[tuple[str, Any]]:
    """Every object that a function's code names, through functions of the person's own, each once."""
    seen: set[int] = set()
    for one in reached(value):
        if id(one.value) not in seen:
            seen.add(id(one.value))
            yield one.name, one.value


def reached(value: Any, leaving: Any = (), given: Mapping[str, Any] | None = None) -> Iterator[Reached]:
    """The same with the way to each, once per way that leads through a decorated function.

    `leaving` are objects (by `id`) that are not followed: units of their own. `given` are those that come with a call,
    by the attribute that they are taken from (`deps`).
    """
    yield from _Search(leaving, given or {}).of(value)


def explored(value: Any, meant: Mapping[str, Any] | None = None) -> tuple[list[Reached], list[FunctionType]]:
    """The same, and every function of the person's own that was looked into for it, the function itself among them.

    A function that is `meant` by a name is there where a call asks for it by that, as text.
    """
    search = _Search((), {}, meant or {})
    return list(search.of(value)), list(search.looked.values())


def names_used(value: Any) -> frozenset[str]:
    """All names in the code of a function, of its decorators, and of the person's functions that it calls."""
    every = [names_of(function.__code__) for function in explored(value)[1]]
    while (inner := getattr(value, "__wrapped__", None)) is not None:
        every += [names_of(value.__code__)] if isinstance(value, FunctionType) else []
        value = inner
    return frozenset(name for names in every for name in (*names.variables, *names.attributes))


def taken(*values: Any) -> frozenset[str]:
    """The names of all attributes that the person's own functions among these take from anything."""
    functions = {function for value in values for function, *_ in _entries(value)}
    return frozenset(name for function in functions for name in names_of(function.__code__).attributes)


@dataclass(frozen=True)
class _Place:
    """Code that names things, and the decorated functions on the way to it."""

    names: Names
    code: CodeType
    through: tuple[Any, ...]
    function: FunctionType

    @property
    def key(self) -> tuple[Any, ...]:
        """The code and the way to it."""
        return self.code, *map(id, self.through)


_Entry = tuple[FunctionType, Any, tuple[Any, ...]]
"""A function to look into, the object whose it is, and the decorated functions on the way to it."""


@dataclass(frozen=True)
class _Passed:
    """A function that code in a place hands to others of the names `takers`, and the object whose it is."""

    takers: frozenset[str]
    name: str
    function: Any
    owner: Any
    place: _Place


@dataclass
class _Search:
    """The functions to look into, and what was found already.

    What a function hands on as a whole may be what another function takes something from, so at the end each is looked
    at with the other's eyes. A client that code hands on is `lent`: whoever takes something of it from a parameter
    asks it, and who only hands it on does not. A function that is `passed` to others by their names runs where one of
    these calls a parameter.
    """

    leaving: Any
    given: Mapping[str, Any]
    meant: Mapping[str, Any] = field(default_factory=dict)
    waiting: list[_Entry] = field(default_factory=list)
    seen: set[tuple[Any, ...]] = field(default_factory=set)
    entered: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    handed: dict[int, Any] = field(default_factory=dict)
    lent: list[Reached] = field(default_factory=list)
    passed: list[_Passed] = field(default_factory=list)
    taking: list[_Place] = field(default_factory=list)
    looked: dict[CodeType, FunctionType] = field(default_factory=dict)
    tried: set[tuple[Any, ...]] = field(default_factory=set)
    users: dict[tuple[Any, ...], list[FunctionType]] = field(default_factory=dict)

    def of(self, value: Any) -> Iterator[Reached]:
        for function, owner, through in _entries(value):
            if function.__code__ not in self.looked:
                self.waiting.append((function, owner, through))
                yield from self.bound(value, function)
                yield from self.run()

    def run(self) -> Iterator[Reached]:
        for _ in range(DEEPEST):
            if self.waiting:
                yield from self._look_into(*self.waiting.pop(0))
            elif self.passed:
                yield from self._run_by(self.passed.pop(0))
            elif pairs := self._handed_on():
                for holder, place in pairs:
                    yield from self._taken(holder, place)
            else:
                break
        yield from self._borrowed()

    def _run_by(self, one: _Passed) -> Iterator[Reached]:
        """A function where those run it that it was passed to; where nothing is known of these, as if it was called."""
        for runner in self._runners(one.takers) or [one.place]:
            yield from self._entered(one.name, one.function, one.owner, replace(one.place, through=runner.through))

    def _runners(self, takers: frozenset[str]) -> list[_Place]:
        """Who calls what such functions are given: they, or whom they hand it to; they, if nobody is seen to."""
        first = taking = self._called_like(takers)
        asked = set[_Place]()
        while taking:
            if running := [place for place in taking if calls_parameter(place.code)]:
                return running
            asked.update(taking)
            given = ((place.code, name) for place in taking for name in parameters_of(place.code))
            onward = frozenset[str]().union(*(passed_to(code, name)[0] for code, name in given))
            taking = [place for place in self._called_like(onward) if place not in asked]
        return first

    def _called_like(self, names: frozenset[str]) -> list[_Place]:
        return [place for place in self.taking if place.code.co_name in names]

    def _borrowed(self) -> Iterator[Reached]:
        """What was lent, where it is asked; where that is seen nowhere, as it was."""
        while self.lent:
            one = self.lent.pop(0)
            asked = [place for place in self.taking if _borrows(place, one.value)]
            found = [self._reached(one.name, one.value, place) for place in asked]
            yield from (borrowed for borrowed in found if borrowed.way not in self.seen)
            if not found and one.way not in self.seen:
                yield one
            self.seen.update(borrowed.way for borrowed in (*found, one))

    def bound(self, value: Any, function: FunctionType) -> Iterator[Reached]:
        """What a function that the search begins with has for arguments already."""
        place = _Place(names_of(function.__code__), function.__code__, (), function)
        for name, inner in bound(function.__name__, value):
            yield from self._found(name, inner, None, place)

    def _look_into(self, function: FunctionType, owner: Any, through: tuple[Any, ...]) -> Iterator[Reached]:
        runs = runs_of(function)
        lent = lent_out(function, [call.line for call, _names in runs.made])
        code = without(function.__code__, [inner.function.__code__ for inner in lent if inner.only])
        names = names_of(code)
        place = _Place(names, code, through, function)
        self.passed += [_Passed(one.takers, one.function.__name__, one.function, owner, place) for one in lent]
        self.looked[function.__code__] = function
        if code.co_argcount + code.co_kwonlyargcount:
            self.taking.append(place)
        if owner is not None and code.co_varnames[:1] and code.co_varnames[0] in names.handed:
            self.handed[id(owner)] = owner
            if isinstance(inspect.getattr_static(owner, function.__name__, None), classmethod):  # it may call `cls`
                self.waiting += [(one, owner, through) for one in _methods(owner)]
        yield from (Reached(call.name, call, code, through) for call, _names in runs.made)
        for name, found in self._named(function, names):
            for here in _places(place, runs, name):
                yield from self._found(name, found, None, here)
        for one in self._as_text(function):  # a method's object is nowhere to be seen
            yield from self._entered(one.__name__, one, owner_of(class_of(one), one.__name__), place)
        if owner is not None:
            for here in _places(place, runs, code.co_varnames[0] if code.co_argcount else ""):
                yield from self._taken(owner, here)
            yield from (Reached(name, one, code, through) for name, one in _unseen(function, owner, names))

    def _handed_on(self) -> list[tuple[Any, _Place]]:
        """Every object that was handed on, with every function that may have got it, each pair once."""
        pairs = [(holder, place) for holder in self.handed.values() for place in self.taking]
        fresh = [(holder, place) for holder, place in pairs if (id(holder), *place.key) not in self.tried]
        self.tried |= {(id(holder), *place.key) for holder, place in fresh}
        return fresh

    def _named(self, function: FunctionType, names: Names) -> Iterator[tuple[str, Any]]:
        known = scope_of(function)
        yield from ((name, known[name]) for name in names.variables if name in known)
        yield from defaults(function)
        yield from ((name, self.given[name]) for name in names.attributes if name in self.given)
        yield from ((name, module) for name in names.modules if (module := _imported(name)) is not None)

    def _as_text(self, function: FunctionType) -> list[Any]:
        """The functions that calls in a function's code ask for by their names."""
        asked = [call.runs for call in calls_in([function])] if self.meant else []
        return [self.meant[name] for name in asked if isinstance(name, str) and name in self.meant]

    def _found(self, name: str, found: Any, owner: Any, place: _Place) -> Iterator[Reached]:
        """What is behind a name: of a function that code only hands to others, where those run it."""
        found = made_once(found, owner, name)
        passes, holder = own_function(found) is not None, name.partition(".")[0]
        takers, is_called = passed_to(place.code, holder) if passes else (frozenset[str](), True)
        if takers:
            self.passed.append(_Passed(takers, name, found, owner, place))
        if is_called or not takers:
            yield from self._entered(name, found, owner, place)

    def _entered(self, name: str, found: Any, owner: Any, place: _Place) -> Iterator[Reached]:
        through = place.through
        key = (id(found), *map(id, through))
        # A method takes something else from each object, and a class that is only named makes none.
        entry = (key, id(owner) if own_function(found) else int(place.names.may_call(name)))
        if id(found) in self.leaving or any(found is one for one in through):
            return
        one = self._reached(name, found, place)
        if entry in self.entered:
            return
        self.entered[entry] = found  # kept, for its id to stay its own
        if key not in self.seen:
            if is_lent := name in place.names.handed and asks(found) and not callable(found):
                self.lent.append(one)
            if not is_lent or place.names.uses(name) or asks_made(place.code, name):
                self.seen.add(key)
                yield one
        yield from self._below(name, found, owner, place)
        for inside, inner in contents(found):
            if self._is_holder(inner):
                self.handed[id(inner)] = inner
            yield from self._found(f"{name}.{inside}", inner, None, place)

    def _reached(self, name: str, found: Any, place: _Place) -> Reached:
        users = self.users.setdefault((id(found), *map(id, place.through)), [])
        users += [] if place.function in users else [place.function]
        return Reached(name, found, place.code, place.through, users)

    def _below(self, name: str, found: Any, owner: Any, place: _Place) -> Iterator[Reached]:
        """What is behind something that was found: in a function later, in everything else at once."""
        if (function := own_function(found)) is not None:
            decorated = _is_decorated(found, function)
            through = (*place.through, found) if decorated else place.through
            self.waiting.append((function, _owner(found) or owner, through))
            yield from self._kept(name, found, place)
        elif inspect.isclass(found) and is_own(found):
            if place.names.may_call(name):
                self.waiting += [(one, found, place.through) for one in _methods(found)]
                yield from self._taken(found, place)
            else:
                yield from self._named_of(name, found, place)
        elif isinstance(found, ModuleType):
            yield from self._of_a_module(name, found, place)
        elif self._is_holder(found):
            if name in place.names.handed:
                self.handed[id(found)] = found
            yield from self._taken(found, place)
        else:
            for attribute, inner in taken_out(found, place.names.attributes):
                yield from self._found(attribute, inner, None, place)

    def _kept(self, name: str, found: Any, place: _Place) -> Iterator[Reached]:
        """What a `functools.partial` has for arguments: a client is lent to the function."""
        for argument, inner in bound(name, found):
            if asks(inner) and not callable(inner):
                self.lent.append(Reached(argument, inner, place.code, place.through))
            else:
                yield from self._found(argument, inner, None, place)

    def _is_holder(self, found: Any) -> bool:
        return is_holder(found) or any(found is one for one in self.given.values())

    def _taken(self, holder: Any, place: _Place) -> Iterator[Reached]:
        """What code takes from an object or a class, by the names that it knows."""
        for attribute, inner in attributes(holder, _may_take(place.names, holder)):
            yield from self._found(attribute, inner, holder, place)

    def _of_a_module(self, name: str, module: ModuleType, place: _Place) -> Iterator[Reached]:
        """The same of a module; what a library's has goes by names that many things have."""
        if is_theirs(getattr(module, "__file__", None) or "<built-in>"):
            for attribute, inner in attributes(module, _may_take(place.names, module)):
                yield from self._found(attribute, inner, None, place)
        else:
            yield from self._named_of(name, module, place)

    def _named_of(self, name: str, holder: Any, place: _Place) -> Iterator[Reached]:
        """What code takes by a name from what has it, and from nothing else: `Shop.check`, `httpx.get`."""
        for attribute, inner in attributes(holder, place.names.attributes):
            if place.names.takes(name, attribute):
                yield from self._found(attribute, inner, owner_of(holder, attribute), place)


def _borrows(place: _Place, client: Any) -> bool:
    """Whether code takes from one of its parameters what this client has."""
    parameters = parameters_of(place.code)
    taken = (attribute for name, attribute in place.names.chained if name in parameters)
    return any(inspect.getattr_static(client, attribute, None) is not None for attribute in taken)


def _places(place: _Place, runs: Runs, name: str) -> Iterator[_Place]:
    """Where code uses a name: in itself, in units that it makes of it in a call, or both."""
    for call in runs.using(name):
        yield place if call is None else replace(place, through=(*place.through, call))


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
    return not inspect.isclass(value) and not callable(value) and is_own(type(value))


def _is_decorated(found: Any, function: FunctionType) -> bool:
    """Whether a decorator has made something else of a function, or has left a mark on it."""
    found = found.func if isinstance(found, functools.partial) else found
    return found is not function or hasattr(found, "__wrapped__") or bool(vars(found))


def _entries(value: Any) -> Iterator[tuple[FunctionType, Any, tuple[Any, ...]]]:
    """The person's own functions in a flow, a task, a step, a tool or a workflow class, with the object of each.

    Of a class, what its other functions call comes last, and what is decorated is on the way to what it does.
    """
    if not inspect.isclass(value):
        if (function := own_function(value)) is not None:
            yield function, _owner(value), ()
        return
    own = [(one, function) for one in vars(value).values() if (function := own_function(one)) is not None]
    named = {name for _one, function in own for name in names_of(function.__code__).attributes}
    for one, function in sorted(own, key=lambda pair: pair[1].__name__ in named):
        yield function, _owner(one) or value, (one,) if _is_decorated(one, function) else ()


def _owner(value: Any) -> Any:
    """The object whose function this is: a bound method's, or the object itself if that is called."""
    bare = value.func if isinstance(value, functools.partial) else value
    called = bare if callable(bare) and not isinstance(bare, FunctionType | MethodType | type) else None
    return getattr(bare, "__self__", None if hasattr(bare, "fn") else called)


def functions_of_modules() -> list[Any]:
    """Every function that the person's own modules hold, and every method of their classes, each once."""
    held = [value for module in own_modules() for value in [*vars(module).values()]]
    methods = [one for kind in held if inspect.isclass(kind) and is_own(kind) for one in vars(kind).values()]
    return list({id(one): one for one in (*held, *methods) if inspect.isfunction(one) and own_function(one)}.values())


def _methods(kind: type[Any]) -> Iterator[FunctionType]:
    """What runs, unnamed, when a class of the person's own is called, or what that makes."""
    for _name, member in attributes(kind, ("__init__", "__post_init__", "__call__", "__aenter__", "__enter__")):
        if (function := own_function(member)) is not None:
            yield function


def _unseen(function: FunctionType, owner: Any, names: Names) -> Iterator[tuple[str, Unseen]]:
    """What a method, or a function inside one, takes from its object, and nobody sees there.

    The class of that, or the object itself, does not have it, and does not say that it is a text or a number.
    """
    code, kind = function.__code__, owner if inspect.isclass(owner) else type(owner)
    itself = code.co_varnames[: min(1, code.co_argcount)] if "self" not in code.co_freevars else ("self",)
    if not itself or isinstance(inspect.getattr_static(owner, function.__name__, None), staticmethod):
        return
    empty = not inspect.isclass(owner)
    known = {name for name, value in attributes(owner, names.attributes) if not (empty and value is None)}
    for name in names.attributes:
        if name not in known and names.takes(itself[0], name) and name not in said_plain(kind):
            yield name, Unseen(kind, empty)


def is_own(kind: type[Any]) -> bool:
    """Whether a class is the person's own."""
    if any(own_function(member) is not None for member in vars(kind).values()):
        return True
    return is_own_class(kind)


def _may_take(names: Names, holder: Any) -> tuple[str, ...]:
    """The names of what code may take from an object: all there are, if it makes names itself."""
    mine = is_own(holder if inspect.isclass(holder) else type(holder))
    made = every_name(holder) if mine and not {"getattr", "vars"}.isdisjoint(names.variables) else ()
    return (*names.attributes, *made, *(IMPLICIT if mine else ()))
