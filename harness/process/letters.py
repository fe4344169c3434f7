"""How the harness and a nursery talk: JSON objects over a stream socket, one per line.

The harness writes an order first (`preload`, `argument`, `path`, `cold`), then `spawn` and `signal` letters. The
nursery answers with events: `hello`; `ready` or `failed`; `born` or `unborn`; `ended`.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any

Letter = dict[str, Any]


class Letters:
    """One end of the conversation. Sending is safe from several threads if the caller holds a lock."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.early: list[Letter] = []
        self._unread = b""

    def send(self, letter: Letter) -> None:
        """Send one. If the other side has gone, that is noticed where letters are received."""
        with contextlib.suppress(OSError):
            self.socket.sendall(json.dumps(letter).encode() + b"\n")

    def receive(self) -> list[Letter]:
        """Wait for bytes; the letters that are now whole, perhaps none. EOFError if the other side has gone."""
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
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

    def __iter__(self) -> Iterator[Letter]:
        """Every letter until the other side goes."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                yield from self.receive()
