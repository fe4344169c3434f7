"""Loops in a person's own code around what asks, which no object tells of: only a run shows how often they go round.

A loop out of which every failure leads at once asks once for each thing that it is about. One that takes a failure and
goes on, in a `try` or because nobody raises what a status means, is a layer that nobody knows, for that failure.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from harness.audits.asking.clients import is_http
from harness.audits.asking.tools import retrying_in_body
from harness.audits.reach import COPIES, Reached, own_function
from harness.audits.sources import last_name, tree_of
from harness.audits.translating import RAISES, Translating
from harness.retries.live import Answer, Died, TimedOut
from harness.retries.values import RetryLayer
from harness.subjects.origins import at

Loop = ast.For | ast.AsyncFor | ast.While


class Round:
    """A loop around what asks. It goes on after the errors that code in it `takes`, and after `answers` if it may."""

    def __init__(self, function: FunctionType, line: int, takes: Translating, *, answers: bool) -> None:
        code = function.__code__
        self.takes = takes
        self.reason = f"`{function.__qualname__}` asks in a loop that may go on after this; only a run shows how often"
        self.layer = RetryLayer(
            name=f"loop of {function.__name__}",
            kind="tool",
            origin=at(code.co_filename, code.co_firstlineno + line - 1),
            results=answers,
        )

    def answer(self, error: BaseException) -> Answer:
        """Once if the error leads out of it, else nobody knows."""
        if isinstance(error, Died | TimedOut) or not self.takes.takes(error):
            return Answer(raises=error)
        return Answer(raises=error, unknown=self.reason)


@dataclass(frozen=True)
class _Use:
    """What some code asks, by its names there; `answers`: it may come back with an answer that is a failure."""

    function: FunctionType
    names: frozenset[str]
    depth: int
    answers: bool


def rounds(one: Reached, found: Sequence[Reached], made_of: Translating) -> dict[int, list[Round]]:
    """The loops around something that asks, the innermost first, by how many decorated functions they are inside of."""
    trying = {other.name for other in found if retrying_in_body(other.name, other.value) is not None}
    around: dict[int, list[Round]] = {}
    for use in _uses(one, found):
        tree = tree_of(use.function.__code__)
        loops = [node for node in ast.walk(tree) if isinstance(node, Loop)] if tree else []
        for loop in reversed(loops):
            if any(_names(part, use.names) for part in _repeated(loop)) and not _is_known(loop, use.function, trying):
                answers = use.answers and not (_raises(loop.body, use.names) or _leaves(loop.body))
                takes = _going_on(loop, use.names)
                if answers or any(isinstance(node, _TAKING) for node in ast.walk(takes)):
                    known = Translating((takes,), (), made_of.known)
                    around.setdefault(use.depth, []).append(Round(use.function, loop.lineno, known, answers=answers))
    return around


_TAKING = ast.Try | ast.TryStar | ast.With | ast.AsyncWith | ast.keyword
"""What may take an error for an answer, of all that there is in code."""


def _is_known(loop: Loop, function: FunctionType, trying: Collection[str]) -> bool:
    """Whether it is one of a library's that is asked itself: `for attempt in Retrying(...)`."""
    names = frozenset[str]().union(*(_called(function, name, made=True) for name in trying))
    return not isinstance(loop, ast.While) and _names(loop.iter, names)


def _uses(one: Reached, found: Sequence[Reached]) -> Iterator[_Use]:
    """Each function of the person's own that asks it, or calls one that does, as far as they name it."""
    kind = one.value
    answers = is_http(kind) or str(getattr(kind, "__module__", "")).partition(".")[0] in ("httpx", "httpx2")
    waiting, seen = [(one, answers)], set[tuple[Any, ...]]()
    for asked, may_answer in waiting:
        seen.add(asked.way)
        for function in asked.users:
            names = _called(function, asked.name.rpartition(".")[2], made=inspect.isclass(asked.value))
            yield _Use(function, names, len(asked.through), may_answer)
            tree = tree_of(function.__code__)
            body = getattr(tree.body[0], "body", []) if tree and tree.body else []
            left = may_answer and not _raises(body if isinstance(body, list) else [], names)
            callers = (other for other in found if own_function(other.value) is function and other.way not in seen)
            waiting += [(other, left) for other in callers if one.through[: len(other.through)] == other.through]


def _called(function: FunctionType, name: str, *, made: bool) -> frozenset[str]:
    """The names that some code has for one thing, which it may have made itself, or copied."""
    names = {name}
    tree = tree_of(function.__code__)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Assign):
            said, targets = node.value, node.targets
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            said, targets = node.context_expr, [node.optional_vars]
        else:
            continue
        itself = last_name(said) in names
        if isinstance(said, ast.Call):
            called = said.func
            copied = isinstance(called, ast.Attribute) and called.attr in COPIES and _names(called.value, names)
            itself = copied or (made and last_name(called) in names)
        if itself:
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(names)


def _repeated(loop: Loop) -> Sequence[ast.AST]:
    """What of a loop is done in each round."""
    return [*loop.body, *([loop.test] if isinstance(loop, ast.While) else [])]


def _names(said: ast.AST, names: Collection[str]) -> bool:
    return any(isinstance(node, ast.Name | ast.Attribute) and last_name(node) in names for node in ast.walk(said))


def _raises(body: Sequence[ast.stmt], names: Collection[str]) -> bool:
    """Whether some code makes an error of every bad status, in the statements after it has asked."""
    asked = False
    for statement in _in_turn(body):
        asked = asked or _names(statement, names)
        simple = isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return)
        if asked and simple and _names(statement, (RAISES,)):
            return True
        if asked and any(isinstance(node, ast.Continue | ast.Return) for node in ast.walk(statement)):
            return False
    return False


def _in_turn(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that are surely done one after the other, if nothing fails."""
    for statement in body:
        if isinstance(statement, ast.With | ast.AsyncWith | ast.Try):
            yield from (ast.Expr(item.context_expr) for item in getattr(statement, "items", ()))
            yield from _in_turn(statement.body)
        else:
            yield statement


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a loop ends with its first round."""
    every = (node for statement in body for node in ast.walk(statement))
    return isinstance(body[-1], ast.Return | ast.Raise | ast.Break) and not any(
        isinstance(node, ast.Continue) for node in every
    )


def _going_on(loop: Loop, names: Collection[str]) -> ast.Module:
    """What is done in each round around what asks, where whatever leaves the loop is as good as an error."""
    body = ast.parse(ast.unparse(ast.Module([*loop.body], []))).body  # a copy
    asking = [statement for statement in body if _names(statement, names)]
    return ast.Module([_Leaving(names).visit(statement) for statement in asking], [])


class _Leaving(ast.NodeTransformer):
    """Takes whatever leaves a loop for an error, and leaves out each `try` around what asks nobody."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names

    def visit_Return(self, _node: ast.Return) -> ast.stmt:
        return ast.Raise()

    def visit_Break(self, _node: ast.Break) -> ast.stmt:
        return ast.Raise()

    def visit_Try(self, node: ast.Try) -> ast.AST:
        return self._trying(node)

    def visit_TryStar(self, node: ast.TryStar) -> ast.AST:
        return self._trying(node)

    def _trying(self, node: ast.Try | ast.TryStar) -> ast.AST:
        asks = any(_names(statement, self.names) for statement in node.body)
        return self.generic_visit(node) if asks else ast.Pass()
