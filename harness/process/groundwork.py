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
from types import ModuleType
from typing import Any, NoReturn

from harness.process import kin, loading, nursery
from harness.subjects.importing import folder_above

PASSING = ("PYTEST_CURRENT_TEST", "PWD", "OLDPWD")
"""Variables that change from one moment to the next, and that nothing reads while it is imported."""

USUAL = ("pydantic_ai.models.openai",)
"""What most subjects import besides, where it is installed."""

BORN, LAY = f"{__name__}:born", f"{__name__}:lay"

_laid = False


def here(argument: dict[str, Any]) -> dict[str, Any]:
    """What `born` is told by the harness; `argument` is that of the zygote, which may name a `subject`."""
    folder = ""
    with contextlib.suppress(FileNotFoundError):  # it was deleted under us
        folder = str(Path.cwd())
    passing = {name: os.environ[name] for name in PASSING if name in os.environ}
    subject = str(argument.get("subject") or "")
    return {"folder": folder, "passing": passing, "subject": subject, "front": loading.in_front(sys.path)}


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

    `argument`: `folder`, `front` and `passing`, the current folder of the harness now, what is in front of its path,
    and its `PASSING` variables; `subject`; and `line`, the control socket's descriptor.
    """
    for name in PASSING:
        os.environ.pop(name, None)
    os.environ.update(argument["passing"])
    with contextlib.suppress(FileNotFoundError):
        os.chdir(argument["folder"])
    line: int = argument["line"]
    if not _laid or any(map(_is_overlooking, _folders(argument))):
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
    ours = [*loading.in_front(sys.path), str(Path.cwd())]
    elsewhere = [entry for entry in sys.path if entry not in ("", *ours)]
    sys.path[:] = [*elsewhere, *ours]  # where the harness itself may have to be found
    try:
        yield
    finally:
        sys.path[:] = elsewhere


def _folders(argument: dict[str, Any]) -> Iterator[Path]:
    """Where modules of the person's own are found before all others, which is also beside a subject that is a file."""
    yield from map(Path, argument["front"])
    yield Path.cwd()
    file = Path(argument["subject"].rpartition(":")[0])
    if file.suffix == ".py":
        yield folder_above(file.resolve())


def _is_overlooking(folder: Path) -> bool:
    """Whether a module of this folder has the name of one that was imported from elsewhere."""
    with contextlib.suppress(OSError):
        names = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
        return any(_home(sys.modules[name]) != folder for name in names & sys.modules.keys() - {"__main__"})
    return False


def _home(module: ModuleType) -> Path | None:
    """The folder in which a module, or a package, lies."""
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).parents[1 if Path(file).stem == "__init__" else 0]
