"""The parent's half of a server that one session has to itself, on a port and a database of its own.

A fault that kills a server must not reach somebody else's runs, so those that plan one run here and not on the server
that sessions share (`shared.py`). What all servers have in common is the migrated template in the user's cache folder,
which `host.py` makes once per version of Prefect.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.engines import cache
from harness.engines.prefect import home, versions
from harness.errors import EngineUnavailable

HOST = Path(__file__).with_name("host.py")
CLOSING = 10.0
BUSY = 0.5  # seconds that a host may need to notice that nobody wants its server any more


class Server:
    """A Prefect server that dies with this process. It starts at once; `url` waits for it. Safe for several threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.absolute()
        self._log = self._folder / "prefect-server.log"
        self._database = self._folder / "prefect.sqlite"
        self._lock = threading.Lock()
        self._url: str | None = None
        self._host = self._launch()
        self._send("start")

    def url(self) -> str:
        """The address of its API, once it answers. Raises `EngineUnavailable` with what went wrong."""
        with self._lock:
            if self._url is None:
                self._url = f"http://127.0.0.1:{self._hear()['port']}/api"
            return self._url

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self._obey("kill")

    def start(self) -> None:
        """Start it again, on the same port and database, and wait until it answers."""
        self._obey("start")

    def close(self) -> None:
        """End it for good. It is gone when this returns."""
        assert self._host.stdin is not None
        assert self._host.stdout is not None
        with contextlib.suppress(OSError):
            self._host.stdin.close()
        try:
            self._host.wait(BUSY if self._url is None else CLOSING)
        except subprocess.TimeoutExpired:  # it is importing still, and whatever it has borne ends with it
            self._host.kill()
            self._host.wait()
        self._host.stdout.close()

    def _launch(self) -> subprocess.Popen[str]:
        order = {"harness": os.getpid(), "database": str(self._database), "template": str(template(self._folder))}
        variables = home.of_server(os.environ, self._folder / "prefect-home", self._database)
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", str(HOST), json.dumps(order)],  # -P: our own modules must not shadow others
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=variables,
                cwd=self._folder,  # the person's `prefect.toml` is for their flows, not for our server
                start_new_session=True,  # Ctrl-C in the terminal is for the harness, which then decides
            )

    def _obey(self, command: str) -> None:
        self.url()
        with self._lock:
            self._send(command)
            self._hear()

    def _send(self, command: str) -> None:
        assert self._host.stdin is not None
        with contextlib.suppress(OSError):  # it is gone, and `_hear` says so
            self._host.stdin.write(command + "\n")
            self._host.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._host.stdout is not None
        line = self._host.stdout.readline()
        said: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in said:
            raise EngineUnavailable(f"engine 'prefect' cannot start its server: {said['error']} (log: {self._log})")
        return said

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it ended without a word"


def template(otherwise: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the migrated database is kept: one file per version, because each version migrates further.

    In the user's cache folder, or in the folder `otherwise` where that cannot be written.
    """
    return (cache.folder(environ) or otherwise) / f"prefect-{versions.installed()}.sqlite"
