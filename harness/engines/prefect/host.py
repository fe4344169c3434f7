"""The process that a Prefect server is forked from. A program of its own: it imports Prefect and nothing of ours.

Importing the server takes two seconds, forking one that is imported takes a tenth. So this process imports once and
forks a server whenever it is told to: at the beginning, and again after a fault has killed it. Nothing may outlive the
harness, however it dies: this process ends with its standard input or with the harness itself, and a server ends with
the pipe that this process holds open for it.

Called with one JSON argument: `harness` (pid), `database`, `template`. Reads `start` and `kill` from standard input,
one a line, and answers each with a line of JSON: `port` or `error`.
"""

from __future__ import annotations

import asyncio
import fcntl
import inspect
import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

READY_SECONDS = 60
LOOK = 0.02  # seconds between two looks at a child that migrates
GATHERING = {"write_batch_size": 500, "flush_every": 0.05}  # changes of task runs, and for how many seconds


def main() -> None:
    """Import, then obey until nobody is there to command."""
    order = json.loads(sys.argv[1])
    database, template = Path(order["database"]), Path(order["template"])
    host = Host(order["harness"])
    try:
        from prefect.server.api import server

        make_template(template, host.run)
        shutil.copyfile(template, database)
        server.create_app(final=True)  # imports all that the app needs, so that every fork has it
    except Exception as error:  # noqa: BLE001  whatever it is, the harness has to hear of it
        answer(error=f"{type(error).__name__}: {error}")
        return
    for command in commands(order["harness"]):
        try:
            answer(port=getattr(host, command)())
        except Exception as error:  # noqa: BLE001  as above
            answer(error=f"{type(error).__name__}: {error}")


def answer(**values: Any) -> None:
    """Say it to the harness, which may be gone."""
    sys.__stdout__.write(json.dumps(values) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def commands(harness: int) -> Iterator[str]:
    """The lines of standard input, until it or the harness has ended."""
    lifelines = [sys.stdin.fileno(), *_handle_of(harness)]
    while os.getppid() == harness:
        ready, _, _ = select.select(lifelines, [], [])
        if ready != lifelines[:1] or not (line := sys.stdin.readline()):
            return
        yield line.strip()


def _handle_of(harness: int) -> list[int]:
    """A descriptor that becomes readable when the harness ends, even if a fork of it still holds our standard input."""
    try:
        return [os.pidfd_open(harness)]
    except (AttributeError, OSError):  # not Linux, or an old one
        return []


class Host:
    """Bears children that end with it. `start` and `kill` are for the server, and answer with its port."""

    def __init__(self, harness: int) -> None:
        self._harness = harness
        self._port = 0
        self._server: int | None = None
        self._theirs, self._lifeline = os.pipe()

    def start(self) -> int:
        """Fork a server on the same port as before, and wait until it serves."""
        if self._server is not None:
            return self._port
        mouth, ear = os.pipe()
        self._server = self.bear(lambda: serve(self._port, ear))
        os.close(ear)
        with os.fdopen(mouth) as said:
            word = said.readline().strip() if select.select([said], [], [], READY_SECONDS)[0] else ""
        if not word.isdigit():
            self.kill()
            raise RuntimeError(word or "the server did not begin to serve; its log says why")
        self._port = int(word)
        return self._port

    def bear(self, run: Callable[[], None]) -> int:
        """Fork a child that runs `run` and ends when it has, or when this process has."""
        pid = os.fork()
        if pid == 0:
            os.close(self._lifeline)
            child(run, self._theirs)
        return pid

    def run(self, run: Callable[[], None]) -> int:
        """The status of a child that runs `run`. SystemExit, which ends the child too, if the harness dies over it."""
        pid = self.bear(run)
        while not (done := os.waitpid(pid, os.WNOHANG))[0]:
            if os.getppid() != self._harness:
                sys.exit(1)
            time.sleep(LOOK)
        return done[1]

    def kill(self) -> int:
        """End the server as a machine's death would."""
        if self._server is not None:
            os.kill(self._server, signal.SIGKILL)
            os.waitpid(self._server, 0)
            self._server = None
        return self._port


def child(run: Callable[[], None], lifeline: int) -> NoReturn:
    """Run in a forked child, and never return from it."""
    code = 1
    try:
        threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
        run()
        code = 0
    except Exception as error:  # noqa: BLE001  nobody above us may run on in a fork
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def serve(port: int, ear: int) -> None:
    """Serve until killed; say the port once requests are answered."""
    import uvicorn
    from prefect.server.api.server import create_app

    record_together()
    write_in_turn()
    with os.fdopen(ear, "w") as said:
        try:
            listening = listen(port)
        except OSError as error:
            said.write(f"port {port} cannot be used again: {error.strerror}\n")
            return
        server = uvicorn.Server(uvicorn.Config(create_app(final=True), log_level="error", lifespan="on"))

        async def run() -> None:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started and not serving.done():  # noqa: ASYNC110  it has no event for it
                await asyncio.sleep(0.005)
            if server.started:
                said.write(f"{listening.getsockname()[1]}\n")
                said.flush()
            await serving

        asyncio.run(run())


def record_together() -> None:
    """Let the server write down what it hears of task runs a moment later, and together.

    Its default is one change at a time, each in a transaction of its own, which costs it more than all that a flow run
    asks of it; its settings know of whole seconds only. A version that does it in another way is left alone.
    """
    from prefect.server.services import task_run_recorder

    consumer = getattr(task_run_recorder, "consumer", None)
    if consumer is None or not GATHERING.keys() <= inspect.signature(consumer).parameters.keys():
        return

    @wraps(consumer)
    def gathering(**arguments: Any) -> Any:
        return consumer(**{**arguments, **GATHERING})

    task_run_recorder.consumer = gathering  # type: ignore[assignment]


def write_in_turn() -> None:
    """Let every transaction of the server wait for its turn to write before it reads.

    SQLite refuses to write, at once and however long one would wait, what reads first and is overtaken by another
    writer. Prefect's own remedy is to begin such transactions as writers, and creating a flow run has none of it
    (3.8.8): where several runs begin at a time it is refused again and again, until the client has no retries left. A
    version that begins transactions in another way is left alone.
    """
    from prefect.server.database import configurations

    kind: Any = getattr(configurations, "AioSqliteConfiguration", None)
    begin = getattr(kind, "begin_transaction", None)
    if begin is None or "with_for_update" not in inspect.signature(begin).parameters:
        return

    @wraps(begin)
    def at_once(self: Any, session: Any, *_args: Any, **_keywords: Any) -> Any:
        return begin(self, session, with_for_update=True)

    kind.begin_transaction = at_once


def listen(port: int) -> socket.socket:
    """A socket on `port`, or on a free one for 0, whose connections asyncio will not let wait. OSError if it is taken.

    A socket that does not say which protocol it speaks is none that asyncio turns Nagle's algorithm off for, and then
    every second answer waits for 40 ms, which no server of a person's does.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # after a crash, on the port of before
        listening.bind(("127.0.0.1", port))
        listening.listen(512)
    except OSError:
        listening.close()
        raise
    return listening


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(0)


def make_template(template: Path, run: Callable[[Callable[[], None]], int]) -> None:
    """Make the migrated database that sessions copy, unless somebody has. Sessions that come meanwhile wait for it.

    In a child, by `run`: migrating starts threads, and a process with threads must not fork.
    """
    with _locked(template.with_suffix(".lock")):
        if is_migrated(template):
            return
        draft = template.with_suffix(".draft")
        _clear(draft)  # left by a session that was killed over it
        try:
            if run(lambda: _migrate(draft)):
                raise RuntimeError("the database cannot be migrated; the log says why")
            draft.replace(template)
        finally:
            _clear(draft)


def _clear(draft: Path) -> None:
    for left in draft.parent.glob(f"{draft.name}*"):  # SQLite keeps files beside it
        left.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel takes away from a dead process, so that none is ever stale."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_migrated(template: Path) -> bool:
    """Whether the file is a whole database with migrations in it. Anything else is made again."""
    if not template.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{template}?mode=ro", uri=True)) as connection:
            if connection.execute("pragma quick_check").fetchone()[0] != "ok":
                return False
            return bool(connection.execute("select count(*) from alembic_version").fetchone()[0] == 1)
    except sqlite3.Error:
        return False


def _migrate(draft: Path) -> None:
    from prefect.settings import temporary_settings

    async def migrate() -> None:
        from prefect.server.database import provide_database_interface
        from prefect.server.models.block_registration import run_block_auto_registration

        database = provide_database_interface()
        await database.create_db()
        async with await database.session() as session:
            await run_block_auto_registration(session=session)
            await session.commit()

    with temporary_settings({"server.database.connection_url": f"sqlite+aiosqlite:///{draft}"}):
        asyncio.run(migrate())
    with closing(sqlite3.connect(draft)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("pragma journal_mode = delete")


if __name__ == "__main__":
    main()
