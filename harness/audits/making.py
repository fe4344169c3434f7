"""Clients that a function makes once, and keeps: `@cache` on a function without arguments, `@cached_property`.

What it makes has settings like a client of the module, so it is made here, where the source shows that it does nothing
else: it names classes of libraries that only keep what they are given, and settings. Any other is left alone.
"""

from __future__ import annotations

import ast
import inspect
import os
from collections.abc import Callable
from functools import _lru_cache_wrapper, cached_property
from types import FunctionType
from typing import Any

from pydantic import BaseModel, SecretStr

from harness.audits.asking.clients import MAKERS, asks
from harness.audits.naming import parameters_of
from harness.audits.sources import tree_of
from harness.audits.spelled import Spelled
from harness.subjects.importing import is_theirs

KEEPING = (*MAKERS, "pydantic", "tenacity", "datetime")
"""Packages whose classes send nothing when they are called."""
NAMED = ("str", "int", "float", "bool", "dict", "list", "tuple", "get_secret_value")
"""What is known by its name: builtins, and what settings are asked for a key."""
READING = (os.getenv, os.environ.get)
_STATEMENTS = ast.Assign | ast.AnnAssign | ast.Return | ast.Expr | ast.If | ast.Pass


def is_kept(value: Any) -> bool:
    """Whether this is a person's own function without arguments that keeps what it has made."""
    inner = value.__wrapped__ if isinstance(value, _lru_cache_wrapper) else None
    return isinstance(inner, FunctionType) and _is_own(inner) and not parameters_of(inner.__code__)


def made_once(value: Any, holder: Any = None, name: str = "") -> Any:
    """The client that a function keeps, or a cached property `name` of the `holder`; else the value itself."""
    if is_kept(value):
        return _client(value, value.__wrapped__) or value
    kept = inspect.getattr_static(holder, name, None) if name and not inspect.isclass(holder) else None
    if isinstance(kept, cached_property) and isinstance(value, FunctionType) and value is kept.func:
        return _client(lambda: getattr(holder, name), value) or value
    return value


def why_unmade(through: tuple[Any, ...], by: Any) -> str:
    """Why a client is unknown that a function on the way to it keeps; empty if none does."""
    kept = next((one for one in through if is_kept(one) and one.__wrapped__.__code__ is by), None)
    if kept is None:
        return ""
    name = kept.__name__
    return f"`{name}` makes it once, when it is first called, and nobody can see its settings before"


def _is_own(function: Any) -> bool:
    return isinstance(function, FunctionType) and is_theirs(function.__code__.co_filename)


def _client(make: Callable[[], Any], function: FunctionType) -> Any:
    """What is made, if that is a client, and nothing else happens; None if it is not, or if the making fails."""
    if not _only_makes(function, [], clients=True):
        return None
    try:
        made = make()
    except Exception:  # noqa: BLE001  a key or a setting that is not here
        return None
    return made if asks(made) and not callable(made) else None


def _only_makes(function: FunctionType, before: list[Any], *, clients: bool = False) -> bool:
    """Whether a function only calls what keeps what it is given; with `clients`, a client's class among that."""
    node = getattr(tree_of(function.__code__), "body", [None])[0]
    if not isinstance(node, ast.FunctionDef) or not _is_own(function) or function in before:
        return False
    body = [one for said in node.body for one in ast.walk(said)]
    if any(isinstance(one, ast.stmt) and not isinstance(one, _STATEMENTS) for one in body):
        return False
    if any(isinstance(one, ast.Await | ast.Yield | ast.YieldFrom | ast.Lambda | ast.comprehension) for one in body):
        return False
    targets = [one for said in body if isinstance(said, ast.Assign | ast.AnnAssign) for one in _targets(said)]
    if not all(isinstance(one, ast.Name) for one in targets):
        return False  # what it changes is somebody else's
    spelled = Spelled(function, ast.Module([node], []))
    called = [_meant(one.func, spelled) for one in body if isinstance(one, ast.Call)]
    makes = any(inspect.isclass(one) and asks(one) for one in called)
    return (makes or not clients) and all(_keeps(one, [*before, function]) for one in called)


def _targets(said: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return said.targets if isinstance(said, ast.Assign) else [said.target]


def _meant(said: ast.expr, spelled: Spelled) -> Any:
    """What is called; the name of a method, or of a builtin, where only that is known."""
    try:
        return spelled.value(said)
    except ValueError:
        return getattr(said, "attr", getattr(said, "id", ""))


def _keeps(called: Any, before: list[Any]) -> bool:
    """Whether a call of this does nothing but make something of what it is given, or read a setting."""
    if isinstance(called, str):
        return called in NAMED
    inner = getattr(called, "__wrapped__", called)
    if _is_own(inner):
        return _only_makes(inner, before)
    if not inspect.isclass(called):
        return called in READING or isinstance(getattr(called, "__self__", None), SecretStr)
    return called.__module__.startswith(KEEPING) or _is_settings(called)


def _is_settings(kind: type[Any]) -> bool:
    """Whether this is a class of settings, which reads them from where they are kept."""
    return issubclass(kind, BaseModel) and "__init__" not in vars(kind) and "model_post_init" not in vars(kind)
