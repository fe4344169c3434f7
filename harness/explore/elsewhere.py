"""What a new process has to be told to find what only ours finds, because pytest or a script put a folder in front."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from harness.process.loading import in_front
from harness.scenario import Scenario
from harness.subjects.importing import folder_above

_TESTS = re.compile(r"conftest|tests?|test_.*|.*_test").fullmatch
_MODULE = re.compile(r"[\w.]+:[\w.]+").fullmatch


def variables(scenario: Scenario) -> str:
    """What to put before a command line: where a shell's Python has to look for what only our own finds."""
    named = [scenario.subject, scenario.engine, scenario.deps, scenario.world, scenario.script]
    modules = {name.partition(":")[0].partition(".")[0] for name in named if isinstance(name, str) and _MODULE(name)}
    elsewhere = {name for name in modules if not _is_here(name)}
    front = [folder for folder in _front() if _lends(Path(folder), elsewhere)]
    if not front:
        return ""
    known = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    folders = dict.fromkeys([*map(_near, front), *known])
    return f"PYTHONPATH={shlex.quote(os.pathsep.join(folders))} "


def by_file(scenario: Scenario) -> Scenario:
    """The scenario as it can be kept: by its file, seen from here, stands what a new process would not find by name.

    A script and an engine have names only: for those there are the `variables`.
    """
    kept = {name: _by_file(getattr(scenario, name)) for name in ("subject", "deps", "world")}
    runs = tuple(run.model_copy(update={"deps": _by_file(run.deps)}) for run in scenario.invocations)
    return scenario.model_copy(update={**kept, "invocations": runs})


def _by_file(path: Any) -> Any:
    """An import path with a file in it if need be; anything else as it is."""
    if not isinstance(path, str):
        return path
    target, colon, attr = path.rpartition(":")
    if _MODULE(path) and not _is_here(target.partition(".")[0]):
        target = next(_files(target), target)
    return f"{_near(target)}{colon}{attr}"


def _files(module: str) -> Iterator[str]:
    """The file of a module that is imported from a folder in front, if it is imported by its file from there, too."""
    for folder in _front():
        place = Path(folder, *module.split("."))
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file() and folder_above(file) == Path(folder):
                yield str(file)


def _is_here(module: str) -> bool:
    return PathFinder.find_spec(module, [str(Path.cwd())]) is not None


def _front() -> list[str]:
    """The folders in front, but for the one that we are in, where a new process looks, too."""
    return [folder for folder in in_front(sys.path) if folder not in ("", str(Path.cwd()))]


def _near(path: str) -> str:
    return path.removeprefix(f"{Path.cwd()}{os.sep}")


def _lends(folder: Path, modules: set[str]) -> bool:
    """Whether one of these modules is there, or what a subject may import: more than pytest's own files."""
    if any(PathFinder.find_spec(name, [str(folder)]) for name in modules):
        return True
    files = (
        file.relative_to(folder).with_suffix("") for pattern in ("*.py", "*/*.py") for file in folder.glob(pattern)
    )
    return not all(any(_TESTS(part) for part in file.parts) for file in files)
