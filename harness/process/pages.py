"""The pages of memory that a life will write to, copied before it needs them.

A fork shares every page with its nursery until one of the two writes to it, and that first write costs a fault and a
copy: some three thousand for each life of a small agent, a third of its time, because Python counts references in the
objects themselves. All lives of a subject write to much the same pages. So the first that ends by itself notes which it
has for its own, and later forks copy these in one go, while they wait to be born. For a fork and for its
end, the kernel goes through all pages, also those that nobody wrote to, and is quicker where the nursery gathered them
in large ones. Where it cannot tell, copy (before Linux 5.14) or gather (6.1), nothing is lost but time.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.process import kin

_POPULATE_WRITE = 23  # MADV_POPULATE_WRITE of <linux/mman.h>: fault these pages in as if they were written to
_COLLAPSE = 25  # MADV_COLLAPSE: move these pages into large ones
_OWN = 1 << 56  # of an entry in /proc/self/pagemap: the page is mapped by this process only (Linux 4.2)
_THERE = 1 << 63  # the page is in memory
_NEAR = 1  # pages between two runs that are cheaper to copy than to leave out

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
                os.pwrite(self._file, array("Q", [number for run in _owned() for number in run]).tobytes(), 0)

    def copy(self) -> None:
        """Make those pages this process's own."""
        noted = array("Q")
        with contextlib.suppress(OSError):
            noted.frombytes(os.pread(self._file, os.fstat(self._file).st_size, 0))
        if noted:
            _advise(_POPULATE_WRITE, zip(noted[::2], noted[1::2], strict=True))  # what is not mapped here is refused


def gather() -> None:
    """Have the kernel move this process's memory into large pages, which takes some 30 ms for 100 MB.

    What is hardly filled stays as it is: large pages would fill it with zeros.
    """
    with contextlib.suppress(OSError):  # no Linux
        _advise(_COLLAPSE, list(_filled()))


def _advise(advice: int, runs: Iterable[Run]) -> None:
    """Tell the kernel what to do with memory. What it refuses is left as it is, and that is fine."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for address, length in runs:
        madvise(address, length, advice)


def _owned() -> Iterator[Run]:
    """The runs of pages that belong to this process alone."""
    for start, entries in _mapped():
        yield from _runs(start, [index for index, entry in enumerate(entries) if entry & _OWN])


def _filled() -> Iterator[Run]:
    """The stretches of memory of which most pages are there."""
    for start, entries in _mapped():
        if sum(entry >= _THERE for entry in entries) > len(entries) / 2:
            yield start, len(entries) * mmap.PAGESIZE


def _mapped() -> Iterator[tuple[int, array[int]]]:
    """Where each stretch of writable memory begins, and what the kernel says of its pages."""
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pagemap:
        for start, end in _writable():
            pagemap.seek(start // mmap.PAGESIZE * 8)
            yield start, array("Q", pagemap.read((end - start) // mmap.PAGESIZE * 8))


def _writable() -> list[tuple[int, int]]:
    """Where this process's writable memory begins and ends, its own and that of libraries."""
    lines = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
    spans = [line[0].split("-") for line in lines if line[1] == "rw-p"]
    return [(int(start, 16), int(end, 16)) for start, end in spans]


def _runs(start: int, indices: list[int]) -> Iterator[Run]:
    """Pages that lie together, or almost, as one run."""
    first = last = None
    for index in indices:
        if first is None or last is None:
            first = index
        elif index - last > _NEAR + 1:
            yield start + first * mmap.PAGESIZE, (last + 1 - first) * mmap.PAGESIZE
            first = index
        last = index
    if first is not None and last is not None:
        yield start + first * mmap.PAGESIZE, (last + 1 - first) * mmap.PAGESIZE
