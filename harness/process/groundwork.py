"""What every subject imports, done once: an interpreter that has laid the groundwork bears the nurseries of many.

To import pydantic-ai and the SDK that most agents use takes longer than all the rest that a subject needs. Only what
would be imported anyway is; nothing is installed, and no code of the person's is touched. A subject that has a module
of its own in the place of one of these does without.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from harness.process import kin, loading, nursery

PASSING = ("PYTEST_CURRENT_TEST", "PWD", "OLDPWD")
"""Variables that change from one moment to the next, and that nothing reads while it is imported."""

USUAL = ("pydantic_ai.models.openai",)
"""What most subjects import besides, where it is installed."""

BORN, LAY = f"{__name__}:born", f"{__name__}:lay"

_laid = False


def here() -> dict[str, Any]:
    """What `born` is told by the harness."""
    folder = ""
    with contextlib.suppress(FileNotFoundError):  # it was deleted under us
        folder = str(Path.cwd())
    return {"folder": folder, "passing": {name: os.environ[name] for name in PASSING if name in os.environ}}


def lay(_argument: dict[str, Any]) -> dict[str, Any]:
    """Import it. What fails here is left to the subjects' own interpreters, which find the words for it."""
    global _laid
    with contextlib.suppress(Exception), _nothing_from_here():
        from harness.subjects import guard

        guard.protect()
        importlib.import_module("harness.process.worker")
        for name in USUAL:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        _laid = not kin.lasting_tasks()
    return {}


def born(argument: dict[str, Any]) -> NoReturn:
    """Be a subject's nursery, in a fork; or a new interpreter if the groundwork will not do.

    `argument`: `folder` and `passing`, the current folder and the `PASSING` variables of the harness now, and `line`,
    the control socket's descriptor.
    """
    for name in PASSING:
        os.environ.pop(name, None)
    os.environ.update(argument["passing"])
    with contextlib.suppress(FileNotFoundError):
        os.chdir(argument["folder"])
    line: int = argument["line"]
    if not _laid or _is_overlooking():
        os.set_inheritable(line, True)
        os.execv(sys.executable, loading.command(sys.executable, "groundwork", str(line)))  # noqa: S606  no shell wanted
    nursery.main(socket.socket(fileno=line))


def main() -> NoReturn:
    """Be a subject's nursery, without any groundwork."""
    line = int(sys.argv[-1])
    del sys.argv[1:]
    os.set_inheritable(line, False)
    nursery.main(socket.socket(fileno=line))


@contextlib.contextmanager
def _nothing_from_here() -> Iterator[None]:
    """Let nothing be found in the current folder first, nor later: another nursery will be somewhere else."""
    here = str(Path.cwd())
    elsewhere = [entry for entry in sys.path if entry not in ("", here)]
    sys.path[:] = [*elsewhere, here]  # where the harness itself may have to be found
    try:
        yield
    finally:
        sys.path[:] = elsewhere


def _is_overlooking() -> bool:
    """Whether a module of the current folder has the name of one that was imported from elsewhere."""
    here = Path.cwd()
    names = {path.stem for path in here.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    files = [getattr(sys.modules[name], "__file__", None) for name in names & sys.modules.keys() - {"__main__"}]
    return any(file is None or not Path(file).is_relative_to(here) for file in files)
