"""How a nursery comes into the world: as a new interpreter below a guard, or as a fork of one that others come from."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from harness.errors import HarnessError, UsageError
from harness.process import loading
from harness.process.incarnation import Exit, Incarnation
from harness.process.letters import Letters

CLOSING = 10.0  # seconds to wait for a guard; what it does takes milliseconds


class Origin(Protocol):
    """A nursery, from the outside."""

    letters: Letters
    """Our end of the conversation with it."""

    def wait(self) -> str:
        """Wait for the end of it and of all below it; how it ended."""

    def end(self, is_over: Callable[[float], bool]) -> None:
        """End it and all below it. `is_over(seconds)` waits for that, and says whether it came."""


class Guarded:
    """A new interpreter, below a guard which ends everything if the harness does not. Raises UsageError if it cannot be
    started, or the log cannot be opened.
    """

    def __init__(self, executable: str, variables: dict[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs, log.open("ab") as output:
                self._guard = subprocess.Popen(
                    loading.command(executable, "guard", str(theirs.fileno()), str(os.getpid())),
                    stdin=subprocess.PIPE,  # the guard waits for its end, or for anything on it
                    stdout=output,
                    stderr=output,
                    env=variables,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,  # Ctrl-C in the terminal is for the harness, which then decides
                )
        except OSError as error:
            ours.close()
            raise UsageError(f"cannot start the interpreter {executable!r} with log {str(log)!r}: {error}") from error
        self.letters = Letters(ours)

    def wait(self) -> str:
        return str(_as_exit(self._guard.wait()))

    def end(self, is_over: Callable[[float], bool]) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):  # it has gone already
            self._guard.stdin.write(b"end\n")  # closing alone says nothing while a fork of ours holds a copy
            self._guard.stdin.close()
        if not is_over(CLOSING):  # something below cannot be killed now; the kernel ends it when it can
            self._guard.kill()
            is_over(CLOSING)


class Forked:
    """A fork of another nursery. `bear` has one borne which gets the descriptor that it is called with, and the log.

    Raises UsageError if the log cannot be opened.
    """

    def __init__(self, bear: Callable[[int, Path], Incarnation], log: Path) -> None:
        try:
            log.open("ab").close()
        except OSError as error:
            raise UsageError(f"cannot write to the log {str(log)!r}: {error}") from error
        ours, theirs = socket.socketpair()
        with theirs:
            self._nursery = bear(theirs.fileno(), log)
        self.letters = Letters(ours)

    def wait(self) -> str:
        try:
            self._nursery.until_born()
            return str(self._nursery.wait())
        except HarnessError as error:
            return str(error)

    def end(self, is_over: Callable[[float], bool]) -> None:
        with contextlib.suppress(HarnessError):  # it has gone already
            self._nursery.kill()
        is_over(CLOSING)


def _as_exit(code: int) -> Exit:
    """How the nursery ended, as the guard tells it by its own end; or how the guard did, if that was killed."""
    if 0 <= code <= 128:
        return Exit(code=code, signal=None)
    return Exit(code=None, signal=code - 128 if code > 0 else -code)
