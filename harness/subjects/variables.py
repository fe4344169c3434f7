"""Objects that are given in place of their names: which module's variable holds one, so that others can import it."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def path_held(value: Any, *first: Any) -> str:
    """The import path of the variable that holds this very object, empty if there is none.

    The modules `first` are asked before all others, and never `__main__`, which is another one to another process.
    """
    own = sys.modules.get(getattr(value, "__module__", "") or "")
    for module in (*first, own, *list(sys.modules.values())):
        if isinstance(module, ModuleType) and module.__name__ != "__main__" and (name := _name_in(module, value)):
            return _path_of(module, name)
    return ""


def _name_in(module: ModuleType, value: Any) -> str:
    return next((name for name, held in list(vars(module).items()) if held is value and name.isidentifier()), "")


def _path_of(module: ModuleType, name: str) -> str:
    """A test module is named by its file: whether it can be imported by name depends on how pytest was started."""
    file = inspect.getsourcefile(module) if getattr(module, "__file__", None) else None
    stem = Path(file).stem if file else ""
    is_test = stem.startswith("test_") or stem.endswith("_test") or stem == "conftest"
    return f"{file}:{name}" if is_test else f"{module.__name__}:{name}"
