"""The first moments of an incarnation, between the fork and the subject's own code.

A fork inherits what a fresh interpreter would not have: the nursery's socket, its signal handling, its random state,
its output. Each is put back here to what a process has that was just started. What the *subject* opened or installed
while it was imported stays: a log file that it opened at import is open in production too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from harness.errors import InternalError
from harness.process import kin, stacks

FAILED = 1  # what Python itself exits with after an exception


@dataclass(frozen=True)
class Birth:
    """What an incarnation is born with: what to run, and descriptors it was given."""

    number: int
    entry: str | None  # None: only say how the import went (cold nurseries)
    argument: dict[str, Any]
    output: int
    stacks: int
    reply: int | None = None
    line: int | None = None  # to whoever talks to it, if it is to be talked to


def leave_home(nursery: int) -> None:
    """Make this fork a process of its own: a session, no terminal, no input, and death with the nursery."""
    os.setsid()
    kin.die_with(nursery)
    kin.adopt_orphans()  # so that a nursery knows: an orphan that reaches it belongs to a dead incarnation
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def put_out(birth: Birth) -> None:
    """Give it its own output."""
    for target in (1, 2):
        os.dup2(birth.output, target)
    os.close(birth.output)


def awaken() -> None:
    """Undo what forked siblings would otherwise share although two fresh interpreters do not."""
    gc.unfreeze()
    if "numpy" in sys.modules:  # its global generator, unlike that of `random`, does not notice a fork
        with contextlib.suppress(Exception):
            sys.modules["numpy"].random.seed()


def live(birth: Birth, at_end: Callable[[int], None] = lambda _: None) -> NoReturn:
    """Run the entry and end the process: code 0, what `sys.exit` said, or 1 after an exception (told on stderr).

    Ends by `os._exit`, so a thread that the subject left running cannot keep the process alive, and nothing that was
    registered to run at exit runs twice in two forks. What was printed is flushed first, and `at_end` called with the
    code.
    """
    stacks.arm(birth.stacks)
    code = FAILED
    try:
        code = _run(birth)
    finally:
        flush()
        at_end(code)
        os._exit(code)


def print_at_once() -> None:
    """Hold no whole line back: what was printed just before a crash is what a person wants to see."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def flush() -> None:
    """Print what waits in a buffer."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the subject may have put anything there
            stream.flush()


def resolve(name: str) -> Callable[[dict[str, Any]], Any]:
    """The function behind `module:function`. Importing the module raises what the module raises."""
    module, _, function = name.partition(":")
    found = getattr(importlib.import_module(module), function, None)
    if not callable(found):
        raise InternalError(f"{name!r} names no function; please report this")
    return found  # type: ignore[no-any-return]


def _run(birth: Birth) -> int:
    try:
        resolve(str(birth.entry))(birth.argument if birth.line is None else {**birth.argument, "line": birth.line})
    except SystemExit as request:
        return _code(request)
    except BaseException:  # noqa: BLE001  this is the last frame of the process, the one that reports
        traceback.print_exc()
        return FAILED
    return 0


def _code(request: SystemExit) -> int:
    """What Python exits with: nothing is 0, a number is itself, anything else is printed and 1."""
    if request.code is None:
        return 0
    if isinstance(request.code, int):
        return request.code & 0xFF
    print(request.code, file=sys.stderr)  # noqa: T201
    return FAILED
