"""The pages of memory that a life will write to, copied before it needs them.

A fork shares every page with its nursery until one of the two writes to it, and that first write costs a fault and a
copy: some three thousand for each life of a small agent, a third of its time, because Python counts references in the
objects themselves. All lives of a subject write to much the same pages. So the first that ends by itself notes which it
has for its own, and later forks copy these in one go, while they wait to be born. Where the kernel cannot tell or copy
(before Linux 5.14) nothing is lost but time.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
from array import array
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from harness.process import kin

_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE of <linux/mman.h>: fault these pages in as if they were written to
_OWN = 1 << 56  # of an entry in /proc/self/pagemap: the page is mapped by this process only (Linux 4.2)
_MYSELF = -10000  # PIDFD_SELF of <linux/pidfd.h> (Linux 6.15)
_TOGETHER = 1024  # runs that the kernel takes in one call (IOV_MAX)

Run = tuple[int, int]
"""Address and length in bytes of pages that lie together."""


class Pages:
    """What one life has noted for those after it: a file that they share, without a path."""

    def __init__(self) -> None:
        self._file = kin.private_file("pages")
        self._inode = os.fstat(self._file).st_ino

    def note(self) -> None:
        """Write down which pages this process owns, unless another has done so."""
        with contextlib.suppress(OSError):  # a subject may have closed the file, and opened one of its own
            file = os.fstat(self._file)
            if file.st_ino == self._inode and file.st_size == 0:
                os.pwrite(self._file, array("L", [number for run in _owned() for number in run]).tobytes(), 0)

    def copy(self) -> None:
        """Make those pages this process's own."""
        noted = array("L")  # as the kernel wants to have them: addresses and lengths in turn
        with contextlib.suppress(OSError):
            noted.frombytes(os.pread(self._file, os.fstat(self._file).st_size, 0))
        if noted:
            _populate(noted)


def _populate(noted: array[int]) -> None:
    """Copy runs of pages, many in one call, which saves a third of the time; one by one where the kernel is too old."""
    at, together = 0, True
    while at < len(noted):
        copied = _populate_from(noted, at) if together else 0
        together = together and (copied >= 0 or ctypes.get_errno() == errno.ENOMEM)
        if copied <= 0:  # because that one is not mapped here, and then it is refused once more, and that is fine
            _madvise(noted[at], noted[at + 1], _POPULATE_WRITE)
            at += 2
        while copied > 0:
            copied -= noted[at + 1]
            at += 2


def _populate_from(noted: array[int], at: int) -> int:
    """Copy runs from a place in `noted` on, until one is refused. How many bytes that were; -1 if it was the first."""
    address, length = noted.buffer_info()
    runs = min((length - at) // 2, _TOGETHER)
    return _process_madvise(_MYSELF, address + at * noted.itemsize, runs, _POPULATE_WRITE, 0)


def _known(function: str, *arguments: Any, returns: Any = ctypes.c_int) -> Callable[..., int]:
    """A function of Linux's C library. One that is lacking refuses everything."""
    found = getattr(ctypes.CDLL(None, use_errno=True) if kin.LINUX else None, function, None)
    if found is None:
        return lambda *_: -1
    found.argtypes, found.restype = arguments, returns
    return cast(Callable[..., int], found)


_madvise = _known("madvise", ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_process_madvise = _known(
    "process_madvise",
    *(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint),
    returns=ctypes.c_ssize_t,
)


def _owned() -> Iterator[Run]:
    """The runs of pages that belong to this process alone."""
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        for start, end in _writable():
            pagemap.seek(start // mmap.PAGESIZE * 8)
            entries = array("Q", pagemap.read((end - start) // mmap.PAGESIZE * 8))
            yield from _runs(start, [index for index, entry in enumerate(entries) if entry & _OWN])


def _writable() -> list[tuple[int, int]]:
    """Where this process's writable memory begins and ends, its own and that of libraries."""
    lines = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
    spans = [line[0].split("-") for line in lines if line[1] == "rw-p"]
    return [(int(start, 16), int(end, 16)) for start, end in spans]


def _runs(start: int, indices: list[int]) -> Iterator[Run]:
    """Pages that lie together as one run."""
    for _, together in groupby(enumerate(indices), lambda numbered: numbered[1] - numbered[0]):
        run = [index for _, index in together]
        yield start + run[0] * mmap.PAGESIZE, len(run) * mmap.PAGESIZE
