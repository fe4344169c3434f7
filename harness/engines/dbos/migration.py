"""A migration that runs beside other work, because the first run needs it later than the session begins."""

from __future__ import annotations

import re
import subprocess
import sys
import threading

from harness.errors import EngineUnavailable

SECONDS = 120
MIGRATE = """
import os, sys
from dbos import DBOS
url = sys.stdin.read()
if hasattr(DBOS, "migrate"):
    DBOS.migrate(url)
else:  # before 3.1, launching is what migrates
    DBOS(config={"name": "harness", "system_database_url": url, "log_level": "CRITICAL", "run_admin_server": False})
    DBOS.launch()
    os._exit(0)
"""
"""A program and not a module: it needs DBOS and nothing of ours, so it runs wherever the harness was imported from."""


class Migration:
    """Migrates one database in a child process, begun at once and waited for by the first who needs it.

    So the harness itself imports no engine. The child reads the URL from its standard input: it may hold a password,
    and arguments can be seen by everybody.
    """

    def __init__(self, url: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", MIGRATE],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        self._done = False
        assert self._child.stdin is not None
        self._child.stdin.write(url)
        self._child.stdin.close()
        self._child.stdin = None  # it has all that it needs; `communicate` would write to it again

    def wait(self) -> None:
        """Return once the database is migrated. Raises `EngineUnavailable` with DBOS's own words if it is not."""
        with self._lock:
            if self._done:
                return
            _, complaint = self._child.communicate(timeout=SECONDS)
            if self._child.returncode:
                raise EngineUnavailable(f"engine 'dbos' cannot migrate its database: {_reason(complaint)}")
            self._done = True

    def close(self) -> None:
        """End a migration that nobody waited for."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()


def _reason(complaint: str) -> str:
    """The error that a traceback ends with; advice may follow it."""
    lines = [line for line in complaint.splitlines() if line.strip()] or ["it said nothing"]
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return (errors or lines)[-1].strip()
