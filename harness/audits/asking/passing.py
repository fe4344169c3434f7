"""Code of a person's own that is around a call: whether it surely makes that call once, and no more.

It is read, not run. What loops, calls itself, calls in more than one place on a way, or hands the call on to somebody
whom nobody knows, may make it again; then a sentence says so.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from pydantic_ai import ModelRetry

from harness.audits.sources import last_name, scope_of, tree_of
from harness.subjects.importing import is_own_class, is_theirs
from harness.subjects.wrapping import wrappers

WRAPPED = "what it is around"
NEVER = f"calls {WRAPPED} in a way that cannot be seen"
FOR_THE_MODEL = "makes a `ModelRetry` of an error, after which the model may call again"
_ROUND = f"calls {WRAPPED} in a loop, and only a run shows how often that goes round"
_ONCE = frozenset(
    {"to_thread", "run_in_executor", "run_sync", "submit", "partial", "create_task", "ensure_future", "wait_for"}
)
"""Who calls what is handed on once, by the names that asyncio, anyio, `concurrent` and `functools` have for it."""
_LOOKING = frozenset({"debug", "info", "warning", "error", "exception", "log"})
"""Who only looks at what is handed on: a logger, of whatever make."""
_GOING_THROUGH = (map, filter, sorted, min, max)
"""Python's own that call what they are handed for each of many."""
_LOOPS = ast.For | ast.AsyncFor | ast.While
_MADE_UP = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_HIDDEN = object()
"""What nobody knows before a run."""


class Unclear(Exception):
    """Why nobody can say that a call is made once."""


@dataclass(frozen=True)
class Inner:
    """What the code is around: these objects (by `id`), and what code has under these names and attributes.

    `strict` code is so far out that it matters, too, what it makes of an error.
    """

    objects: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    strict: bool = False


def repeating(function: FunctionType, inner: Inner, owner: Any = None) -> str:
    """Why a function may call more than once what it is around; empty if it surely calls it once.

    `owner` is the object whose method it is.
    """
    try:
        calls = _Reading(function, inner, owner).calls()
    except Unclear as unclear:
        return str(unclear)
    if calls == 1:
        return ""
    return f"may call {WRAPPED} more than once" if calls else NEVER


def ends(function: FunctionType, inner: Inner, owner: Any = None) -> bool:
    """Whether a function may take an error of what it is around, or make another of it."""
    return bool(repeating(function, replace(inner, strict=True), owner))


def reacting(function: FunctionType, inner: Inner, owner: Any = None) -> str:
    """Why a function that is called after an error may call once more what has failed; empty if it surely does not."""
    reading = _Reading(function, inner, owner)
    try:
        if reading.calls():
            return "may call the tool again after an error"
    except Unclear as unclear:
        return str(unclear)
    raised = [node.exc for node in _inside(_statements(function)) if isinstance(node, ast.Raise) and node.exc]
    return FOR_THE_MODEL if any(map(_Body(reading).is_for_the_model, raised)) else ""


def takes(function: FunctionType) -> bool:
    """Whether a function that is called after an error may do anything else than raise that."""
    try:
        return not passes(_statements(function), "error")
    except Unclear:
        return True


def calling_again(wrapper: Any) -> str:
    """Why a wrapper of the person's own, if it is one, may call again what it is around; else empty.

    It says what that is (`__wrapped__`), or has it in its closure, its attributes or its arguments, and takes the same.
    """
    if (read := _wrapping(wrapper)) is None:
        return ""
    function, inner, owner = read
    reason = repeating(function, inner, owner)
    known = hasattr(wrapper, "__wrapped__") or reason != NEVER
    return f"{function.__code__.co_qualname} {reason}" if reason and known else ""


def ending(wrapper: Any) -> bool:
    """Whether a wrapper of the person's own, if it is one, may take an error, or make another of it."""
    read = _wrapping(wrapper)
    return read is not None and not calling_again(wrapper) and ends(*read)


def _wrapping(wrapper: Any) -> tuple[FunctionType, Inner, Any] | None:
    """The code of a wrapper of the person's own, what it is around, and the object whose it is; None of another."""
    function, owner, names = _called(wrapper)
    if function is None or own_code(function) is None:
        return None
    says = hasattr(wrapper, "__wrapped__")
    held = (one for one in _held(function, owner) if _is_alike(function, one) and not _calls_a_unit(function, one))
    objects = [*wrappers(wrapper)][1:] if says else [*held]
    inner = Inner(frozenset(map(id, objects)), frozenset(names))
    return (function, inner, owner) if objects or names else None


def _called(wrapper: Any) -> tuple[FunctionType | None, Any, list[str]]:
    """The function that runs where a wrapper is called, the object whose it is, and its names for what it was given."""
    if isinstance(wrapper, functools.partial):
        function, owner, names = _called(wrapper.func)
        given = zip(_positional(function, owner), wrapper.args, strict=False) if function is not None else ()
        return function, owner, [*names, *(name for name, one in (*given, *wrapper.keywords.items()) if _is_own(one))]
    if isinstance(wrapper, FunctionType):
        return wrapper, None, []
    if isinstance(wrapper, MethodType) and isinstance(wrapper.__func__, FunctionType):
        return wrapper.__func__, wrapper.__self__, []
    call = getattr(type(wrapper), "__call__", None)  # noqa: B004  the function is wanted, not whether there is one
    return (call, wrapper, []) if isinstance(call, FunctionType) and not inspect.isclass(wrapper) else (None, None, [])


def _held(function: FunctionType, owner: Any) -> Iterator[Any]:
    """The functions of the person's own that a function has from outside: in its closure, or in its object."""
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # it is empty still
            yield from [cell.cell_contents] if _is_own(cell.cell_contents) else []
    if owner is not None and is_own_class(type(owner)):
        yield from filter(_is_own, vars(owner).values() if hasattr(owner, "__dict__") else ())


def _is_own(value: Any) -> bool:
    bare = inspect.unwrap(value) if callable(value) else None
    return own_code(getattr(bare, "__func__", bare)) is not None


def _is_alike(function: FunctionType, other: Any) -> bool:
    """Whether a function may be a wrapper of another: it has that one's name, or takes whatever that one takes."""
    if function is other:
        return False
    code, taken = function.__code__, inspect.signature(function).parameters
    open_to_all = {one.kind for one in taken.values()} >= {inspect.Parameter.VAR_POSITIONAL}
    own = [name for name in taken if name != "self"]
    return open_to_all or function.__name__ != code.co_name or own == [*inspect.signature(other).parameters]


def _calls_a_unit(function: FunctionType, other: Any) -> bool:
    """Whether both bear a mark of somebody's: a workflow that asks for an activity is no decorator on it."""
    return bool(vars(function)) and bool(getattr(other, "__dict__", None))


def own_code(function: Any) -> CodeType | None:
    """The code of a plain function, if that is the person's own."""
    code = getattr(function, "__code__", None)
    return code if isinstance(function, FunctionType) and code and is_theirs(code.co_filename) else None


@dataclass(frozen=True)
class _Reading:
    """One function that is read, and those (`within`) that have led to it. `known` are its own names for the call."""

    function: FunctionType
    inner: Inner
    owner: Any = None
    within: tuple[FunctionType, ...] = ()
    again: set[FunctionType] = field(default_factory=set)

    def calls(self) -> int:
        """How often it calls what it is around, at most."""
        if self.function in self.within:
            self.again.add(self.function)
            return 0
        calls = _Body(self).block(_statements(self.function))
        if calls and self.function in self.again:
            raise Unclear("calls itself again")
        return calls

    def of(self, function: FunctionType, owner: Any, names: Iterable[str]) -> int:
        """The same of a function that this one calls, which has been handed the call under these names."""
        inner = replace(self.inner, names=frozenset(names))
        return _Reading(function, inner, owner, (*self.within, self.function), self.again).calls()

    @functools.cached_property
    def scope(self) -> dict[str, Any]:
        """What its names are that it does not make itself."""
        made = {*self.function.__code__.co_varnames, *self.function.__code__.co_cellvars}
        known = {**vars(builtins), **scope_of(self.function)}
        known = {name: value for name, value in known.items() if name not in made}
        first = self.function.__code__.co_varnames[:1]
        return known | (dict.fromkeys(first, self.owner) if self.owner is not None else {})

    def value(self, said: ast.AST) -> Any:
        """What an expression is, as far as that is known before."""
        if isinstance(said, ast.Name):
            return self.scope.get(said.id, _HIDDEN)
        if not isinstance(said, ast.Attribute):
            return _HIDDEN
        holder = self.value(said.value)
        if isinstance(holder, ModuleType):
            return getattr(holder, said.attr, _HIDDEN)
        if holder is _HIDDEN or not is_own_class(type(holder)):
            return _HIDDEN
        found = getattr(holder, "__dict__", {}).get(said.attr, _HIDDEN)
        if found is _HIDDEN:
            found = inspect.getattr_static(type(holder), said.attr, _HIDDEN)
            found = MethodType(found, holder) if isinstance(found, FunctionType) else found
        return found


class _Body:
    """The statements of one function. `aliases` are its names for what it is around, and how often each calls that."""

    def __init__(self, reading: _Reading) -> None:
        self.reading = reading
        self.aliases: dict[str, int] = dict.fromkeys(reading.inner.names, 1)

    def block(self, statements: Sequence[ast.stmt]) -> int:
        """How often statements make the call on the way that makes it most often."""
        if not statements:
            return 0
        first, rest = statements[0], statements[1:]
        if isinstance(first, ast.If | ast.Match):
            ways = [first.body, first.orelse] if isinstance(first, ast.If) else [case.body for case in first.cases]
            test = first.test if isinstance(first, ast.If) else first.subject
            counted = [(self.block(way), way) for way in ways]
            after = self.block(rest)
            return self.all(test) + max(0, *(calls + (0 if _leaves(way) else after) for calls, way in counted))
        calls = self.statement(first)
        return calls if _leaves([first]) else calls + self.block(rest)

    def statement(self, said: ast.stmt) -> int:
        """How often one statement does."""
        if isinstance(said, ast.FunctionDef | ast.AsyncFunctionDef):
            return self.defined(said)
        if isinstance(said, _LOOPS):
            again = self.block(said.body) + (self.all(said.test) if isinstance(said, ast.While) else 0)
            if again:
                raise Unclear(_ROUND)
            return self.block(said.orelse) + (0 if isinstance(said, ast.While) else self.all(said.iter))
        if isinstance(said, ast.Try | ast.TryStar):
            return self.attempt(said)
        if isinstance(said, ast.With | ast.AsyncWith):
            inside, around = self.block(said.body), sum(self.all(item.context_expr) for item in said.items)
            if inside and self.reading.inner.strict:
                for item in said.items:
                    self.check_manager(item.context_expr)
            return inside + around
        if isinstance(said, ast.Assign | ast.AnnAssign | ast.AugAssign) and said.value is not None:
            return self.assigned(said, said.value)
        return self.all(said)

    def defined(self, said: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        """A function inside the function is another name for what it calls."""
        if calls := self.block(said.body):
            if said.decorator_list:
                raise Unclear(f"calls {WRAPPED} in `{said.name}`, around which is a decorator")
            if any(isinstance(one, ast.Call) and last_name(one.func) == said.name for one in ast.walk(said)):
                raise Unclear(f"calls {WRAPPED} in `{said.name}`, which calls itself again")
            self.aliases[said.name] = calls
        return 0

    def attempt(self, said: ast.Try | ast.TryStar) -> int:
        """What a `try` does, and at worst one of its clauses; what these make of an error has to be read, too."""
        body = self.block(said.body)
        clauses = [self.block(clause.body) for clause in said.handlers]
        if body:
            for clause in said.handlers:
                self.check_clause(clause)
        return body + max(0, self.block(said.orelse), *clauses) + self.block(said.finalbody)

    def check_clause(self, clause: ast.ExceptHandler) -> None:
        """A clause may make a `ModelRetry` of an error, after which the model calls again; far out, anything else."""
        raised = [node.exc for node in ast.walk(clause) if isinstance(node, ast.Raise) and node.exc is not None]
        if any(map(self.is_for_the_model, raised)):
            raise Unclear(FOR_THE_MODEL)
        if self.reading.inner.strict and not passes(clause.body, clause.name):
            raise Unclear("makes something else of an error")

    def is_for_the_model(self, said: ast.expr) -> bool:
        kind = self.reading.value(said.func if isinstance(said, ast.Call) else said)
        return inspect.isclass(kind) and issubclass(kind, ModelRetry)

    def check_manager(self, said: ast.expr) -> None:
        """A context manager may take an error: the library's own that is for it, and any of the person's own."""
        called = said.func if isinstance(said, ast.Call) else said
        manager = self.reading.value(called)
        own = is_own_class(manager if inspect.isclass(manager) else type(manager))
        if last_name(called) == "suppress" or own or own_code(inspect.unwrap(manager)) is not None:
            raise Unclear(f"calls {WRAPPED} inside of `{last_name(called)}`, which may make something else of an error")

    def assigned(self, said: ast.stmt, value: ast.expr) -> int:
        """A name may be another one for the call."""
        targets = said.targets if isinstance(said, ast.Assign) else [getattr(said, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if names and (calls := self.meant(value)):
            self.aliases |= dict.fromkeys(names, calls)
            return 0
        return self.all(value)

    def all(self, said: ast.AST) -> int:
        """How often everything in a piece of code makes the call."""
        if isinstance(said, ast.Call):
            return self.call(said)
        if isinstance(said, ast.Compare | ast.FormattedValue):
            return sum(self.all(one) for one in ast.iter_child_nodes(said) if not self.meant(one))
        if isinstance(said, ast.Attribute) and self.meant(said.value):
            return 0
        if isinstance(said, ast.Name | ast.Attribute) and isinstance(said.ctx, ast.Load) and self.meant(said):
            raise Unclear(f"keeps {WRAPPED}, and only a run shows how often that is called")
        if isinstance(said, ast.Lambda):
            return 0
        if isinstance(said, ast.IfExp):
            return self.all(said.test) + max(self.all(said.body), self.all(said.orelse))
        calls = sum(map(self.all, ast.iter_child_nodes(said)))
        if isinstance(said, _MADE_UP) and calls:
            raise Unclear(_ROUND)
        return calls

    def meant(self, said: ast.AST) -> int:
        """How often calling an expression makes the call; 0 if it is nothing of the kind."""
        inner = self.reading.inner
        if isinstance(said, ast.Name) and said.id in self.aliases:
            return self.aliases[said.id]
        if isinstance(said, ast.Lambda):
            return self.all(said.body)
        if isinstance(said, ast.Call) and last_name(said.func) == "partial":
            return max((self.meant(one) for one in said.args), default=0)
        if isinstance(said, ast.Attribute) and said.attr in inner.attributes:
            return 0 if self.is_itself(said.value) else 1
        return int(id(self.reading.value(said)) in inner.objects)

    def is_itself(self, said: ast.expr) -> bool:
        first = self.reading.function.__code__.co_varnames[:1]
        return isinstance(said, ast.Name) and (said.id,) == first

    def call(self, said: ast.Call) -> int:
        """A call: of what the function is around, or of a function that does that, or is handed it."""
        arguments = [*said.args, *(keyword.value for keyword in said.keywords)]
        before = sum(self.all(one) for one in arguments if not self.meant(one))
        if meant := self.meant(said.func):
            return before + meant
        before += self.all(said.func)
        handed = max(map(self.meant, arguments), default=0)
        return before + self.helper(said, handed)

    def helper(self, said: ast.Call, handed: int) -> int:
        """How often another function makes the call that is `handed` to it, or that it knows itself."""
        value, name = self.reading.value(said.func), last_name(said.func)
        function, owner = getattr(value, "__func__", value), getattr(value, "__self__", None)
        if isinstance(value, FunctionType | MethodType) and own_code(function) is not None:
            if not handed and (owner is None or owner is not self.reading.owner) and not self.knows(function):
                return 0
            return self.reading.of(function, owner, _names_of(function, owner, said, self.meant))
        if not handed:
            return 0
        if name in _ONCE or self.delegates(said.func):
            return handed
        if name in _LOOKING or _is_pythons(value):
            return 0
        raise Unclear(f"hands {WRAPPED} on to `{name or 'another'}`, and only a run shows how often that calls it")

    def delegates(self, said: ast.expr) -> bool:
        """Whether this is the same method of somebody else's, which passes the call on."""
        return isinstance(said, ast.Attribute) and said.attr == self.reading.function.__code__.co_name

    def knows(self, function: FunctionType) -> bool:
        """Whether a function has the call by itself, in its closure or its module; or is one that is being read."""
        if function is self.reading.function or function in self.reading.within:
            return True
        held = inspect.getclosurevars(function)
        return any(id(one) in self.reading.inner.objects for one in (*held.nonlocals.values(), *held.globals.values()))


def passes(body: Sequence[ast.stmt], error: str | None) -> bool:
    """Whether a clause that took an error lets it up as it is in the end."""
    inside = _inside(body)
    raised = [node.exc for node in inside if isinstance(node, ast.Raise)]
    returned = any(isinstance(node, ast.Return | ast.Break | ast.Continue) for node in inside)
    same = all(exc is None or (isinstance(exc, ast.Name) and exc.id == error) for exc in raised)
    return isinstance(body[-1], ast.Raise) and same and not returned


def _inside(body: Sequence[ast.stmt]) -> list[ast.AST]:
    return [node for statement in body for node in ast.walk(statement)]


def _names_of(function: FunctionType, owner: Any, said: ast.Call, meant: Callable[[ast.AST], int]) -> Iterator[str]:
    """The names under which a function has what a call hands to it."""
    for name, argument in zip(_positional(function, owner), said.args, strict=False):
        if meant(argument):
            yield name
    yield from (keyword.arg for keyword in said.keywords if keyword.arg and meant(keyword.value))


def _positional(function: FunctionType, owner: Any) -> Sequence[str]:
    """The names of what a function takes by position, without the object whose it is."""
    return function.__code__.co_varnames[(0 if owner is None else 1) : function.__code__.co_argcount]


def _leaves(statements: Sequence[ast.stmt]) -> bool:
    """Whether nothing comes after these statements."""
    return bool(statements) and isinstance(statements[-1], ast.Return | ast.Raise)


def _is_pythons(value: Any) -> bool:
    """Whether this is Python's own, which only looks at what it is given."""
    home = str(getattr(value, "__module__", None) or "").partition(".")[0]
    return home in ("builtins", "inspect", "asyncio") and not any(value is one for one in _GOING_THROUGH)


def _statements(function: FunctionType) -> list[ast.stmt]:
    """What a function does, out of its source; raises `Unclear` if there is none."""
    code = function.__code__
    for node in ast.walk(tree_of(code) or ast.Module([], [])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            return node.body
        if isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            return [ast.Expr(node.body)]
    raise Unclear("has no source that could be read")
