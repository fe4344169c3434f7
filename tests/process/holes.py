"""How many pages new objects begin in where one of forty before them is gone, as after an import: `holes.py SIZE`.

A program of its own, because what else a process has done decides where its holes are.
"""

import mmap
import sys

from harness.process import ballast

MANY, APART = 100, 40


def spread(size: int) -> int:
    """In how many pages `MANY` objects of `size` bytes begin when the holes were filled before."""
    made = [bytes(size - sys.getsizeof(b"")) for _ in range(MANY * APART)]
    del made[::APART]
    ballast.fill()
    new = [bytes(size - sys.getsizeof(b"")) for _ in range(MANY)]
    return len({id(one) // mmap.PAGESIZE for one in new})


if __name__ == "__main__":
    print(spread(int(sys.argv[1])))  # noqa: T201
