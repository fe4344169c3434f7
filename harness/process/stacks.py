"""Where a process is, asked from outside: every thread's stack, and what each asyncio task waits for.

Two signals, because they fail differently. The first needs the main thread to come back to Python for a moment, and in
return can walk the chain of awaits of each task, which no thread's stack shows. Where that does not come, the second is
answered by `faulthandler` in C, whatever Python is doing, also inside a call that never returns. It is not the first
choice because it reads the other threads while they run, which can end the process by SIGSEGV (in Python 3.11 after
some tens of questions, with three busy threads). The answers go to a file without a path that the parent reads through
`/proc`: nothing to clean up, and it works on a full disk.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from harness.process import kin

if TYPE_CHECKING:
    import asyncio

# Real-time signals from the middle of their range: nothing that a subject uses is likely to be there.
PYTHON = signal.SIGRTMIN + 10 if kin.LINUX else None
C = signal.SIGRTMIN + 11 if kin.LINUX else None
FATAL = (signal.SIGSEGV, signal.SIGBUS)
"""What the answer in C may end the process with."""
END = "\n-- end of stacks --\n"
PATIENCE = 1.0  # seconds to wait for an answer
UNANSWERED = "\n(The asyncio tasks are not shown: the main thread did not come back to Python to list them.)\n"


def ignore() -> None:
    """Survive the two signals until there is an answer to give: what they do by default is to end the process."""
    for number in (PYTHON, C):
        if number is not None:
            faulthandler.unregister(number)  # or it would take a later registration for a change of file only
            signal.signal(number, signal.SIG_IGN)


def show_threads() -> None:
    """Print crashes, and the answer in C, on stderr."""
    faulthandler.enable(file=2)
    if C is not None:
        faulthandler.register(C, file=2, all_threads=True)


def arm(descriptor: int) -> None:
    """Print crashes on stderr, and answer both signals into `descriptor`, from now on and in this process only."""
    faulthandler.enable(file=2)
    if PYTHON is not None and C is not None:
        faulthandler.register(C, file=descriptor, all_threads=True)
        signal.signal(PYTHON, lambda _, interrupted: _write(descriptor, _everything(interrupted) + END))


def collect(path: Path, ask: Callable[[int], None], ended: Callable[[], bool]) -> str:
    """The stacks of the process whose answers appear at `path`; `ask` sends it a signal, `ended` tells of its end.

    Empty if the process is gone. Without the part about tasks if the main thread cannot answer within a second.
    """
    if PYTHON is None or C is None:
        return "(Stacks can be read on Linux only.)"
    try:
        with path.open("rb") as answers:
            answers.seek(0, os.SEEK_END)
            ask(PYTHON)
            text = _answer(answers.read, ended)
            if END not in text:
                ask(C)
                text += _answer(answers.read, ended)
    except OSError:
        return ""
    if END in text:
        return text.replace(END, "").strip() + "\n"
    return text.strip() + "\n" + UNANSWERED if text else ""


def _answer(more: Callable[[], bytes], ended: Callable[[], bool]) -> str:
    text = ""
    deadline = time.monotonic() + PATIENCE
    while END not in text and not ended() and time.monotonic() < deadline:
        time.sleep(0.01)
        text += more().decode(errors="replace")
    return text


def _write(descriptor: int, text: str) -> None:
    data = text.encode(errors="replace")
    while data:
        data = data[os.write(descriptor, data) :]


def _everything(interrupted: FrameType | None) -> str:
    return "\n".join([*_all_threads(interrupted), _all_tasks()])


def _all_threads(interrupted: FrameType | None) -> Iterator[str]:
    """Where each thread is; the one that says this was `interrupted` for it."""
    frames = sys._current_frames() | {threading.get_ident(): interrupted}  # noqa: SLF001  there is no other way
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in frames.items():
        if frame is not None:
            shown = "".join(traceback.format_stack(frame))
            yield f"Thread {names.get(ident, ident)} (outermost first):\n{shown}"


def _all_tasks() -> str:
    """Every unfinished task of every event loop. There is no register of loops, so the garbage collector's serves."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:  # not imported above either: the guard would carry it around for nothing
        return ""
    parts = []
    loops = [thing for thing in gc.get_objects() if issubclass(type(thing), asyncio.AbstractEventLoop)]
    for loop in loops:
        try:
            parts += [_describe(task) for task in asyncio.all_tasks(loop)]
        except Exception as error:  # noqa: BLE001  a half-built loop must not hide the others
            parts.append(f"(an event loop could not be asked: {error!r})")
    return "\n".join(["", *sorted(parts)])


def _describe(task: asyncio.Task[Any]) -> str:
    frames = traceback.StackSummary.extract(_awaits(task.get_coro()))
    return f"Task {task.get_name()} (outermost first):\n{''.join(frames.format())}"


def _awaits(waiting: Any) -> Iterator[tuple[FrameType, int]]:
    """The frames of a suspended coroutine and of all that it awaits. `Task.get_stack` would show the first only."""
    while waiting is not None:
        for frame, awaited in (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await")):
            if hasattr(waiting, frame):
                if (found := getattr(waiting, frame)) is not None:
                    yield found, found.f_lineno
                waiting = getattr(waiting, awaited)
                break
        else:
            return
