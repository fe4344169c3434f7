"""A Temporal server for one session: found or obtained once, started in a quarter of a second, gone with the session.

In order of preference: a path in the options; the environment variable; `temporal` on PATH; the one that we obtained
before; the SDK's own download; a build from the published Go module (minutes, once per machine).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.engines.ports import free_port
from harness.engines.temporal import obtain, warden
from harness.errors import EngineUnavailable, UsageError

VARIABLE = "HARNESS_TEMPORAL"
STARTING = 30.0  # seconds; it takes a quarter of one on a quiet machine
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What a client of HTTP/2 says first: that it is one, and that it has no settings (RFC 9113, 3.4)."""
AHEAD = "--ahead"
TRIES = 3  # another process may take the free port that we found, before the server does
SETTINGS = {
    "history.timerProcessorMaxTimeShift": '"10ms"',  # timers may fire up to a second late otherwise
    # 20 looks a second for all that is due on the server: a run makes more, and a timer then waits for its turn.
    "history.timerProcessorMaxPollRPS": "1000",
    "history.transferProcessorMaxPollRPS": "1000",
    # Four for each task queue, to be spread over machines: each is opened, and written down, for every run anew.
    "matching.numTaskqueueReadPartitions": "1",
    "matching.numTaskqueueWritePartitions": "1",
}
PRAGMAS = {"journal_mode": "wal", "synchronous": "off"}
"""SQLite need not wait for the disk: what it has written outlives a SIGKILL, and faults of ours cut no power."""


def given(options: dict[str, Any]) -> Path | None:
    """The server's program as the person named it, None if they did not. Raises `EngineUnavailable` if it is none."""
    for place, path in (("option 'server'", options.get("server")), (VARIABLE, os.environ.get(VARIABLE))):
        if path:
            found = shutil.which(str(path))
            if found is None:
                raise EngineUnavailable(
                    f"{place} names {str(path)!r}, which is no program that can be run; give the path of `temporal`"
                )
            return Path(found)
    return None


def known(options: dict[str, Any]) -> Path | None:
    """The server's program if it is on this machine already. Raises `EngineUnavailable` as `given` does."""
    if (path := given(options)) is not None:
        return path
    on_path = shutil.which("temporal")
    return Path(on_path) if on_path else obtain.obtained()


def program(options: dict[str, Any]) -> Path:
    """The server's program, obtained if need be. Raises `EngineUnavailable` that says how to get it by hand."""
    return known(options) or obtain.obtain()


class Server:
    """A development server that keeps its state in one file, so it can be killed and started again on the same port.

    Dies with this process, however this process dies. Not safe to use from several threads at once.
    """

    def __init__(self, program: Path, folder: Path, port: int | None = None) -> None:
        self._program, self._file, self._log = program, folder / "temporal.db", folder / "temporal.log"
        self._warden: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._wanted = port
        self.port = port or 0
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers. Raises `EngineUnavailable` with its own last words if it does not."""
        for attempt in range(1, TRIES + 1):
            if self._wanted is not None:
                _check_free(self._wanted)
            self.port = self.port or free_port()
            self._launch()
            if self._answers():
                self._wanted = None  # it has been ours, and is held by our own dead server at most
                return
            words = self._last_words()
            self.close()
            if self._wanted is not None or attempt == TRIES:
                raise EngineUnavailable(f"the Temporal server {self._program} did not start: {words}")
            self.port = 0

    def kill(self) -> None:
        """Kill it as a machine would: SIGKILL, nothing flushed."""
        if self._warden is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._end_warden()

    def close(self) -> None:
        """End it. Gone when this returns."""
        self._end_warden()

    def _launch(self) -> None:
        command = [
            str(self._program), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self.port),
            "--db-filename", str(self._file), "--log-level", "error", *_flags("--sqlite-pragma", PRAGMAS),
            *_flags("--dynamic-config-value", SETTINGS),
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._warden = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(warden.__file__)), str(os.getpid()), *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert self._warden.stdout is not None
        self._pid = int(self._warden.stdout.readline() or 0)

    def _answers(self) -> bool:
        """Wait for it. It listens long before it serves, and may not come to that: it wants other ports, too."""
        assert self._warden is not None
        deadline = time.monotonic() + STARTING
        while (left := deadline - time.monotonic()) > 0 and self._warden.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=left) as line:
                line.sendall(HELLO)
                if line.recv(1):
                    return True
            time.sleep(0.01)
        return False

    def _end_warden(self) -> None:
        if self._warden is None:
            return
        for pipe in (self._warden.stdin, self._warden.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        self._warden.wait()
        self._warden = None

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"it said nothing in {STARTING:.0f} seconds"


def main() -> None:
    """Get the program before it is needed, and say where it is: a build should not wait for it in a test."""
    _tell("looking for a Temporal server; where there is none, it is downloaded or built, once on this machine")
    try:
        _tell(f"the Temporal server is {program({})}")
    except EngineUnavailable as error:
        _tell(f"error: {error}")
        sys.exit(error.exit_code)


def begin() -> None:
    """Build the program if nothing else will do, before the SDK that could download it is installed."""
    with contextlib.suppress(EngineUnavailable):  # whoever needs it asks again, and is told why there is none
        if known({}) is None and not obtain.can_download():
            obtain.obtain()


def _flags(flag: str, values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (flag, f"{name}={value}")]


def _tell(sentence: str) -> None:
    sys.stderr.write(f"harness: {sentence}\n")
    sys.stderr.flush()


def _check_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be used for the Temporal server: {error.strerror}; choose another, or leave it out"
        ) from None


if __name__ == "__main__":
    (begin if sys.argv[1:] == [AHEAD] else main)()
