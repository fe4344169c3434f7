"""What a process makes after its holes were filled lies together."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys

import pytest

from harness.process import ballast
from tests.process import holes


@pytest.mark.parametrize("size", [48, 64, 208, 512, 1024])
def test_new_objects_lie_together_when_the_holes_are_filled(size: int) -> None:
    spread = subprocess.check_output(
        [sys.executable, holes.__file__, str(size)], env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    assert int(spread) <= 2 + 2 * holes.MANY * size // mmap.PAGESIZE


def test_filling_ends_where_nothing_lies_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ballast, "TOGETHER", sys.maxsize)
    filling = sum(map(len, ballast._filling(8192)))
    assert filling <= ballast.MOST
