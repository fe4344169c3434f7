"""Units that code calls with other options than they were made with: `task.with_options(retries=4)(...)`.

The copy is made here as the call would make it, where that spells out its options, and all calls say the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from harness.audits.reach import Reached
from harness.audits.sources import last_name, tree_of
from harness.audits.spelled import Spelled

CHANGES = "with_options"


def copies(found: Iterable[Reached]) -> Mapping[int, Any]:
    """The copies of all units (by their `id`) whose calls change them; None for one that only a run shows."""
    return {id(one.value): as_called(one) for one in found if one.is_changed}


def as_called(one: Reached) -> Any:
    """What is called in place of a unit; itself if no call changes it, and None if only a run shows what it is."""
    if not one.is_changed:
        return one.value
    said: dict[str, Any] = {}
    for user in one.users:
        tree = tree_of(user.__code__) or ast.Module([], [])
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _changes(node.func, one.name)]
        if not calls or len(calls) < sum(last_name(node) == one.name for node in ast.walk(tree)):
            return None  # it is called as it was made as well, or changed where nobody can read it
        try:
            said |= {ast.unparse(call): _options(call, Spelled(user, tree)) for call in calls}
        except ValueError:
            return None
    try:
        return getattr(one.value, CHANGES)(**next(iter(said.values()))) if len(said) == 1 else None
    except Exception:  # noqa: BLE001  whatever the engine's own code has against it, the call meets as well
        return None


def _options(call: ast.Call, spelled: Spelled) -> Any:
    """What a call says by name. Raises `ValueError` for what only a run knows."""
    return spelled.value(ast.Call(ast.Name(dict.__name__), call.args, call.keywords))


def _changes(called: ast.expr, name: str) -> bool:
    """Whether it is called here to change what goes by that name."""
    return isinstance(called, ast.Attribute) and called.attr == CHANGES and last_name(called.value) == name
