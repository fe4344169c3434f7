"""What a person's code makes of an error on its way up: `except Theirs as error: raise Ours() from error`.

Or an answer: then nobody hears of the error who does not try again after results.

Which types are caught and raised is read out of the source. An error may also come up as it is, but where a `try` is
plainly around whatever fails.
"""

from __future__ import annotations

import ast
import builtins
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic_ai import ModelRetry

from harness.audits.reach import Reached, is_own, own_function
from harness.audits.sources import last_name, scope_of, tree_of
from harness.audits.spelled import MAKERS, Spelled
from harness.subjects.bare import bare, silent, silent_about
from harness.subjects.importing import is_theirs
from harness.subjects.wrapping import wrappers

Kind = type[BaseException]


Try = ast.Try | ast.TryStar
RAISES = "raise_for_status"
"""The method that makes an error of an answer with a bad status."""


@dataclass(frozen=True)
class Trying:
    """A `try` in some code; `spelled` is what that spells out, where its function is known."""

    node: Try
    code: CodeType
    spelled: Spelled | None = None


@dataclass(frozen=True)
class Translating:
    """Some code, of some of which there may be no source, and what the names in it are.

    `tries` are those in it whose `except` clauses raise something. `made` are the errors by which others go that it
    makes elsewhere: an engine goes by its own types, an agent by what is for its model. `around` are, for each place
    that names what is asked, those of the `tries` that it is in, and `reading` the same where a bad status is raised.
    """

    trees: Sequence[ast.Module | None] = ()
    tries: Sequence[Trying] = ()
    known: Mapping[str, Any] = field(default_factory=dict)
    made: Sequence[BaseException] = ()
    around: Sequence[Sequence[Trying]] = ()
    reading: Sequence[Sequence[Trying]] = ()

    @property
    def validates(self) -> bool:
        """Whether it names anything of pydantic's that an answer may be checked with."""
        kinds = (value if inspect.isclass(value) else type(value) for value in self.known.values())
        return any(issubclass(kind, BaseModel | TypeAdapter) for kind in kinds)

    def about(self, one: Reached) -> Translating:
        """The same, for one of all that the code asks."""
        name, users = one.name.rpartition(".")[2], one.users
        around = [self._holding(place, user) for user in users for place in _places(name, user)]
        reading = [self._holding(place, user) for user in users for place in _places(RAISES, user)]
        return replace(self, around=around, reading=reading)

    def _holding(self, place: ast.AST, user: FunctionType) -> list[Trying]:
        mine = (one for one in self.tries if one.code is user.__code__)
        return [one for one in mine if any(place is node for part in one.node.body for node in _run(part))]

    def of(self, error: BaseException) -> Iterator[BaseException]:
        """The errors that may come up in place of this one: each as one that says nothing but its type, and as it is.

        A condition that looks at more than the type ends at the former, so that nobody knows its answer. One of an
        engine's own types is known as far as the code spells it out.
        """
        seen: list[Kind | str] = []
        waiting = [error]
        for one in waiting:
            for trying in self.tries:
                for said, *forms in self._raised(trying, one):
                    if said not in seen:
                        seen.append(said)
                        waiting.append(forms[-1])
                        yield from forms

    def lets_up(self, error: BaseException, *, read: bool = False) -> bool:
        """Whether an error may come up as it is: not if, wherever it may come from, another is made of it.

        One that is `read` out of an answer comes from where a bad status is raised.
        """
        places = self.reading if read else self.around
        return not places or not all(any(self._replaces(one, error) for one in tries) for tries in places)

    def _replaces(self, trying: Trying, error: BaseException) -> bool:
        """Whether a `try` surely raises something else in place of an error."""
        taking = list(self._taking(trying.node.handlers, error))
        raised = [node.exc for node in _within(taking) if isinstance(node, ast.Raise)]
        if not taking or not self._surely(taking[-1], error) or any(map(_goes_on, taking)):
            return False
        return all(one is not None and self._types(one) for one in raised)

    def takes(self, error: BaseException) -> bool:
        """Whether the code may take this error for an answer, and come to its end."""
        return any(tree is None or any(self._ends(node, error) for node in ast.walk(tree)) for tree in self.trees)

    def catches(self, error: BaseException) -> bool:
        """Whether a clause of it may take this error, whatever it does then."""
        nodes = (node for tree in self.trees if tree is not None for node in ast.walk(tree))
        tries = (node for node in nodes if isinstance(node, ast.Try | ast.TryStar))
        return any(True for node in tries for _clause in self._taking(node.handlers, error))

    def _ends(self, node: ast.AST, error: BaseException) -> bool:
        """Whether this error may end in a piece of code."""
        if isinstance(node, ast.Try | ast.TryStar):
            return any(map(_goes_on, self._taking(node.handlers, error))) or _returns(node.finalbody)
        if isinstance(node, ast.With | ast.AsyncWith):
            return any(self._suppresses(item.context_expr, error) for item in node.items)
        return isinstance(node, ast.keyword) and node.arg == "return_exceptions"

    def _taking(self, clauses: Sequence[ast.ExceptHandler], error: BaseException) -> Iterator[ast.ExceptHandler]:
        """The clauses that may take an error: those that say what nobody knows, and the first one that surely does."""
        for clause in clauses:
            if clause.type is None or self._names(clause.type, error):
                yield clause
            if self._surely(clause, error):
                return

    def _surely(self, clause: ast.ExceptHandler, error: BaseException) -> bool:
        return clause.type is None or isinstance(error, tuple(self._types(clause.type)))

    def _names(self, said: ast.expr, error: BaseException) -> bool:
        """Whether an expression names a type of this error, for all that is known."""
        every = said.elts if isinstance(said, ast.Tuple) else (said,)
        return any(not kinds or isinstance(error, tuple(kinds)) for kinds in map(self._types, every))

    def _suppresses(self, said: ast.expr, error: BaseException) -> bool:
        """Whether a context manager may: the library's own that is for it, and any of the person's own."""
        called = said.func if isinstance(said, ast.Call) else said
        if last_name(called) == suppress.__name__ and isinstance(said, ast.Call):
            return any(self._names(one, error) for one in said.args)
        manager = self.known.get(last_name(called))
        return own_function(manager) is not None or is_own(manager if inspect.isclass(manager) else type(manager))

    def _raised(self, trying: Trying, error: BaseException) -> Iterator[tuple[Any, ...]]:
        """What is raised by the clause that takes this error: what says which it is, and what is known of it.

        What it hides may be any type of the person's own.
        """
        taking = (one for one in trying.node.handlers if self._surely(one, error))
        for node in ast.walk(next(taking, ast.Module([], []))):
            if isinstance(node, ast.Raise) and node.exc is not None:
                kinds = self._types(node.exc) or self._hidden(node.exc)
                if trying.spelled and any(map(_is_told, kinds)) and (one := _told(trying.spelled, node.exc)):
                    yield ast.dump(node.exc), one
                else:
                    yield from ((kind, silent(kind), bare(kind, "harness")) for kind in kinds)

    def _hidden(self, raised: ast.expr) -> list[Kind]:
        if not isinstance(raised, ast.Call):
            return []  # a variable: mostly what was caught
        return [kind for value in self.known.values() for kind in _kinds(value) if is_own(kind)]

    def _types(self, said: ast.expr) -> list[Kind]:
        """The exceptions that an expression names, or makes."""
        if isinstance(said, ast.Tuple):
            return [kind for one in said.elts for kind in self._types(one)]
        name = last_name(said.func if isinstance(said, ast.Call) else said)
        return _kinds(self.known.get(name, getattr(builtins, name, None)))


NOTHING = Translating()
"""Code that lets every error up as it is."""


def translating(found: Iterable[Reached], *bodies: Any) -> Translating:
    """What the code makes of errors that names all this, and what decorators of one's own do around it.

    `bodies` are the functions that it was found in.
    """
    found = list(found)
    decorated = [*bodies, *(helper for one in found for helper in one.through)]
    around = list(dict.fromkeys(wrapper for one in decorated for wrapper in _wrapping(one)))
    codes = dict.fromkeys([*(one.by for one in found), *(wrapper.__code__ for wrapper in around)])
    users = dict.fromkeys([*around, *(user for one in found for user in one.users)])
    functions = {user.__code__: user for user in users}
    tries = [Trying(node, code, _spelled(functions.get(code))) for code in codes for node in _tries(code)]
    trees = [tree_of(code) for code in codes if code.co_name.isidentifier()]  # no other holds a statement
    known = {name: value for one in around for name, value in _named(one)} | {one.name: one.value for one in found}
    return Translating(trees, tries, known, [error for user in users for error in _made_in(user, known)])


def _made_in(function: FunctionType, known: Mapping[str, Any]) -> Iterator[BaseException]:
    """The errors by which others go that some code makes outside of its `except` clauses, as far as it spells them
    out; of what only a run shows, those that tell nothing but their type.
    """
    told = {name for name, value in known.items() if any(map(_is_told, _kinds(value)))}
    if told.isdisjoint(function.__code__.co_names) or (tree := tree_of(function.__code__)) is None:
        return
    for node in _outside(tree):
        if isinstance(node, ast.Call) and (name := last_name(node.func)) in told:
            error = _told(Spelled(function, tree), node)
            yield from [error] if error else map(silent, _kinds(known[name]))


def _told(spelled: Spelled, made: ast.expr) -> BaseException | None:
    """An error of an engine's own types, silent about what it tells the engine and is not spelled out.

    Its text tells nothing. None where nobody knows what it is told.
    """
    called, keywords = (made.func, made.keywords) if isinstance(made, ast.Call) else (made, [])
    known = [one for one in keywords if spelled.tells(one.value)]
    untold = [one.arg for one in keywords if one not in known]
    with suppress(ValueError):
        error = spelled.value(ast.Call(called, [ast.Constant("harness")], known))
        names = [name for name in untold if name is not None and hasattr(error, name)]
        if isinstance(error, BaseException) and len(names) == len(untold):
            return silent_about(error, names) if names else error
    return None


def _spelled(function: FunctionType | None) -> Spelled | None:
    tree = tree_of(function.__code__) if function else None
    return Spelled(function, tree) if function and tree else None


def _places(name: str, function: FunctionType) -> list[ast.AST]:
    """Where some code names this."""
    tree = tree_of(function.__code__)
    return [node for node in ast.walk(tree) if last_name(node) == name] if tree else [ast.Name(name)]


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All of a piece of code that runs where it stands."""
    yield node
    if not isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
        for inner in ast.iter_child_nodes(node):
            yield from _run(inner)


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """All of a piece of code but what is in `except` clauses."""
    yield node
    for inner in ast.iter_child_nodes(node):
        if not isinstance(inner, ast.ExceptHandler):
            yield from _outside(inner)


def _is_told(kind: Kind) -> bool:
    """Whether who is around goes by what such an error is: an engine by one of its own types, an agent by its word."""
    return issubclass(kind, ModelRetry) or any(base.__module__.startswith(MAKERS) for base in kind.__mro__)


def _wrapping(value: Any) -> Iterator[FunctionType]:
    """The functions of one's own that are around a function, and call it."""
    for one in wrappers(value):
        function = one if isinstance(one, FunctionType) else getattr(type(one), "__call__", None)  # noqa: B004
        if isinstance(function, FunctionType) and is_theirs(function.__code__.co_filename):
            yield function


def _named(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function names, in its module, its closure and the modules that it names."""
    known = scope_of(function)
    code = function.__code__
    found = {name: known[name] for name in (*code.co_names, *code.co_freevars) if name in known}
    modules = [vars(one) for one in found.values() if isinstance(one, ModuleType)]
    yield from ((name, module[name]) for module in modules for name in code.co_names if name in module)
    yield from found.items()


@cache
def _tries(code: CodeType) -> tuple[Try, ...]:
    """Each `try` of some code whose clauses raise anything; nothing where there is no source."""
    if (tree := tree_of(code)) is None:
        return ()
    every = (node for node in ast.walk(tree) if isinstance(node, Try))
    return tuple(one for one in every if any(isinstance(node, ast.Raise) for node in _within(one.handlers)))


def _goes_on(clause: ast.ExceptHandler) -> bool:
    """Whether a clause may do anything else in the end than raise."""
    return not isinstance(clause.body[-1], ast.Raise) or _returns(clause.body)


def _returns(body: Sequence[ast.stmt]) -> bool:
    leaving = ast.Return | ast.Break | ast.Continue
    return any(isinstance(node, leaving) for statement in body for node in ast.walk(statement))


def _within(clauses: Sequence[ast.ExceptHandler]) -> Iterator[ast.AST]:
    for clause in clauses:
        yield from ast.walk(clause)


def _kinds(value: Any) -> list[Kind]:
    values = value if isinstance(value, tuple) else (value,)
    return [one for one in values if inspect.isclass(one) and issubclass(one, BaseException)]
