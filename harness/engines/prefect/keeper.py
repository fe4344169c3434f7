"""Keeps one Prefect server for every session that is connected to it, and ends it with the last of them.

The kernel closes the connections of a process that is killed, so nobody has to say that he leaves, no lock is ever
stale, and no process is known by its number. A program of its own, nobody's child: it outlives the session that
started it. It imports nothing of ours, because a bare interpreter is enough.

Called with one JSON argument: `door` and `guest` (descriptors: the socket where sessions come in, and the connection of
the first one), `path` (of the door), `folder` (the server's own, gone at the end), `host` (what `host.py` is told),
`patience` (seconds for the server to begin) and `log`. Each guest is told one line of JSON: `port` or `error`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HOST = Path(__file__).with_name("host.py")
CLOSING = 10.0
BUSY = 0.5  # seconds that a host may need to notice that nobody wants its server any more


def main() -> None:
    """Leave the family of whoever started us, and keep the server until nobody wants it."""
    order = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    keeper = Keeper(order)
    try:
        keeper.keep()
    finally:
        keeper.close()
    os._exit(0)  # the last guest sees us go when there is nothing left of us


class Keeper:
    """A server and its guests."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._door = socket.socket(fileno=order["door"])
        self._guests = [socket.socket(fileno=order["guest"])]
        self._leaving: list[socket.socket] = []
        self._said = b""
        self._deadline = time.monotonic() + order["patience"]
        host = json.dumps({**order["host"], "harness": os.getpid()})
        self._host = subprocess.Popen(
            [sys.executable, "-P", str(HOST), host],  # -P: our own modules must not shadow others
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._tell_host(b"start\n")

    def keep(self) -> None:
        """Let guests in and out, until none is left or there is no server for them."""
        while self._is_wanted():
            left = None if self._said else max(0.0, self._deadline - time.monotonic())
            places: list[Any] = [self._door, self._host.stdout, *self._guests]
            ready, _, _ = select.select(places, [], [], left)
            if not ready:
                self._tell(self._error(f"it did not begin to serve in {self._order['patience']:.0f} seconds"))
                break
            if self._host.stdout in ready and not self._hear():
                break
            for guest in [guest for guest in self._guests if guest in ready]:  # they say nothing but that they go
                self._guests.remove(guest)
                self._leaving.append(guest)
            if self._door in ready:
                self._welcome()

    def close(self) -> None:
        """End the server. Whoever comes now finds no door, or one that is closed in front of him, and comes again."""
        Path(self._order["path"]).unlink(missing_ok=True)
        self._door.close()
        answers: list[Any] = [self._host.stdout]
        self._tell_host(b"kill\n")  # and wait for it, so that it does not write into the folder any more
        select.select(answers, [], [], CLOSING if b"port" in self._said else BUSY)
        self._host.kill()  # if it is importing still, whatever it has borne ends with it
        self._host.wait()
        shutil.rmtree(self._order["folder"], ignore_errors=True)

    def _is_wanted(self) -> bool:
        """Whether anybody is there. The last one to go is let go only when the server has gone, so that he sees it."""
        while not self._guests and select.select([self._door], [], [], 0)[0]:
            self._welcome()
        if self._guests:
            for guest in self._leaving:
                guest.close()
            self._leaving.clear()
        return bool(self._guests)

    def _welcome(self) -> None:
        with contextlib.suppress(OSError):  # he has gone already
            guest, _ = self._door.accept()
            self._guests.append(guest)
            guest.sendall(self._said)

    def _hear(self) -> bool:
        """Pass on what the host says of its server: whether there is one."""
        assert self._host.stdout is not None
        line = self._host.stdout.readline()
        if self._said:  # it was not asked for more, so it has died
            return False
        self._tell(line if line.startswith(b'{"port"') else self._error(json.loads(line)["error"] if line else ""))
        return b"port" in self._said

    def _tell(self, line: bytes) -> None:
        self._said = line
        for guest in self._guests:
            with contextlib.suppress(OSError):
                guest.sendall(line)

    def _error(self, why: str) -> bytes:
        log = Path(self._order["log"])
        with contextlib.suppress(OSError, IndexError):
            why = why or log.read_text("utf-8", "replace").strip().splitlines()[-1]
        return json.dumps({"error": f"{why or 'it ended without a word'} (log: {log})"}).encode() + b"\n"

    def _tell_host(self, command: bytes) -> None:
        assert self._host.stdin is not None
        with contextlib.suppress(OSError):  # it is gone, and its output ends
            self._host.stdin.write(command)
            self._host.stdin.flush()


if __name__ == "__main__":
    main()
