"""Work that a run leaves behind: tasks and threads of the person's own code that go on when it has ended.

A service's process lives on, and such work comes to its end there, unless a crash comes first: no engine waits for it,
or keeps it. A life ends with its run, so what that work would have done is not seen; that it was there is told.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from harness.subjects.importing import is_theirs


def going_on() -> set[str]:
    """Where the code begins that is under way, in the running event loop or in threads: `work` (shop.py:12)."""
    here = [_code(task.get_coro()) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    beside = [_code(_function(thread)) for thread in threading.enumerate()]
    return {_spelled(code) for code in (*here, *beside) if code is not None and is_theirs(code.co_filename)}


def left_behind(before: Collection[str]) -> Iterator[str]:
    """What is to be said of each that was not under way `before` the run."""
    for where in sorted(going_on().difference(before)):
        yield (
            f"{where} was still going on when the run ended: no engine waits for such work or keeps it, a crash loses"
            " it, and what it does after the run is not seen here; let the tool or workflow that begins it wait for it"
        )


def _function(thread: threading.Thread) -> Any:
    """What a thread runs: its target, a timer's function, or the method of a class of its own."""
    return getattr(thread, "_target", None) or getattr(thread, "function", None) or type(thread).run


def _code(running: Any) -> CodeType | None:
    """The code of a function, or of a coroutine that goes on."""
    found = getattr(running, "cr_code", None) or getattr(running, "__code__", None)
    return found if isinstance(found, CodeType) else None


def _spelled(code: CodeType) -> str:
    return f"`{code.co_name}` ({Path(code.co_filename).name}:{code.co_firstlineno})"
