"""What the harness finds on this machine: interpreter, engines, folders, each with what would mend it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.text import Text

from harness.engines import cache, registry
from harness.errors import HarnessError
from harness.report.paper import Paper
from harness.report.tables import table
from harness.report.words import clean


@dataclass(frozen=True)
class Found:
    """One thing that was looked at. `problems` say what keeps it from working, each with the command that mends it."""

    kind: str
    name: str
    state: str
    problems: tuple[str, ...] = ()


def examine(out: Path) -> list[Found]:
    """Look at everything a run may need. Imports no engine and starts no server."""
    return [*_machine(), *_engines(), *_folders(out)]


def works(found: list[Found]) -> bool:
    """Whether anything can be run at all: some engine is ready, and every folder can be written."""
    engine = any(each.kind == "engine" and not each.problems for each in found)
    return engine and not any(each.problems for each in found if each.kind == "folder")


def rendered(found: list[Found], paper: Paper) -> str:
    """A row for each thing, and below them what is wrong, with commands that can be copied."""
    made = table("", "", "state")
    for each in found:
        made.add_row(each.kind, Text(each.name, "bold"), _state(each))
    wrong = [Text(f"{each.name}: {clean(problem)}", no_wrap=True) for each in found for problem in each.problems]
    return paper.write(made, *([""] if wrong else []), *wrong)


def _state(each: Found) -> Text:
    return Text(clean(each.state), "yellow" if each.problems else "green")


def _machine() -> Iterator[Found]:
    yield Found("python", platform.python_version(), sys.executable)
    forks = hasattr(os, "fork") and sys.platform == "linux"
    slower = () if forks else ("every process will be a fresh interpreter, as with `--cold`: slower, and right",)
    yield Found(
        "platform", f"{platform.system()} {platform.machine()}", "safe fork" if forks else "no safe fork", slower
    )
    for name in ("durable-harness", "pydantic-ai-slim"):
        yield Found("package", name, _version(name) or "not installed as a package")


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _engines() -> Iterator[Found]:
    for name, place in registry.known().items():
        try:
            problems = tuple(registry.load(name).problems({}))
        except HarnessError as error:
            problems = (str(error),)
        except (ImportError, AttributeError) as error:
            problems = (f"its adapter {place} cannot be loaded: {error}",)
        yield Found("engine", name, "cannot be used" if problems else f"ready{_version_of(place)}", problems)


def _version_of(place: str) -> str:
    """The installed version of an engine beside those it was tested with, and what its first run has yet to get.

    Empty if its adapter has no `versions` module.
    """
    package = place.partition(":")[0].rpartition(".")[0]
    if not package:
        return ""
    try:
        versions: Any = import_module(f"{package}.versions")
        installed, known = versions.installed(), tuple(versions.KNOWN)
    except (ImportError, AttributeError):
        return ""
    tested = "a version it was tested with" if installed in known else f"tested with {', '.join(known)}"
    missing = versions.yet_to_get() if hasattr(versions, "yet_to_get") else ""
    return f", {installed} ({tested})" + (f"; {missing}" if missing else "")


def _folders(out: Path) -> Iterator[Found]:
    yield _folder("run folders", out, "choose another with `--out`")
    try:
        place = cache.place()
    except OSError as error:
        yield Found("folder", "cache", "not known", (f"{error.strerror}; set XDG_CACHE_HOME",))
    else:
        yield _folder("cache", place, "set XDG_CACHE_HOME")


def _folder(name: str, folder: Path, mend: str) -> Found:
    problem = _unwritable(folder)
    state = f"{folder} {'cannot' if problem else 'can'} be written"
    return Found("folder", name, state, (f"{problem}; {mend}",) if problem else ())


def _unwritable(folder: Path) -> str:
    """Why nothing can be written below a folder that need not exist yet; nothing is left behind."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            return ""
    except OSError as error:
        return f"{there}: {error.strerror}"
