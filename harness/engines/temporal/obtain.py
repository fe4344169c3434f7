"""Getting a Temporal server where there is none: once per machine, into the person's cache folder.

A file lock lets one process do it while others wait; the kernel releases the lock of a process that died, so there are
no stale ones. The program appears under its name only when it is complete.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.engines import cache
from harness.errors import EngineUnavailable

VERSION = "v1.5.1"
"""Later releases of the command line cannot be built by `go install`: their module file has replace directives."""
MODULE = f"github.com/temporalio/cli/cmd/temporal@{VERSION}"
BY_HAND = (
    "install the `temporal` command line and put it on PATH, name it in HARNESS_TEMPORAL,"
    " or give the address of a server of yours with `--option address=HOST:PORT`"
)
DOWNLOADED_FROM = ("temporal.download", 443)
ANSWERING = 3  # seconds
DOWNLOADING = 120  # seconds
BUILDING = 1800  # seconds; two minutes on two idle cores

_DOWNLOAD = """
import asyncio, sys
from temporalio.testing import WorkflowEnvironment
async def main():
    server = await WorkflowEnvironment.start_local(
        download_dest_dir=sys.argv[1], dev_server_download_version=sys.argv[2])
    await server.shutdown()
asyncio.run(main())
"""


def folder() -> Path:
    """Where we keep what we obtained. OSError for a user without a home."""
    return cache.place() / f"temporal-cli-{VERSION}"


def obtained() -> Path | None:
    """The program, if we obtained it before."""
    with contextlib.suppress(OSError):
        path = folder() / "temporal"
        return path if os.access(path, os.X_OK) else None
    return None


def can_download() -> bool:
    """Whether the place that the SDK downloads it from can be reached, without a proxy."""
    with contextlib.suppress(OSError), socket.create_connection(DOWNLOADED_FROM, timeout=ANSWERING):
        return True
    return False


def can_build() -> bool:
    """Whether there is a Go toolchain to build it with."""
    return shutil.which("go") is not None


def obtain() -> Path:
    """Download or build the program, or wait for a process that does. Raises `EngineUnavailable` if neither works."""
    try:
        place = folder()
        place.mkdir(parents=True, exist_ok=True)
        with _locked(place / "lock"):
            return obtained() or _obtain(place)
    except OSError as error:
        where = error.filename or "the cache folder"
        raise EngineUnavailable(f"cannot keep a Temporal server in {where}: {error.strerror}; {BY_HAND}") from error


def _obtain(place: Path) -> Path:
    failures = []
    for how, get in (("download", _download), ("build", _build)):
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            try:
                get(Path(scratch)).replace(place / "temporal")
            except _Failed as failure:
                failures.append(f"the {how} failed ({failure})")
            else:
                return place / "temporal"
    raise EngineUnavailable(f"there is no Temporal server here, and {' and '.join(failures)}; {BY_HAND}")


class _Failed(Exception):
    """One way of getting it did not work; the message says why."""


def _download(scratch: Path) -> Path:
    """What the SDK itself would download. It fails at once where the network does not allow it."""
    _run([sys.executable, "-c", _DOWNLOAD, str(scratch), VERSION], os.environ, DOWNLOADING)
    return _only_program(scratch)


def _build(scratch: Path) -> Path:
    if not can_build():
        raise _Failed("there is no `go` on PATH")
    _tell("building a Temporal server with `go install`; this takes minutes, once on this machine")
    niced = ["nice", "-n", "10"] if shutil.which("nice") else []
    # Without symbols for a debugger there is less to do; without C, no C compiler is needed.
    environment = {**os.environ, "GOBIN": str(scratch), "CGO_ENABLED": "0"}
    _run([*niced, "go", "install", "-ldflags=-s -w", MODULE], environment, BUILDING)
    return _only_program(scratch)


def _only_program(scratch: Path) -> Path:
    for path in scratch.iterdir():
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise _Failed("it left no program")


def _run(command: list[str], environment: os._Environ[str] | dict[str, str], seconds: int) -> None:
    try:
        done = subprocess.run(
            command, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise _Failed(f"it took longer than {seconds} seconds") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise _Failed(said[-1] if said else f"code {done.returncode}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("another process is obtaining the Temporal server; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tell(sentence: str) -> None:
    print(f"harness: {sentence}", file=sys.stderr, flush=True)  # noqa: T201
