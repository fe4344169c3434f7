"""The folder of one audit, which goes when the audit does; what a killed one left goes with a later one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "harness-audit-"
FRESH = 60.0
"""Seconds in which nobody takes a folder for left behind: whoever made it may not have locked it yet."""


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one audit, locked as long as that runs: the lock of a process that was killed is gone."""
    _forget_the_dead()
    with tempfile.TemporaryDirectory(prefix=PREFIX) as made, _locked(Path(made)):
        yield Path(made)


def _forget_the_dead() -> None:
    """Remove the folders of audits that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is somebody else's, it is in use, or it is gone by now
            if time.time() - folder.stat().st_mtime > FRESH:
                with _locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. Raises `OSError` if another process does."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)
