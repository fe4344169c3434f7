"""A cache folder of a test's own, for what sessions share in the real one, without making anew what is kept there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from harness.engines import cache

KEPT = ("bytecode", "dbos-*.sqlite", "prefect-*.sqlite", "temporal-cli-*")


@contextmanager
def own_cache() -> Iterator[Path]:
    """A value for `XDG_CACHE_HOME`, short because a socket's path may not be long. Nobody else meets there."""
    real = cache.folder()
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "durable-harness").mkdir()
        for pattern in KEPT:
            for entry in real.glob(pattern) if real else ():
                (Path(name) / "durable-harness" / entry.name).symlink_to(entry)
        yield Path(name)


def names(folder: Path) -> list[psutil.Process]:
    """The processes that name a folder among their arguments, this one left out."""
    found = psutil.process_iter(["cmdline"])
    return [one for one in found if str(folder) in " ".join(one.info["cmdline"] or []) and one.pid != os.getpid()]


def new_in(folder: Path) -> list[str]:
    """What there is in such a cache besides what was kept."""
    return sorted(entry.name for entry in (folder / "durable-harness").iterdir() if not entry.is_symlink())
