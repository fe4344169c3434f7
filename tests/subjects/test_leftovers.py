"""Work that goes on when a run has ended is told; what was there before, and what others have begun, is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from harness.subjects.leftovers import going_on, left_behind

pytestmark = pytest.mark.anyio


@pytest.fixture
def end() -> Iterator[threading.Event]:
    ended = threading.Event()
    yield ended
    ended.set()


@pytest.fixture
def before() -> set[str]:
    """What other tests of this process have left."""
    return asyncio.run(_now())


async def _now() -> set[str]:
    return going_on()


async def later() -> None:
    await asyncio.sleep(60)


async def test_a_task_of_the_persons_own_is_told_by_where_its_code_begins(before: set[str]) -> None:
    task = asyncio.ensure_future(later())
    (told,) = left_behind(before)
    task.cancel()

    assert told.startswith("`later` (test_leftovers.py:")
    assert "no engine waits for such work" in told


async def test_a_task_of_a_librarys_is_nobodys_here(before: set[str]) -> None:
    task = asyncio.ensure_future(asyncio.sleep(60))
    assert list(left_behind(before)) == []
    task.cancel()


async def test_threads_and_timers_are_told_too(end: threading.Event, before: set[str]) -> None:
    def waits() -> None:
        end.wait()

    def is_late() -> None: ...

    timer = threading.Timer(60, is_late)
    timer.start()
    threading.Thread(target=waits).start()
    threading.Thread(target=end.wait).start()  # a library's function
    told = " ".join(left_behind(before))
    timer.cancel()

    assert "`waits` (test_leftovers.py:" in told
    assert "`is_late` (test_leftovers.py:" in told
    assert told.count("was still going on") == 2


async def test_what_went_on_before_the_run_was_begun_by_nobody_in_it() -> None:
    task = asyncio.ensure_future(later())
    assert list(left_behind(going_on())) == []
    task.cancel()


async def test_a_run_that_is_over_leaves_nothing(before: set[str]) -> None:
    await asyncio.ensure_future(asyncio.sleep(0))
    assert list(left_behind(before)) == []
