"""Where a setting was made: in the person's own source if one line there can be meant, else whose default it is."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from harness.retries.values import Origin

_DISTRIBUTIONS = {"pydantic_ai": "pydantic-ai-slim", "google.genai": "google-genai"}
_theirs: list[str] = []
"""Source files of the subject, its own module first."""


def look_in(modules: Iterable[str]) -> None:
    """Search these modules' sources from now on."""
    files = [getattr(sys.modules.get(name), "__file__", None) for name in modules]
    _theirs[:] = [file for file in dict.fromkeys(files) if file and file.endswith(".py")]


def default_of(owner: Any) -> Origin:
    """The default of the library that `owner` (an object, or a package's name) is of."""
    package = owner if isinstance(owner, str) else type(owner).__module__.partition(".")[0]
    return Origin(said="default", library=f"{package} {version(package)}".strip())


def explicit(*names: str, **values: Any) -> Origin:
    """An explicit setting, at the one place in the subject's source that can be meant. The first name that fits wins.

    `names` are arguments or calls (`Agent()`), whatever is said there. `values` are arguments and what is in use: of a
    place that says something else, it is not; one that only a run can read is believed if there is no other.
    """
    for name in (*names, *values):
        found = [place for file in _theirs for place in _places(file).get(name, ())]
        fits = [one for one in found if name not in values or one.value is _OPEN or one.value == values[name]]
        if fits:
            sure = len(fits) == 1 and (len(found) == 1 or fits[0].value is not _OPEN)
            file = fits[0].file if len({one.file for one in fits}) == 1 else None
            return Origin(said="explicit", file=file and _short(file), line=fits[0].line if sure else None)
    return Origin(said="explicit")


def decorated(function: Any) -> Origin:
    """An explicit setting in a decorator: its first line is where the function's code begins."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    if code is None:
        return Origin(said="explicit")
    return at(code.co_filename, code.co_firstlineno)


def at(file: str, line: int) -> Origin:
    """An explicit setting in a place that is known."""
    return Origin(said="explicit", file=_short(file), line=line)


@lru_cache
def version(package: str) -> str:
    """The version of the distribution that a package is of, empty if nobody knows."""
    try:
        return metadata.version(_DISTRIBUTIONS.get(package, package))
    except metadata.PackageNotFoundError:
        return ""


_OPEN = object()
"""What a place says that is no literal."""


class _Place(NamedTuple):
    """Where a source file names something, and what it says of it."""

    file: str
    line: int
    value: Any = _OPEN


@cache
def _places(file: str) -> dict[str, list[_Place]]:
    """The places at which a source file names each keyword, each called function and each key of a dictionary."""
    found: dict[str, list[_Place]] = {}
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return found
    for node in ast.walk(tree):
        for name, line, value in _named(node):
            found.setdefault(name, []).append(_Place(file, line, value))
    return found


def _named(node: ast.AST) -> Iterable[tuple[str, int, Any]]:
    if isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value.lineno, _literal(node.value)
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if name:
            yield f"{name}()", node.lineno, _OPEN
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, key.lineno, _literal(value)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _OPEN


def _short(file: str) -> str:
    """Relative to where the audit runs, if it is below: that is what a pull request shows."""
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative
