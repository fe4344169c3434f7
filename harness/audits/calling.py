"""What calls say of what they ask for: `workflow.execute_activity(charge, order, start_to_close_timeout=…)`.

Such a unit, or a workflow that another one asks for, is tried again as the call says, and no object knows it. What the
call spells out, or names in its module, is known before anything runs; of the rest only the names are.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from types import CodeType, FunctionType
from typing import Any

from harness.audits.sources import last_name, tree_of
from harness.audits.spelled import Spelled
from harness.retries.live import UNPACKED, MadeInCall

GOES_ON = "continue_as_new"
"""The function that goes on in another run of the same workflow, and whom it runs is only said by its name."""
UNITS = frozenset(
    f"{how}_{what}"
    for how in ("execute", "start")
    for what in (
        "child_workflow",
        *(f"{where}activity{kind}" for where in ("", "local_") for kind in ("", "_method", "_class")),
    )
)
"""Functions that ask for a unit or a workflow: what it runs comes first, or its name; then its arguments, and options
by their names.
"""
ASKING = UNITS | {GOES_ON}
STARTING = frozenset({"start_workflow", "execute_workflow"})
"""Functions of Temporal's client that start a workflow, by whoever has that client."""
AROUND = "SetWorkflowTimeout"
"""What a `with` of DBOS's begins: it says the timeout of the workflows that the code in it calls or starts."""
FIRST = ("activity", "workflow")
"""The names of what comes first."""


def calls_in(functions: Iterable[FunctionType]) -> tuple[MadeInCall, ...]:
    """The calls that ask for units or workflows in the code of these functions, with what each says."""
    return tuple(call for function in functions for call in _calls(function, ASKING))


def starts_in(functions: Iterable[FunctionType]) -> tuple[MadeInCall, ...]:
    """The calls that start workflows, with what each says."""
    return tuple(call for function in functions for call in _calls(function, STARTING) if call.by in STARTING)


def _calls(function: FunctionType, asking: Collection[str]) -> Iterator[MadeInCall]:
    code = function.__code__
    if not _names_any(code, asking) or (tree := tree_of(code)) is None:
        return
    spelled = Spelled(function, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _asks(node, spelled, asking) and (node.args or node.keywords):
            yield _said(node, spelled, code.co_filename, code.co_firstlineno + node.lineno - 1)
        elif isinstance(node, ast.With | ast.AsyncWith):
            for said in (item.context_expr for item in node.items):
                if isinstance(said, ast.Call) and last_name(said.func) == AROUND:
                    one = _said(said, spelled, code.co_filename, code.co_firstlineno + said.lineno - 1)
                    yield from (replace(one, runs=called) for called in _named_in(node.body, spelled))


def _named_in(body: Iterable[ast.stmt], spelled: Spelled) -> Iterator[Any]:
    """The functions that some code names."""
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, ast.Name | ast.Attribute):
            with suppress(ValueError):
                if inspect.isroutine(value := spelled.value(node)):
                    yield value


def _names_any(code: CodeType, asking: Collection[str]) -> bool:
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return not {*asking, AROUND}.isdisjoint(code.co_names) or any(_names_any(one, asking) for one in inner)


def _asks(call: ast.Call, spelled: Spelled, asking: Collection[str]) -> bool:
    """Whether a call is one of Temporal's own functions, and not one of that name that somebody else has made."""
    if last_name(call.func) not in asking:
        return False
    try:
        return str(getattr(spelled.value(call.func), "__module__", "")).startswith("temporalio.")
    except ValueError:
        return True  # imported where it is called


def _said(call: ast.Call, spelled: Spelled, file: str, line: int) -> MadeInCall:
    by, named = last_name(call.func), [one.value for one in call.keywords if one.arg in FIRST]
    options: dict[str, Any] = {}
    hidden: set[str] = set()
    for one in call.keywords:
        try:
            value = spelled.value(one.value)
            options |= {one.arg: value} if one.arg else dict(value)
        except (TypeError, ValueError):
            hidden.add(one.arg or UNPACKED)
    if by == AROUND and call.args:
        try:
            options["workflow_timeout_sec"] = spelled.value(call.args[0])
        except ValueError:
            hidden.add("workflow_timeout_sec")
    try:
        runs = spelled.value([*(call.args if by != GOES_ON else ()), *named][0])
    except (IndexError, ValueError):
        runs = None
    name = runs if isinstance(runs, str) else str(getattr(runs, "__name__", ""))
    return MadeInCall(name, options, "", file, line, runs, frozenset(hidden), by)
