"""Functions that code hands to others: by their names, as lambdas, or as functions that it defines itself.

They run where they are called, so what they ask belongs there. To whom a function is handed, only the source tells.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType

from harness.audits.sources import last_name, tree_of

_Inner = ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef
_NO_FUNCTIONS = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")


def passed_to(code: CodeType, name: str) -> tuple[frozenset[str], bool]:
    """The names of the functions that code calls with this name for an argument, and whether it calls it itself."""
    if (tree := tree_of(code)) is None:
        return frozenset(), False
    names = _names_of(tree, name)
    calls = [(_called(call), {_last(one) for one in _given(call)}) for call in _calls(tree)]
    takers = frozenset[str]().union(*(called for called, given in calls if names & given))
    return takers, any(names & called for called, _given in calls)


def asks_made(code: CodeType, name: str) -> bool:
    """Whether code asks what a call of this name makes (`client().get(…)`), and does not only hand that on."""
    if (tree := tree_of(code)) is None:
        return False
    calls = [call for call in _calls(tree) if _last(call.func) == name]
    names = {_last(target) for node in ast.walk(tree) for target, value in _assigned(node) if value in calls}
    taken = {_last(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    handed = [one for call in _calls(tree) for one in _given(call)]
    handed += [value for node in ast.walk(tree) for _target, value in _assigned(node)]
    return bool(names & taken) or any(call not in handed for call in calls)


def _names_of(tree: ast.Module, name: str) -> set[str]:
    """What else code calls the thing of this name: what it assigns it to, alone or in what it makes of it."""
    assigned = [pair for node in ast.walk(tree) if node not in tree.body for pair in _assigned(node)]
    names, found = set[str](), {name}
    while names != found:
        names = set(found)
        also = (target for target, value in assigned if not names.isdisjoint(map(_last, _meant(value))))
        found |= {target.id for target in also if isinstance(target, ast.Name)}
    return names


def _assigned(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What a piece of code assigns, and what to: each target with what it gets."""
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        yield node.target, node.iter
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):  # it goes where the function goes that uses it
        yield from ((ast.Name(node.name), used) for used in _loaded(node))


@dataclass(frozen=True)
class Lent:
    """A function that another one defines and hands to those of the names `takers`; and `only` that."""

    function: FunctionType
    takers: frozenset[str]
    only: bool


def lent_out(function: FunctionType, made: Collection[int]) -> list[Lent]:
    """The functions that a function defines and hands to others.

    Calls in the lines `made` make units of what they are given, and are another's to tell of.
    """
    code = function.__code__
    if not (inner := list(_functions(code))) or (tree := tree_of(code)) is None:
        return []
    nodes = sorted(_defined(tree), key=lambda node: (node.lineno, node.col_offset))
    takers = _takers(tree, nodes, {line - code.co_firstlineno + 1 for line in made})
    found: list[Lent] = []
    for place in dict.fromkeys((one.co_name, one.co_firstlineno) for one in inner):
        here = [one for one in inner if (one.co_name, one.co_firstlineno) == place]
        spelled = [node for node in nodes if (_name(node), node.lineno + code.co_firstlineno - 1) == place]
        if len(here) == len(spelled):  # in one line there may be several lambdas
            pairs = zip(here, spelled, strict=True)
            found += [Lent(_made(one, function), *takers[node]) for one, node in pairs if node in takers]
    return found


def without(code: CodeType, inner: Collection[CodeType]) -> CodeType:
    """The code without these functions, which are defined in it at any depth."""
    if not inner:
        return code
    kept = (
        None if one in inner else without(one, inner) if isinstance(one, CodeType) else one for one in code.co_consts
    )
    return code.replace(co_consts=tuple(kept))


def _takers(
    tree: ast.AST, nodes: Collection[_Inner], made: Collection[int]
) -> dict[_Inner, tuple[frozenset[str], bool]]:
    """To whom each inner function is handed, and whether it is used for nothing else.

    One that is used in another one goes wherever that goes.
    """
    given = {id(one): _called(call) for call in _calls(tree) if call.lineno not in made for one in _given(call)}
    uses = {node: _uses(tree, node) for node in nodes if not getattr(node, "decorator_list", ())}
    found: dict[_Inner, tuple[frozenset[str], bool]] = {}
    for _ in uses:  # each may be used in the one before
        whole = {node: takers for node, (takers, only) in found.items() if only}
        inside = {id(below): takers for node, takers in whole.items() for below in ast.walk(node)}
        for node, used in uses.items():
            handed = [given.get(id(use)) or inside.get(id(use)) for use in used]
            if any(handed):
                found[node] = frozenset[str]().union(*(names for names in handed if names)), all(handed)
    return found


def _uses(tree: ast.AST, node: _Inner) -> list[ast.AST]:
    """Where an inner function is used: by its name, if it has one, else where it is spelled."""
    assigned = [one for one in ast.walk(tree) if isinstance(one, ast.Assign) and one.value is node]
    names = {_last(target) for one in assigned for target in one.targets} or {_name(node)}
    if isinstance(node, ast.Lambda) and not assigned:
        return [node]
    return [one for one in _loaded(tree) if one.id in names]


def _loaded(node: ast.AST) -> Iterator[ast.Name]:
    """Every use of a name."""
    return (one for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load))


def _functions(code: CodeType) -> Iterator[CodeType]:
    """The functions that code defines, at any depth, in the order of the source."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from () if one.co_name in _NO_FUNCTIONS else (one,)
            yield from _functions(one)


def _made(code: CodeType, function: FunctionType) -> FunctionType:
    """An inner function before anybody calls the one that defines it: what that makes itself is not there yet."""
    known = inspect.getclosurevars(function).nonlocals
    cells = tuple(CellType(known.get(name)) for name in code.co_freevars)
    return FunctionType(code, function.__globals__, code.co_name, None, cells)


def _defined(tree: ast.AST) -> Iterator[_Inner]:
    return (node for node in ast.walk(tree) if isinstance(node, _Inner))


def _calls(tree: ast.AST) -> list[ast.Call]:
    """Every call, but for those that only keep what they are given for another one."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and not _keeps(node)]


def _keeps(call: ast.Call) -> bool:
    """Whether a call makes a `functools.partial` of what it is given."""
    return _last(call.func) == "partial"


def _called(call: ast.Call) -> frozenset[str]:
    """The function that is called, and what that is taken from: `ask.submit` runs `ask`."""
    return frozenset(map(_last, _taken_from(call.func)))


def _taken_from(said: ast.AST) -> Iterator[ast.AST]:
    """The names in an expression, but for what another call in it is given: `ask.submit(one).result` takes no `one`."""
    if isinstance(said, ast.Name | ast.Attribute):
        yield said
    below = [said.func] if isinstance(said, ast.Call) and not _keeps(said) else ast.iter_child_nodes(said)
    for one in below:
        yield from _taken_from(one)


def _given(call: ast.Call) -> list[ast.expr]:
    every = (*call.args, *(said.value for said in call.keywords))
    return [meant for said in every for meant in _meant(said)]


def _meant(said: ast.expr) -> list[ast.expr]:
    """What an expression hands on: itself, and of a `functools.partial`, a lambda or a container all that is in it."""
    if isinstance(said, ast.Call) and _keeps(said):
        return _given(said)
    if isinstance(said, ast.Lambda):
        return [said, *_loaded(said.body)]
    if isinstance(said, ast.List | ast.Tuple | ast.Set):
        return [meant for one in said.elts for meant in _meant(one)]
    return [said]


def _name(node: _Inner) -> str:
    return str(getattr(node, "name", "<lambda>"))


def _last(said: ast.AST) -> str:
    """The name of an expression, or of the container that it takes something out of: which that is, a run tells."""
    return last_name(said.value if isinstance(said, ast.Subscript) else said)
