"""Units that a call makes of what it is given: `DBOS.run_step(options, function, ...)`, and reserved steps.

No object holds these options before the call. Where the call itself spells them, or names them in its module, that is
what they are; else only a run shows them.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType
from typing import Any

from harness.audits.sources import last_name, tree_of
from harness.audits.spelled import Spelled
from harness.retries.live import MadeInCall

RUNS = ("run_step", "run_step_async")
"""Functions that run what they are given as a unit: the options come first, then the function, then its arguments."""
RESERVES = "reserve_step"
"""The function that makes an object whose `run` and `run_async` do the same later."""


@dataclass(frozen=True)
class Runs:
    """The units that a function's code makes in calls, each with the names that are used in it.

    `beside` are the names that are used outside of them.
    """

    made: tuple[tuple[MadeInCall, frozenset[str]], ...] = ()
    beside: frozenset[str] = frozenset()

    def using(self, name: str) -> Iterator[MadeInCall | None]:
        """The units in which a name is used; None stands for the function itself."""
        inside = [call for call, names in self.made if name in names]
        if name in self.beside or not inside:
            yield None
        yield from inside


@cache
def runs_of(function: FunctionType) -> Runs:
    """The units that a function makes in calls."""
    if not _names_any(function.__code__):
        return Runs()
    if (tree := tree_of(function.__code__)) is None:  # then everything that it names may be run so
        names = frozenset({*function.__code__.co_names, *function.__code__.co_freevars})
        call = MadeInCall(RUNS[0], None, "", function.__code__.co_filename, function.__code__.co_firstlineno)
        return Runs(((call, names),))
    local, spelled = _local(tree), Spelled(function, tree)
    every = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    reserves = any(_called(call) == RESERVES for call in every)
    calls = [call for call in every if _called(call) in RUNS or (reserves and _is_reserved(call, function.__globals__))]
    answers = {id(call) for call in calls}
    inside = [_used(_given(call)[1:], local, answers) for call in calls]
    within = {id(name) for names in inside for name in names}
    made = ((_made(call, function, spelled), _spelled(names)) for call, names in zip(calls, inside, strict=True))
    loaded = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    beside = _used([name for name in loaded if id(name) not in within], local, answers)
    return Runs(tuple(made), _spelled(beside))


def _names_any(code: CodeType) -> bool:
    return not {*RUNS, RESERVES}.isdisjoint(code.co_names) or any(
        _names_any(one) for one in code.co_consts if isinstance(one, CodeType)
    )


def _is_reserved(call: ast.Call, known: Container[str]) -> bool:
    """Whether a call runs a step that this code reserved: its object is made here, and no module's."""
    of = getattr(call.func, "value", None)
    made = _called(of) == RESERVES if isinstance(of, ast.Call) else isinstance(of, ast.Name) and of.id not in known
    return made and _called(call) in ("run", "run_async") and len(_given(call)) > 1


def _called(call: ast.Call) -> str:
    return last_name(call.func)


def _given(call: ast.Call) -> list[ast.expr]:
    """All that a call is given, the options first, if it says them in their place."""
    first = [said.value for said in call.keywords if said.arg == "dbos_step_options"]
    others = [said.value for said in call.keywords if said.arg != "dbos_step_options"]
    return [*first, *call.args, *others]


def _local(tree: ast.AST) -> dict[str, list[ast.AST]]:
    """What the names are that a function's own code defines."""
    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node not in getattr(tree, "body", ()):
            found.setdefault(node.name, []).append(node)
    return found


def _used(nodes: Iterable[ast.AST], local: dict[str, list[ast.AST]], answers: Container[int]) -> list[ast.Name]:
    """Every name in these nodes, and in what the local ones among them are.

    What is in the calls `answers` (by `id`) is used there: what comes out of them is another thing.
    """
    waiting, seen, found = list(nodes), set[str](), list[ast.Name]()
    while waiting:
        for node in _walked(waiting.pop(), answers):
            if isinstance(node, ast.Name):
                found.append(node)
                if node.id not in seen:
                    seen.add(node.id)
                    waiting += local.get(node.id, ())
    return found


def _walked(node: ast.AST, but: Container[int]) -> Iterator[ast.AST]:
    """A node and all that is in it, without those nodes (by `id`) and what is in them."""
    if id(node) not in but:
        yield node
        for inner in ast.iter_child_nodes(node):
            yield from _walked(inner, but)


def _spelled(names: Iterable[ast.Name]) -> frozenset[str]:
    return frozenset(name.id for name in names)


def _made(call: ast.Call, function: FunctionType, spelled: Spelled) -> MadeInCall:
    given = _given(call)
    run = given[1] if len(given) > 1 else None
    name = last_name(run) or _called(call)
    try:
        qualified = getattr(spelled.value(run), "__qualname__", "") if isinstance(run, ast.Name) else ""
    except ValueError:
        qualified = ""
    try:
        options: Any = dict((spelled.value(given[0]) if given else None) or {})
    except (TypeError, ValueError):
        options = None
    code = function.__code__
    return MadeInCall(name, options, qualified, code.co_filename, code.co_firstlineno + call.lineno - 1)
