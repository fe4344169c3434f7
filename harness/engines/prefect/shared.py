"""A server that sessions have in common: whoever comes first starts it, and it ends with the last one that is left.

They meet at a socket in the user's cache folder, behind which `keeper.py` keeps the server. What a session holds is a
connection, which the kernel takes away from a dead process. Only sessions that would start the same server share it:
those of one user on one machine with the same interpreter, the same Prefect and the same variables for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.engines import cache
from harness.engines.prefect import home, versions
from harness.engines.prefect.api import Api
from harness.engines.prefect.server import HOST, template
from harness.errors import EngineUnavailable

KEEPER = Path(__file__).with_name("keeper.py")
PATIENCE = 180.0  # seconds for a server to begin, its template to be made included
CLOSING = 20.0
COMINGS = 5  # how often somebody comes to a door that is just being closed, until it is called a fault


class Unanswered(Exception):
    """The server that sessions have in common is there, and cannot be reached."""


class Shared:
    """A session's share in the common server. It starts at once; `url` waits for it. Safe for several threads.

    Raises OSError where sessions cannot meet: a folder that cannot be written, a path too long for a socket.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str] = os.environ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder.absolute() / "prefect-server.log"
        self._environ = environ
        self._point = meeting_point(environ)
        self._door = f"{self._point}.door"
        self._lock = threading.Lock()
        self._url: str | None = None
        self._starter: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._connection = self._come()

    def url(self) -> str:
        """The address of its API, once it answers. Raises `EngineUnavailable` with what went wrong, or `Unanswered`."""
        with self._lock:
            if self._url is None:
                url = f"http://127.0.0.1:{self._hear()['port']}/api"
                try:
                    Api(url, {}).version()
                except EngineUnavailable as error:
                    raise Unanswered from error
                self._url = url
            return self._url

    def close(self) -> None:
        """Leave. If nobody else is there, the server and its files are gone when this returns."""
        self._closed = True
        self._connection.settimeout(CLOSING)
        with contextlib.suppress(OSError), self._connection:
            self._connection.shutdown(socket.SHUT_WR)
            while self._connection.recv(4096):
                pass
        self._reap()

    def _hear(self) -> dict[str, Any]:
        self._reap()
        said = self._line()
        for _ in range(COMINGS):
            if said or self._starter is not None or self._closed:
                break
            self._connection.close()  # it was closing when we came
            try:
                self._connection = self._come()
            except OSError as error:
                raise Unanswered from error
            said = self._line()
        told: dict[str, Any] = json.loads(said or '{"error": "it ended without a word"}')
        if "error" in told:
            raise EngineUnavailable(f"engine 'prefect' cannot start its server: {told['error']}")
        return told

    def _reap(self) -> None:
        """What we have started as a keeper is nobody's child by now; who bore it has ended."""
        if self._starter is not None:
            self._starter.wait()

    def _line(self) -> bytes:
        self._connection.settimeout(PATIENCE + CLOSING)
        try:
            return self._connection.recv(4096)
        except TimeoutError as error:
            raise Unanswered from error
        except OSError:
            return b""

    def _come(self) -> socket.socket:
        """Connect to the server that is there, or start it. One session at a time, for as long as that takes."""
        with self._point.with_name("prefect.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(self._door)
            except OSError as error:
                connection.close()
                if isinstance(error, FileNotFoundError | ConnectionRefusedError):  # nobody there, or only his door
                    return self._start()
                raise
            return connection

    def _start(self) -> socket.socket:
        for left in self._point.parent.glob(f"{self._point.name}.server-*"):  # by a keeper that was killed
            shutil.rmtree(left, ignore_errors=True)
        Path(self._door).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as door, self._log.open("ab") as log:
            door.bind(self._door)
            door.listen(512)
            ours, theirs = socket.socketpair()
            folder = Path(tempfile.mkdtemp(prefix=f"{self._point.name}.server-", dir=self._point.parent))
            database = folder / "prefect.sqlite"
            order = {
                "door": door.fileno(),
                "guest": theirs.fileno(),
                "path": self._door,
                "folder": str(folder),
                "host": {"database": str(database), "template": str(template(folder, self._environ))},
                "patience": PATIENCE,
                "log": str(self._log),
            }
            self._starter = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), json.dumps(order)],
                pass_fds=(door.fileno(), theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=home.of_server(self._environ, folder / "prefect-home", database),
                cwd=folder,  # the person's `prefect.toml` is for their flows, not for our server
                start_new_session=True,  # Ctrl-C in a terminal is for one session, and others may have this server
            )
            theirs.close()
        return ours


def meeting_point(environ: Mapping[str, str]) -> Path:
    """Where sessions meet that would start the same server. OSError where they cannot."""
    folder = cache.folder(environ)
    if folder is None:
        raise OSError("the cache folder cannot be written")
    nowhere = Path(os.devnull)
    variables = home.of_server(environ, nowhere, nowhere)
    alike = [
        os.getuid(),
        socket.gethostname(),  # a home may be on several machines
        [sys.executable, sys.prefix],
        [path.read_text("utf-8") for path in (KEEPER, HOST)],
        sorted(item for item in variables.items() if item[0].startswith("PREFECT_")),
    ]
    key = hashlib.sha256(json.dumps(alike).encode()).hexdigest()[:12]
    return folder / f"prefect-{versions.installed()}-{key}"
