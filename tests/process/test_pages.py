"""The pages that one life has noted are the next one's own before it writes to them."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.process import pages
from harness.process.pages import Pages

MANY = 400


def in_a_fork(act: Callable[[], bytes]) -> bytes:
    """What `act` returns in a fork of this process."""
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(write, act())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        said = answer.read()
    os.waitpid(pid, 0)
    return said


def memory() -> mmap.mmap:
    """Pages that this process has written to, so that a fork shares them with it."""
    made = mmap.mmap(-1, MANY * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE)
    made.write(b"x" * len(made))
    return made


def own(among: mmap.mmap) -> int:
    """How many pages of it belong to this process alone."""
    start = ctypes.addressof(ctypes.c_char.from_buffer(among))
    spans = ((max(at, start), min(at + length, start + len(among))) for at, length in pages._owned())
    return sum(max(0, end - begin) for begin, end in spans) // mmap.PAGESIZE


def test_a_fork_owns_what_an_earlier_one_had_written_to() -> None:
    noted, shared = Pages(), memory()

    def write() -> bytes:
        for page in range(0, MANY, 2):
            shared[page * mmap.PAGESIZE] = 1
        noted.note()
        return b"done"

    def copy() -> bytes:
        before = own(shared)
        noted.copy()
        return f"{before} {own(shared) >= MANY // 2}".encode()

    assert in_a_fork(write) == b"done"
    assert in_a_fork(copy) == b"0 True"


@pytest.mark.parametrize("refused", [errno.EBADF, errno.ENOMEM], ids=["an older kernel", "what is not mapped"])
def test_what_the_kernel_refuses_in_one_call_is_copied_one_by_one(
    refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, shared = Pages(), memory()

    def write() -> bytes:
        shared[: len(shared)] = b"y" * len(shared)
        noted.note()
        return b"done"

    def refuse(*_: int) -> int:
        ctypes.set_errno(refused)
        return -1

    assert in_a_fork(write) == b"done"
    monkeypatch.setattr(pages, "_process_madvise", refuse)
    assert in_a_fork(lambda: noted.copy() or str(own(shared)).encode()) == str(MANY).encode()


def test_pages_are_copied_that_lie_beyond_what_is_no_longer_mapped() -> None:
    noted, below, gone, above = Pages(), memory(), memory(), memory()

    def write() -> bytes:
        for made in (below, gone, above):
            made[mmap.PAGESIZE : len(made)] = b"y" * (len(made) - mmap.PAGESIZE)
        noted.note()
        return b"done"

    def copy() -> bytes:
        gone.close()
        noted.copy()
        return f"{own(below)} {own(above)}".encode()

    assert in_a_fork(write) == b"done"
    assert in_a_fork(copy) == f"{MANY - 1} {MANY - 1}".encode()


def test_nothing_is_copied_before_anything_is_noted() -> None:
    noted, shared = Pages(), memory()

    def copy() -> bytes:
        noted.copy()
        return str(own(shared)).encode()

    assert in_a_fork(copy) == b"0"


def test_what_is_in_memory_stays_as_it_was() -> None:
    noted, shared = Pages(), memory()

    def write() -> bytes:
        shared[: len(shared)] = b"y" * len(shared)
        noted.note()
        return b"done"

    def copy() -> bytes:
        noted.copy()
        return shared[:4]

    assert in_a_fork(write) == b"done"
    assert in_a_fork(copy) == b"xxxx"


def test_only_the_first_note_counts() -> None:
    noted = Pages()
    in_a_fork(lambda: noted.note() or b"done")
    size = os.fstat(noted._file).st_size

    in_a_fork(lambda: noted.note() or b"done")

    assert os.fstat(noted._file).st_size == size > 0


def test_a_subject_that_closed_the_file_does_no_harm() -> None:
    noted = Pages()
    os.close(noted._file)

    assert in_a_fork(lambda: (noted.note(), noted.copy()) and b"done") == b"done"


def test_a_file_that_the_subject_opened_in_its_place_is_left_alone(tmp_path: Path) -> None:
    noted, mine = Pages(), tmp_path / "mine"
    with mine.open("w") as file:
        os.dup2(file.fileno(), noted._file)

    in_a_fork(lambda: noted.note() or b"done")

    assert mine.read_bytes() == b""
