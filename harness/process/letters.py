"""How the harness and a nursery talk: JSON objects over a stream socket, one per line.

The harness writes an order first (`preload`, `argument`, `path`, `cold`), then `spawn` and `signal` letters. The
nursery answers with events: `hello`; `ready` or `failed`; `born` or `unborn`; `ended`. A letter of the harness may
bring an open file along.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

Letter = dict[str, Any]
FILES = 16  # at most in what is received at once, and a letter brings one


class Letters:
    """One end of the conversation. Sending is safe from several threads if the caller holds a lock."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.early: list[Letter] = []
        self.files: list[int] = []
        """Descriptors that came with letters and that nobody has taken yet, in the order of their letters."""
        self._unread = b""

    def send(self, letter: Letter, files: Sequence[int] = ()) -> None:
        """Send one, with copies of `files`. If the other side has gone, that is noticed where letters are received."""
        data = json.dumps(letter).encode() + b"\n"
        with contextlib.suppress(OSError):
            sent = socket.send_fds(self.socket, [data], files) if files else 0
            self.socket.sendall(data[sent:])

    def receive(self) -> list[Letter]:
        """Wait for bytes; the letters that are now whole, perhaps none. EOFError if the other side has gone."""
        try:
            data, files, _flags, _address = socket.recv_fds(self.socket, 1 << 16, FILES)
        except ConnectionResetError:
            data, files = b"", []
        for file in files:
            os.set_inheritable(file, False)
        self.files += files
        if not data:
            raise EOFError
        *lines, self._unread = (self._unread + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def first(self) -> Letter:
        """Wait for the first one of all. `early` then has those that came with it, for which no byte will arrive."""
        while not (letters := self.receive()):
            pass
        self.early = letters[1:]
        return letters[0]

    def close(self) -> None:
        """Hang up, and let go of what was not taken."""
        self.socket.close()
        while self.files:
            os.close(self.files.pop())

    def __iter__(self) -> Iterator[Letter]:
        """Every letter until the other side goes."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                yield from self.receive()
