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
FILES = ("output", "reply", "line")  # what a birth brings along


@dataclass(frozen=True)
class Spare:
    """The nursery's end of one: its pid, the line to it, and the number that the file for its stacks has in it."""

    pid: int
    line: socket.socket
    stacks: int

    def bear(self, birth: Birth) -> None:
        """Tell it what to live. OSError if it has died meanwhile."""
        given = {name: file for name in FILES if (file := getattr(birth, name)) is not None}
        told = {"number": birth.number, "entry": birth.entry, "argument": birth.argument}
        data = json.dumps({"told": told, "files": list(given)}).encode()
        with self.line:
            sent = socket.send_fds(self.line, [data], list(given.values()))
            self.line.sendall(data[sent:])


def await_birth(line: socket.socket, stacks: int) -> Birth:
    """In the fork: wait to be told. Ends the process if nobody ever will."""
    with line, contextlib.suppress(ConnectionError):
        data, files, _flags, _address = socket.recv_fds(line, CHUNK, len(FILES))
        while more := line.recv(CHUNK):
            data += more
    if not data:
        os._exit(0)
    for file in files:
        os.set_inheritable(file, False)
    letter = json.loads(data)
    return Birth(**letter["told"], stacks=stacks, **dict(zip(letter["files"], files, strict=True)))
