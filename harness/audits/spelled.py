"""What an expression of a person's code is, where it is spelled out, or names what is there before anything runs."""

from __future__ import annotations

import ast
import inspect
import operator
import sys
from collections import Counter
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from types import FunctionType, ModuleType
from typing import Any

from harness.audits.naming import parameters_of
from harness.audits.sources import scope_of

MAKERS = ("datetime", "dbos.", "temporalio.")
"""Modules whose classes are called to know what they make: they only keep what they are given."""
_OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


class Spelled:
    """The expressions in the code of one function, whose source is `tree`.

    `local` are those that its own names stand for, where each has one meaning: assigned, or entered by a `with`.
    """

    def __init__(self, function: FunctionType, tree: ast.AST) -> None:
        bound = Counter(name for node in ast.walk(tree) for name in _bound(node))
        assigned = [pair for node in ast.walk(tree) for pair in _assigned(node)]
        self._once = {name: value for name, value in assigned if bound[name] == 1}
        entered = (pair for node in ast.walk(tree) for pair in _entered(node))
        self.local = self._once | {name: value for name, value in entered if bound[name] == 1}
        named = {"dict": dict} | scope_of(function)
        self._known = {name: value for name, value in named.items() if name not in bound}

    def value(self, said: ast.expr) -> Any:
        """What an expression is. Raises `ValueError` for one that only a run knows."""
        try:
            return self._value(said)
        except Exception as error:
            raise ValueError(f"only a run knows what `{ast.unparse(said)}` is") from error

    def tells(self, said: ast.expr) -> bool:
        """Whether it is known what an expression is."""
        try:
            self.value(said)
        except ValueError:
            return False
        return True

    def _value(self, said: ast.expr) -> Any:
        match said:
            case ast.Name(id=name):
                return self._known[name] if name in self._known else _unchanging(self._value(self._once[name]))
            case ast.Attribute(value=holder, attr=name):
                return _taken(self._value(holder), name)
            case ast.Call(func=made, args=args, keywords=keywords):
                given = [self._value(one) for one in args]
                return _made(self._value(made), given, self._merged((one.arg, one.value) for one in keywords))
            case ast.Dict(keys=keys, values=values):
                names = (None if key is None else self._value(key) for key in keys)
                return self._merged(zip(names, values, strict=True))
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](self._value(left), self._value(right))
            case _:
                return ast.literal_eval(said)

    def _merged(self, pairs: Iterator[tuple[Any, ast.expr]]) -> dict[Any, Any]:
        """Names with their values; None stands before what is unpacked among them."""
        found: dict[Any, Any] = {}
        for name, said in pairs:
            value = self._value(said)
            found |= dict(value) if name is None else {name: value}
        return found


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a piece of code gives a meaning of its own."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
        yield node.name


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a piece of code assigns to names."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            yield from ((name.id, value) for name, value in pairs if isinstance(name, ast.Name))
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value and isinstance(node.target, ast.Name):
        yield node.target.id, node.value


def _entered(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a `with` gives a name."""
    if isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
        yield node.optional_vars.id, node.context_expr


def _unchanging(value: Any) -> Any:
    """The value of a variable, if that stays what it was assigned. Raises `TypeError` for what may be added to."""
    if isinstance(value, dict | list | set):
        raise TypeError("what it holds may change")
    return value


def _taken(holder: Any, name: str) -> Any:
    """An attribute that is kept, and not made when somebody asks for it. Raises `AttributeError` for others."""
    if isinstance(holder, ModuleType) or inspect.isclass(holder) or name in getattr(holder, "__dict__", ()):
        return getattr(holder, name)
    kept = inspect.getattr_static(holder, name)
    if isinstance(kept, FunctionType) or not hasattr(kept, "__get__"):
        return getattr(holder, name)
    raise AttributeError(name)


def _made(kind: Any, args: list[Any], keywords: dict[Any, Any]) -> Any:
    """What a class makes of its arguments. Raises `TypeError` for what is no class that only keeps them."""
    if is_mapping(kind) or _is_timeout(kind) or (inspect.isclass(kind) and kind.__module__.startswith(MAKERS)):
        return kind(*args, **keywords)
    if _has_made(kind) and not args and not keywords:
        return kind()
    raise TypeError(f"{kind!r} may do anything")


def _has_made(kind: Any) -> bool:
    """Whether a function without arguments keeps what it has made: asking it again runs nothing."""
    kept = isinstance(kind, _lru_cache_wrapper) and isinstance(kind.__wrapped__, FunctionType)
    return kept and kind.cache_info().currsize == 1 and not parameters_of(kind.__wrapped__.__code__)


def is_mapping(kind: Any) -> bool:
    """Whether this makes a dictionary of what it is given, and nothing else: `dict`, or a `TypedDict`."""
    return kind is dict or (inspect.isclass(kind) and dict in kind.__bases__ and hasattr(kind, "__required_keys__"))


def _is_timeout(kind: Any) -> bool:
    """Whether this is the class of an HTTP library's timeouts, under whatever name an SDK shows it."""
    libraries = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return any(kind is getattr(library, "Timeout", None) for library in libraries if library is not None)
