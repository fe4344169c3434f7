"""Importing the subject into an interpreter that was started for it, and what is told about how that went."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import site
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

from harness import errors
from harness.process import complaint, kin
from harness.process.letters import Letter
from harness.process.newborn import resolve

RARELY = 100_000
"""Objects between two looks for garbage while a subject is imported. Never to look would spread what stays over more
pages, each of which every life pays for."""

# Run as `python -c`, not `-m`: a subject that starts processes by `multiprocessing` would run our module in each again.
# Our folder is on the path for a moment only: in another environment, everything beside us would come with it.
_START = """
import importlib, sys
sys.path.append(sys.argv[1])
main = importlib.import_module(sys.argv[2]).main
sys.path.pop()
main()
"""


def command(executable: str, module: str, *arguments: str) -> list[str]:
    """The command that calls `main()` of a module of this folder in another interpreter."""
    root = str(Path(errors.__file__).parents[1])
    return [executable, "-c", _START, root, f"harness.process.{module}", *arguments]


def preload(name: str, argument: Letter) -> Letter:
    """Call the function `name`; what the harness is told about it: `ready`, or `failed` and why."""
    try:
        with _hardly_collecting():
            info = resolve(name)(argument)
            with contextlib.suppress(ImportError):
                importlib.import_module("anyio._backends._asyncio")  # or every fork imports it anew: 0.15 s
        report = {"event": "ready", "info": info, "threads": kin.lasting_tasks(), "pid": os.getpid()}
        _must_travel(report, name)
        return report
    except BaseException as error:  # noqa: BLE001  a module that calls sys.exit() is a finding too
        return {"event": "failed", **complaint.describe(error)}


@contextlib.contextmanager
def _hardly_collecting() -> Iterator[None]:
    """What an import makes stays: looking through it for garbage, again and again, is a sixth of the time it takes.

    A subject that chooses a threshold of its own keeps it.
    """
    usual = gc.get_threshold()
    gc.set_threshold(RARELY)
    during = gc.get_threshold()
    try:
        yield
    finally:
        if gc.get_threshold() == during:
            gc.set_threshold(*usual)


def _must_travel(report: Letter, name: str) -> None:
    try:
        json.dumps(report)
    except (TypeError, ValueError) as error:
        raise errors.InternalError(f"{name} returned what JSON cannot carry ({error}); please report this") from error


def put_on_path(harness: list[str]) -> None:
    """First what stands in front of the path of the `harness`, then the current directory, then what is there.

    What only the harness has comes last. So a name means what it means in a test that pytest runs, and where nothing is
    in front, what it means for `python -m`.
    """
    front = in_front(harness)
    with contextlib.suppress(FileNotFoundError):  # the directory was deleted under us
        front.append(str(Path.cwd()))
    sys.path[:] = dict.fromkeys(filter(None, [*front, *sys.path, *harness]))


def in_front(path: list[str]) -> list[str]:
    """What somebody put before all that Python itself has there: pytest, or a script that is not installed."""
    named = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    installed = tuple(f"{folder}{os.sep}" for folder in (sys.prefix, sys.base_prefix, site.getuserbase()))
    everybodys = [os.path.abspath(entry) for entry in named]  # noqa: PTH100  as `site` does
    first = takewhile(lambda entry: not entry.startswith(installed) and entry not in everybodys, path)
    return list(dict.fromkeys(first))


def fill_standard_streams() -> None:
    """Give 0, 1 and 2 a meaning again if the subject closed one of them, or what is opened next takes its place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def forget_standard_input() -> None:
    """Read nothing from now on: what was there was for us, not for the subject."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
