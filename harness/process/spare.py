"""A fork made ahead of its need: a process of its own, with its memory at hand, that waits for what it is to live.

To fork, to leave the nursery and to copy memory takes a third of the time of a small agent's whole life. Done ahead, it
happens beside the life before, on another core.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import dataclass

from harness.process.newborn import Birth

CHUNK = 1 << 16


@dataclass(frozen=True)
class Spare:
    """The nursery's end of one: its pid, the line to it, and the number that the file for its stacks has in it."""

    pid: int
    line: socket.socket
    stacks: int

    def bear(self, birth: Birth) -> None:
        """Tell it what to live. OSError if it has died meanwhile."""
        data = json.dumps({"number": birth.number, "entry": birth.entry, "argument": birth.argument}).encode()
        files = [file for file in (birth.output, birth.reply) if file is not None]
        with self.line:
            sent = socket.send_fds(self.line, [data], files)
            self.line.sendall(data[sent:])


def await_birth(line: socket.socket, stacks: int) -> Birth:
    """In the fork: wait to be told. Ends the process if nobody ever will."""
    with line, contextlib.suppress(ConnectionError):
        data, files, _flags, _address = socket.recv_fds(line, CHUNK, 2)
        while more := line.recv(CHUNK):
            data += more
    if not data:
        os._exit(0)
    for file in files:
        os.set_inheritable(file, False)
    return Birth(**json.loads(data), output=files[0], stacks=stacks, reply=files[1] if files[1:] else None)
