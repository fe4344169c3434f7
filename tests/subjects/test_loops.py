from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.subjects.loops import run_once

ROOT = Path(__file__).parents[2]


def test_the_result_and_the_error_come_through() -> None:
    async def five() -> int:
        await asyncio.sleep(0)
        return 5

    async def fail() -> None:
        raise LookupError("gone")

    assert run_once(five()) == 5
    with pytest.raises(LookupError, match="gone"):
        run_once(fail())


def test_generators_are_closed() -> None:
    closed = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            closed.append(True)

    async def first() -> int:
        return await anext(numbers())

    assert run_once(first()) == 1
    assert closed == [True]


def test_no_thread_is_left_and_an_event_loop_can_still_be_asked_for() -> None:
    code = (
        "import asyncio, os, time\n"
        "from harness.subjects.loops import run_once\n"
        "run_once(asyncio.to_thread(time.sleep, 0))\n"
        "until = time.monotonic() + 5  # the kernel takes a thread that has ended off its list in its own time\n"
        "while len(os.listdir('/proc/self/task')) > 1 and time.monotonic() < until: pass\n"
        "print(len(os.listdir('/proc/self/task')), asyncio.get_event_loop().is_closed())"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["1", "False"]
