"""What the tests ask about processes that are not their own."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATIENCE = 20.0
MARK = "HARNESS_TEST_FAMILY"
"""A variable that a test gives to the process it starts; all that this one starts inherit it."""


def alive(pid: int) -> bool:
    """Whether the process can still do anything; one that only waits to be reaped cannot."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def below(pid: int) -> list[int]:
    """All descendants of a process, nearest first."""
    parents = dict(_parents())
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


def family(mark: str) -> list[int]:
    """Every living process that inherited the mark: also one that has left the session or lost its parent."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for record in Path("/proc").glob("[0-9]*/environ"):
        try:
            inherited = record.read_bytes().split(b"\0")
        except OSError:
            continue
        if wanted in inherited and alive(int(record.parent.name)):
            found.append(int(record.parent.name))
    return found


def happens(what: Callable[[], object]) -> bool:
    """Whether it becomes true before our patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def all_gone(pids: list[int]) -> bool:
    return happens(lambda: not any(map(alive, pids)))


def _parents() -> Iterator[tuple[int, int]]:
    for record in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield int(record.parent.name), int(record.read_text().rpartition(")")[2].split()[1])


def lines(path: Path, count: int) -> list[Any]:
    """Wait for `count` whole lines of JSON in a file that another process writes."""
    assert happens(lambda: path.exists() and path.read_text().count("\n") >= count), f"{path} was not written"
    return [json.loads(line) for line in path.read_text().splitlines()]
