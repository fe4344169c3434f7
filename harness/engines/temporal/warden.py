"""Runs one command that must not outlive whoever started this: a server, here.

A process that is killed by SIGKILL cannot end its children, and the kernel's "die with your parent" means the parent's
thread. So this small process stands between: it waits for the end of its standard input (closed by a harness that ends,
or by the kernel for one that dies), for the harness, or for the command, and kills the command. Started as a file by a
bare interpreter: it imports nothing of ours, because what it costs is paid for every server.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>


def main(harness: int, command: list[str]) -> None:
    """Run `command` until it ends or must end. Its pid is the first line of our standard output."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    warden = os.getpid()
    child = os.fork()
    if child == 0:
        _become(command, warden)
    try:
        os.write(1, f"{child}\n".encode())
        select.select([0, _end_of(child), _end_of(harness)], [], [])
    finally:
        os.kill(child, signal.SIGKILL)  # we have not reaped it, so the number is still its own
        os.waitpid(child, 0)


def _become(command: list[str], warden: int) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != warden:
            os._exit(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    try:
        os.execv(command[0], command)  # noqa: S606  a shell would be one more process to end
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(127)


def _end_of(pid: int) -> int:
    """A descriptor that becomes readable when a process ends; our standard input again where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return 0


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
