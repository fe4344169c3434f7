"""The process that outlives the harness by a moment, to end whatever the harness had started.

A nursery that is importing a subject, or an interpreter inside a C extension, cannot notice that the harness is gone.
The kernel's own "die with your parent" does not help either: it means the parent's *thread*, and the harness starts
zygotes from threads. So the first process that the harness starts is this one. It imports next to nothing, forks the
nursery at once, and from then on only waits: for its standard input (the harness ends it, or dies), for the end of
the harness, or for the end of the nursery. Then it kills all descendants, adopted ones included.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time

from harness.process import kin, nursery
from harness.process.nursery import Alarm

PATIENCE = 0.0 if kin.LINUX else 1.0  # where orphans cannot be found, the nursery gets time to end its own children


def main() -> None:
    """Run as guard and nursery. `sys.argv` ends with the control socket's descriptor and the harness's pid."""
    control, harness = (int(word) for word in sys.argv[-2:])
    del sys.argv[1:]
    fresh_signals()
    kin.adopt_orphans()
    guard = os.getpid()
    child = os.fork()
    if child == 0:
        kin.die_with(guard)
        kin.adopt_orphans()
        nursery.main(socket.socket(fileno=control))
    os.close(control)
    family = Family(child)
    try:
        watch(family, harness)
    finally:
        family.end()
    os._exit(family.code or 0)  # whoever waits for it would wait twice as long for Python to tidy up


def fresh_signals() -> None:
    """Handle signals as a process does that was started from a shell, whoever started this one."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # Python itself ignores these two
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Family:
    """The nursery and all that descends from it."""

    def __init__(self, nursery: int) -> None:
        self.nursery = nursery
        self.code: int | None = None
        """How the nursery ended, as a shell would say it: 128 and the signal, or its exit code."""

    def has_lost_nursery(self) -> bool:
        """Whether the nursery is dead; it is reaped then."""
        if self.code is None:
            pid, status = os.waitpid(self.nursery, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.code = code if code >= 0 else 128 - code
        return self.code is not None

    def end(self) -> None:
        """Kill and reap every descendant. Those of a killed child become ours, hence the loop."""
        deadline = time.monotonic() + PATIENCE
        while not self.has_lost_nursery() and time.monotonic() < deadline:
            time.sleep(0.01)
        if not self.has_lost_nursery():
            kin.kill(self.nursery)
        while kin.has_children():
            killed = [kin.kill(pid) for pid in kin.children()]
            if not any(killed):
                return  # what is left belongs to another user
            os.waitpid(-1, 0)


def watch(family: Family, harness: int) -> None:
    """Return as soon as the harness or the nursery is gone. SystemExit if somebody asks this process to end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    lifelines = {sys.stdin.fileno(), *_handle_of(harness)}
    with contextlib.closing(Alarm()) as alarm, selectors.DefaultSelector() as selector:
        for descriptor in (alarm.awake.fileno(), *lifelines):
            selector.register(descriptor, selectors.EVENT_READ)
        while os.getppid() == harness and not family.has_lost_nursery():
            if any(key.fd in lifelines for key, _ in selector.select()):
                return
            alarm.clear()


def _handle_of(harness: int) -> list[int]:
    """A descriptor that becomes readable when the harness ends, even if a fork of it still holds our standard input."""
    try:
        return [os.pidfd_open(harness)]
    except (AttributeError, OSError):  # not Linux, or an old one
        return []
