"""The folder of a command and of a run on disk: a free name for it, and in it the scenario that was tried.

A run can be judged and tried again from its folder alone, so the scenario goes in before anything is started.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from harness.errors import UsageError
from harness.scenario import Scenario


@contextmanager
def new_folder(out: Path, name: str) -> Iterator[Path]:
    """A fresh folder for one command, named by time. A command that is refused leaves no folder behind.

    Raises `UsageError` if `out` cannot be written.
    """
    is_new = not out.exists()
    folder = _free(out, name)
    try:
        yield folder
    except UsageError:
        shutil.rmtree(folder, ignore_errors=True)
        if is_new:
            with suppress(OSError):  # somebody else has made a run in it meanwhile
                out.rmdir()
        raise


def _free(out: Path, name: str) -> Path:
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        folder = out / (f"{stamp}-{name}" + (f"-{number}" if number > 1 else ""))
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"cannot write to {out}: {error.strerror}; choose another folder with `--out`") from error
        return folder
    raise UsageError(f"cannot find a free name in {out}; clear it, or choose another folder with `--out`")


def write_scenario(folder: Path, scenario: Scenario) -> None:
    """Keep in the run folder what is tried there, so that it can be judged and tried again."""
    text = scenario.without_secrets().model_dump_json(indent=2, exclude_defaults=True)
    try:
        (folder / "scenario.json").write_text(text + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}; free some space or use `--out`") from error


def read_scenario(folder: Path) -> Scenario:
    """The scenario of a run folder. Raises `UsageError` if the folder is none, or its scenario is torn."""
    path = folder / "scenario.json"
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{folder} is no run folder: {path.name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{path} is torn or damaged: {error}; run the plan again") from error
    return Scenario.make(str(path), **values)
