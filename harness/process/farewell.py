"""What a life says last: how it ends, as soon as nothing of it is left but memory, and sockets that nobody serves.

To take the memory of a process apart takes the kernel a tenth of a small run's time, in which nothing of that process
can run any more. The run goes on meanwhile, on another core, up to the next code of the subject's (`leaving.py`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import struct
from pathlib import Path

from harness.process import kin

_WORDS = struct.Struct("=IB")  # the number of a life, and its code
_STANDARD = 3  # descriptors that every process has


class Farewells:
    """What the lives of one nursery have said last: a file that they share, without a path. Made by the nursery."""

    def __init__(self) -> None:
        self._file = kin.private_file("farewells")
        self._inode = os.fstat(self._file).st_ino
        self._nursery = os.getpid()
        self._heard = 0  # bytes

    def say(self, number: int, code: int) -> None:
        """In a life: let go of its files and say the code, if nothing of it can run after that.

        To be followed at once by `os._exit(code)`. What has a thread or a child left says nothing.
        """
        with contextlib.suppress(OSError):  # a subject may have closed the file, and opened one of its own
            if os.getppid() == self._nursery and os.fstat(self._file).st_ino == self._inode and kin.is_alone():
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # or handlers would run
                self._let_go()
                os.write(self._file, _WORDS.pack(number, code))
                os.kill(self._nursery, signal.SIGCHLD)  # which looks as if it had died already

    def _let_go(self) -> None:
        """Close every file. Not a socket: to close one may wait for its peer, which the kernel does for no dead one."""
        for entry in Path("/proc/self/fd").iterdir():
            number = int(entry.name)
            with contextlib.suppress(OSError):  # it was open to read this list
                if number >= _STANDARD and number != self._file and not stat.S_ISSOCK(os.fstat(number).st_mode):
                    os.close(number)

    def heard(self) -> list[tuple[int, int]]:
        """In the nursery: number and code of those that have said something since the last time."""
        words = os.pread(self._file, os.fstat(self._file).st_size - self._heard, self._heard)
        self._heard += len(words)
        return list(_WORDS.iter_unpack(words))
