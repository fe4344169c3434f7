"""The source of a person's code, for what no object tells: who is handed what, what a call says, what is raised."""

from __future__ import annotations

import ast
import functools
import inspect
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any


def scope_of(function: FunctionType) -> dict[str, Any]:
    """What every name is that a function does not make itself: in its closure, else in its module."""
    return {**function.__globals__, **inspect.getclosurevars(function).nonlocals}


@functools.cache
def tree_of(code: CodeType) -> ast.Module | None:
    """The source of some code, parsed. None if there is none, or if it is no source by itself."""
    try:
        return ast.parse(dedent(inspect.getsource(code)))
    except (OSError, SyntaxError):
        return None


def last_name(said: ast.AST | None) -> str:
    """The last name in an expression, `run` of `shop.tills.run`; empty if it ends in none."""
    return str(getattr(said, "attr", getattr(said, "id", "")))
