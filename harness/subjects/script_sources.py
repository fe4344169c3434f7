"""The places a script comes from: a YAML file, a saved message history, Python, or data inside a scenario."""

from __future__ import annotations

import importlib
import json
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import SubjectError, UsageError
from harness.subjects.script import Call, Conversation, Script, Turn
from harness.subjects.script_reader import read_script
from harness.subjects.script_yaml import from_yaml
from harness.typos import nearest

_IMPORT_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def load_script(source: Any) -> Script:
    """The script at `source`.

    A path ends in `.yaml`, `.yml` or `.json` (YAML, or a history as pydantic-ai saves it). `module:name` is a script, a
    list of turns, or a function without arguments that returns one. Several lines are YAML themselves. Lists and
    mappings are what YAML would have said. Raises `UsageError` naming file, line and column.
    """
    if isinstance(source, Script):
        return source
    if isinstance(source, Path):
        return _from_file(source)
    if not isinstance(source, str):
        return _from_value(source, "the script")
    if "\n" in source:
        return from_yaml(source)
    if _IMPORT_PATH.fullmatch(source):
        return _from_import(source)
    return _from_file(Path(source))


def _from_file(path: Path) -> Script:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"there is no script {str(path)!r}; give a YAML or JSON file, or Python as 'module:name'"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the script {str(path)!r}: {error}") from None
    if path.suffix == ".json" and _is_history(text):
        from harness.subjects.script_history import from_history  # pydantic-ai is not needed for the rest

        return from_history(text, str(path))
    return from_yaml(text, str(path))


def _is_history(text: str) -> bool:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return False  # the YAML reader says where the mistake is
    return isinstance(data, list) and any(isinstance(item, dict) and "kind" in item for item in data)


def _from_import(path: str) -> Script:
    module, _, name = path.partition(":")
    found: Any = _imported(module)
    for part in name.split("."):
        if not hasattr(found, part):
            public = [known for known in vars(found) if not known.startswith("_")]
            raise UsageError(f"script {path!r}: there is no {part!r} in it{nearest(part, public)}")
        found = getattr(found, part)
    if callable(found):
        try:
            found = found()
        except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
            raise SubjectError(f"script {path!r} raised {error!r}", traceback.format_exc()) from None
    return _from_value(found, f"script {path!r}")


def _imported(name: str) -> Any:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise SubjectError(f"importing script module {name!r} raised {error!r}", traceback.format_exc()) from None
        raise UsageError(f"there is no script module {name!r}; is it on the import path?") from None
    except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
        raise SubjectError(f"importing script module {name!r} raised {error!r}", traceback.format_exc()) from None


def _from_value(value: Any, what: str) -> Script:
    """A script from values of Python: ready made, or as data."""
    if isinstance(value, Script):
        return value
    made = (Conversation, Turn, Call)
    if isinstance(value, Conversation):
        return Script.of(value)
    if isinstance(value, list | tuple) and any(isinstance(item, made) for item in value):
        try:
            return Script.of(list(value))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UsageError(f"{what} is no list of turns: {first['msg']}, found {first['input']!r}") from None
    if isinstance(value, list | dict):
        return read_script(value)
    raise UsageError(f"{what} is {type(value).__name__}; expected a Script, a Conversation or a list of turns")
