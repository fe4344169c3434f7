"""Code of a person's own that decides by what an error, or its response, says: only the provider knows these words.

What is decided by a status, a header or a type is the same whatever is said, and needs no words.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any

from harness.audits.asking.judging import BY_STATUS, answered, asking, methods_of
from harness.audits.reach import own_function
from harness.audits.sources import last_name, scope_of, tree_of
from harness.subjects.importing import is_own_class

HEEDED = "its code decides by what an error says, and only the provider knows what that is"
_NO_WORDS = BY_STATUS | {"status", "retry_after", "errno", "response_headers", "__class__", "__cause__", "__context__"}
"""What an error has besides words."""
_OF_TYPES = frozenset({"isinstance", "issubclass", "type", "hasattr", "callable", "id", "float", "int"})
"""Calls that ask what something is, and not what it says."""

Trees = Mapping[str, ast.AST]


def heeds(value: Any, *, answers: bool) -> bool:
    """Whether an object or a function of the person's own decides by what an error says, or by its response's words.

    Only some are handed responses as `answers`.
    """
    functions = dict(_functions(value))
    trees = {name: tree for name, function in functions.items() if (tree := tree_of(function.__code__)) is not None}
    asks = asking(trees)
    heard = {name: set(_parameters(trees[name])) for name in _conditions(value) if name in trees}
    while True:
        known = {name: _known(tree, heard.get(name, set()), asks if answers else set()) for name, tree in trees.items()}
        told = [one for name, tree in trees.items() for one in _told(tree, known[name], trees)]
        if all(parameter in heard.get(name, ()) for name, parameter in told):
            break
        for name, parameter in told:
            heard.setdefault(name, set()).add(parameter)
    return any(_decides(tree, known[name], trees, returns=name not in asks) for name, tree in trees.items())


def _functions(value: Any) -> Iterator[tuple[str, FunctionType]]:
    """The person's own functions that an object has, or is, by the names by which they call each other."""
    kept = getattr(value, "__dict__", {}).values() if is_own_class(type(value)) else ()
    kinds = (type(one) for one in (value, *kept))
    members = [member for kind in kinds if is_own_class(kind) for member in methods_of(kind)]
    members += [*getattr(value, "__dict__", {}).items(), (getattr(value, "__name__", ""), value)]
    members += [condition for _name, member in members for condition in _of_tenacity(member)]
    named = {name: own for name, member in members if (own := own_function(member)) is not None}  # the last replaces
    waiting, seen = [*named.items()], set[str]()
    while waiting:
        name, function = waiting.pop(0)
        if name not in seen:
            seen.add(name)
            yield name, function
            scope = scope_of(function)
            near = ((one, scope.get(one)) for one in function.__code__.co_names)
            waiting += [
                (one, own) for one, found in near if isinstance(found, FunctionType) and (own := own_function(found))
            ]


def _conditions(value: Any) -> Iterator[str]:
    """Those of them that are handed an error, or a response, by somebody else."""
    yield getattr(value, "__name__", "")
    members = [*getattr(value, "__dict__", {}).items(), *methods_of(type(value))]
    yield from (name for _name, member in members for name, _condition in _of_tenacity(member))


def _of_tenacity(member: Any) -> Iterator[tuple[str, Any]]:
    """What a decorator of tenacity's, or the policies of its transport, ask whether to try again."""
    policies = [getattr(getattr(member, "retry", None), "retry", None)]
    policies += [*member.values()] if isinstance(member, dict) else []
    for policy in policies:
        found = (policy, *getattr(policy, "__dict__", {}).values())
        yield from ((one.__name__, one) for one in found if isinstance(one, FunctionType) and own_function(one))


def _parameters(tree: ast.AST) -> list[str]:
    made = next(
        (one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)), None
    )
    arguments = [one.arg for one in (*made.args.posonlyargs, *made.args.args, *made.args.kwonlyargs)] if made else []
    return [one for one in arguments if one not in ("self", "cls")]


def _known(tree: ast.AST, heard: set[str], asks: set[str]) -> set[str]:
    """The names of errors and of responses, and of what is made of their words."""
    caught = {one.name for one in ast.walk(tree) if isinstance(one, ast.ExceptHandler) and one.name}
    return answered(tree, asks, heard | caught, _hears)


def _told(tree: ast.AST, known: set[str], trees: Trees) -> Iterator[tuple[str, str]]:
    """The parameters of others to which these are handed."""
    for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call) and last_name(one.func) in trees):
        name, handed = last_name(call.func), _parameters(trees[last_name(call.func)])
        yield from ((name, one) for one, given in zip(handed, call.args, strict=False) if _hears(given, known))
        yield from ((name, one.arg) for one in call.keywords if one.arg in handed and _hears(one.value, known))


def _decides(tree: ast.AST, known: set[str], trees: Trees, *, returns: bool) -> bool:
    """Whether code goes one way or another by words. What a function `returns` that asks nobody, others decide by."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert) and _tests(node.test, known, trees):
            return True
        if isinstance(node, ast.Match) and _tests(node.subject, known, trees):
            return True
        if isinstance(node, ast.Return | ast.Lambda) and returns:
            said = node.value if isinstance(node, ast.Return) else node.body
            if said is not None and _tests(said, known, trees):
                return True
    return False


def _tests(node: ast.AST, known: set[str], trees: Trees) -> bool:
    """Whether a condition looks at words. Whether there is an error at all is none of them."""
    if isinstance(node, ast.BoolOp):
        return any(_tests(one, known, trees) for one in node.values)
    if isinstance(node, ast.UnaryOp):
        return _tests(node.operand, known, trees)
    if isinstance(node, ast.Compare) and all(isinstance(one, ast.Is | ast.IsNot) for one in node.ops):
        return False
    if isinstance(node, ast.Call) and last_name(node.func) in trees:
        return False  # it is looked at itself
    return not isinstance(node, ast.Name) and _hears(node, known)


def _hears(node: ast.AST, known: set[str]) -> bool:
    """Whether an expression looks at more of an error than what has no words."""
    if isinstance(node, ast.Attribute) and node.attr in _NO_WORDS:
        return False
    if isinstance(node, ast.Call):
        named = {one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        if last_name(node.func) in _OF_TYPES or (last_name(node.func) == "getattr" and named & _NO_WORDS):
            return False
    if isinstance(node, ast.Name):
        return node.id in known
    return any(_hears(inner, known) for inner in ast.iter_child_nodes(node))
