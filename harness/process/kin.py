"""What an operating system lets a process know and decide about its family.

Linux answers all of it. Elsewhere the same functions do nothing or find nothing, which is why other platforms run cold
and promise less: an orphan that left its session cannot be found there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LINUX = sys.platform == "linux"

_ONE_THREAD = 3  # links of the folder that has a folder for each thread

LINGERING = 0.2  # seconds

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
_PR_SET_CHILD_SUBREAPER = 36
_prctl = ctypes.CDLL(None, use_errno=True).prctl if LINUX else None


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the thread that forked it ends.

    To be called by a child whose parent has one thread only: otherwise "the thread" is not "the process". `parent` may
    have died before the call, which the kernel would never tell us; then this process ends here.
    """
    if _prctl is None:
        return
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, as init is for the whole machine.

    Not inherited by a fork, kept by an exec: each process that wants it says so.
    """
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def other_tasks() -> tuple[str, ...]:
    """The names of this process's threads besides the main one, as the kernel counts them.

    `threading.enumerate()` would miss those that native code started (numpy, Rust runtimes), and one of them holding a
    lock at the moment of a fork is enough to hang the child.
    """
    main = str(os.getpid())
    names = []
    for task in sorted(Path("/proc/self/task").glob("*")):
        if task.name != main:
            with contextlib.suppress(OSError):  # it has ended since
                names.append((task / "comm").read_text().strip())
    return tuple(names)


def lasting_tasks() -> tuple[str, ...]:
    """The `other_tasks` that stay. One that was joined a moment ago may still be on the kernel's list."""
    deadline = time.monotonic() + LINGERING
    while (others := other_tasks()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return others


def is_alone() -> bool:
    """Whether this process has one thread and no child, as far as that is known."""
    return LINUX and Path("/proc/self/task").stat().st_nlink == _ONE_THREAD and not has_children()


def has_children() -> bool:
    """Whether any child is left, dead but unreaped ones included. One system call, unlike `children`."""
    if not LINUX:
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def children() -> list[int]:
    """The direct children of this process, dead but unreaped ones included.

    The kernel's own list is an option that some are built without; then every process's record is read, which takes
    milliseconds. The list may miss one if another is reaped at that moment, so it is for who alone reaps his children.
    """
    try:
        lists = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
    except OSError:
        return _children_by_parent()
    return [int(pid) for text in lists for pid in text.split()]


def _children_by_parent() -> list[int]:
    me = os.getpid()
    return [int(entry.name) for entry in _processes() if _parent(entry) == me]


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Send a signal; False if there is nobody to send it to or it is not ours to end (another user's process)."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def private_file(name: str) -> int:
    """A file of this process without a path, closed on exec, seen by others only through `/proc`."""
    if LINUX:
        return os.memfd_create(name)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _processes() -> Iterator[Path]:
    return (entry for entry in Path("/proc").glob("[0-9]*") if entry.name.isdecimal())


def _parent(entry: Path) -> int | None:
    try:
        record = (entry / "stat").read_bytes()
    except OSError:  # it has ended since
        return None
    # "pid (name) state parent …": a name may hold anything, parentheses too
    return int(record.rpartition(b")")[2].split()[1])
