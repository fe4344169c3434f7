"""What fills the holes in a nursery's memory, so that what a life makes does not go into them.

An import leaves holes all over its memory, and an allocator puts new objects into holes first: each page with one is a
page more that every life has to copy (`pages.py`). Where they are filled before the fork, a life's own objects lie
together, in pages that nobody shares with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

SIZES = (*range(48, 513, 16), *range(8192, 512, -128))
"""Bytes of what fills. For each size up to 512 Python has memory of its own. Above that the C library takes the
smallest hole that is large enough, so the largest come first."""
TOGETHER = 6144
"""Bytes in a row that are no hole any more: they span a page, and are less than Python takes for one size at a time."""
MOST = 1 << 20
"""Bytes of one size at most, where an allocator never gives them in a row."""

_EMPTY = sys.getsizeof(b"")
_HEAD = 16  # bytes at most that the C library adds

_kept: list[tuple[bytes, ...]] = []


def fill() -> None:
    """Fill the holes of this process's memory, for as long as it lives. Takes some 5 ms, and 1 MB after an import."""
    _kept.extend(tuple(_filling(size)) for size in SIZES)


def _filling(size: int) -> Iterator[bytes]:
    """Objects of `size` bytes, until they lie side by side."""
    row = before = 0
    for _ in range(MOST // size):
        yield (made := bytes(size - _EMPTY))
        row = row + size if abs(id(made) - before) <= size + _HEAD else 0
        before = id(made)
        if row >= TOGETHER:
            return
