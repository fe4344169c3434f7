"""What a process makes after its holes were filled lies together."""

from __future__ import annotations

import mmap
import sys

import pytest

from harness.process import ballast

MANY = 100
APART = 40
"""One of so many objects is gone again, as after an import."""


def pages(made: list[bytes]) -> int:
    """In how many pages these begin."""
    return len({id(one) // mmap.PAGESIZE for one in made})


@pytest.mark.parametrize("size", [48, 64, 208, 512, 1024])
def test_new_objects_lie_together_when_the_holes_are_filled(size: int) -> None:
    made = [bytes(size - sys.getsizeof(b"")) for _ in range(MANY * APART)]
    del made[::APART]
    ballast.fill()
    new = [bytes(size - sys.getsizeof(b"")) for _ in range(MANY)]
    assert pages(new) <= 2 + 2 * MANY * size // mmap.PAGESIZE


def test_filling_ends_where_nothing_lies_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballast, "TOGETHER", sys.maxsize)
    filling = sum(map(len, ballast._filling(8192)))
    assert filling <= ballast.MOST
