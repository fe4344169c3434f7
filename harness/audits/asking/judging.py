"""Code of a person's own that looks at what it was answered and may ask again: for which answers only a run shows.

An answer that says nothing can be tried, and is; any other may be judged otherwise.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from harness.audits.asking.conditions import reads_results
from harness.audits.reach import own_function
from harness.audits.sources import last_name, tree_of

JUDGED = "its code looks at what it was answered and may ask again, and for which answers only a run shows"
BY_STATUS = frozenset(
    {"status_code", "is_success", "is_error", "is_client_error", "is_server_error", "is_redirect", "headers"}
    | {"raise_for_status", "reason_phrase", "http_version"}
)
"""What an answer says besides its content: of an answer that is well, it is always the same."""
_METHODS = frozenset({"request", "send", "post", "handle_request", "handle_async_request"})
"""By which a model, a client and a transport ask whoever is below them."""
_LOOPS = ast.For | ast.AsyncFor | ast.While


def judges(value: Any) -> bool:
    """Whether a class of the person's own, of which this is an object, may ask again after an answer that is well."""
    methods = dict(methods_of(type(value)))
    trees = _trees(methods)
    asked = asking(trees)
    return any(map(_reads_results, methods.values())) or any(_asks_again(tree, asked) for tree in trees.values())


def asks_once(value: Any, method: str) -> bool:
    """Whether a method of the person's own asks whoever is below by the same name, and no more than once."""
    tree = _trees(dict(methods_of(type(value)))).get(method)
    calls = [] if tree is None else _calls(tree, _METHODS | {method})
    return tree is not None and [last_name(call.func) for call in calls] == [method] and not _looped(tree, calls)


def _trees(methods: Mapping[str, Any]) -> dict[str, ast.AST]:
    functions = {name: own_function(method) for name, method in methods.items()}
    parsed = {name: tree_of(function.__code__) for name, function in functions.items() if function is not None}
    return {name: tree for name, tree in parsed.items() if tree is not None}


def methods_of(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """The methods of a class and its bases, those that others replace before them."""
    for name, member in ((name, member) for base in reversed(kind.__mro__) for name, member in vars(base).items()):
        if inspect.isroutine(member):
            yield name, member


def asking(trees: Mapping[str, ast.AST]) -> set[str]:
    """The names of the methods by which something is asked, and of those that call them."""
    asking = set(_METHODS)
    while fresh := {name for name, tree in trees.items() if name not in asking and _calls(tree, asking)}:
        asking |= fresh
    return asking


def _calls(tree: ast.AST, names: Collection[str]) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and last_name(node.func) in names]


def _reads_results(method: Any) -> bool:
    """Whether a decorator of tenacity's is around it that looks at what was returned."""
    condition = getattr(getattr(method, "retry", None), "retry", None)
    return callable(condition) and reads_results(condition)


def _asks_again(tree: ast.AST, asking: Collection[str]) -> bool:
    """Whether a function asks in a loop, or more than once, and decides anything by what it was answered."""
    calls = _calls(tree, asking)
    again = len(calls) > 1 or _looped(tree, calls)
    return again and any(_decides(node, _answers(tree, asking)) for node in ast.walk(tree))


def _looped(tree: ast.AST, calls: list[ast.Call]) -> bool:
    return any(call in ast.walk(loop) for loop in ast.walk(tree) if isinstance(loop, _LOOPS) for call in calls)


def _answers(tree: ast.AST, asked: Collection[str]) -> set[str]:
    """The names of what was answered, and of all that is made of it."""
    return answered(tree, asked, set(), _looks)


def answered(
    tree: ast.AST, asked: Collection[str], known: set[str], looks: Callable[[ast.AST, set[str]], bool]
) -> set[str]:
    """The names that are `known`, of what is `asked` for, and of all that is made of it, as far as it `looks`."""
    calls = _calls(tree, asked)
    while True:
        found = {
            name.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None
            if any(call in ast.walk(node.value) for call in calls) or looks(node.value, known)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            for name in ast.walk(target)
            if isinstance(name, ast.Name)
        }
        if found <= known:
            return known
        known = known | found


def _decides(node: ast.AST, answers: set[str]) -> bool:
    """Whether a piece of code goes one way or another by an answer: by a condition, or by what fails over it."""
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
        return _looks(node.test, answers)
    if isinstance(node, ast.Match):
        return _looks(node.subject, answers)
    if isinstance(node, ast.Try):
        return any(_looks(one, answers) for body in node.body for one in ast.walk(body) if isinstance(one, ast.Call))
    return False


def _looks(node: ast.AST, answers: set[str]) -> bool:
    """Whether an expression looks at more of an answer than how it was sent."""
    if isinstance(node, ast.Attribute) and node.attr in BY_STATUS:
        return False
    if isinstance(node, ast.Name):
        return node.id in answers
    return any(_looks(inner, answers) for inner in ast.iter_child_nodes(node))
