"""DBOS launched once before forking, on a throwaway store, so that no life pays for what it does only once.

SQLAlchemy compiles each statement when it is first asked for, and keeps it with the engine. An engine of its own for
each life would compile them all anew: a fifth of what a life of a small agent costs. So DBOS's own engine for SQLite is
made here, DBOS runs workflows on it and recovers one, and each life connects that engine to its own file. Nothing of
the subject takes part, and no thread and no connection is left.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy
from dbos import DBOS, SetWorkflowID
from pydantic_ai.durable_exec.dbos import DBOSDurability

from harness.engines.dbos import seams
from harness.subjects import models
from harness.subjects.loops import run_once

PATIENCE = 10.0
"""Seconds that a recovered workflow may take; it takes a hundredth of one."""

OURS = "rehearsal"

LEFT_BEHIND = "update workflow_status set status = 'PENDING', output = null where workflow_uuid = ?"
"""Makes the workflow one that a dead process has left."""


class Rehearsed:
    """An engine that is ready, and where it is to connect to."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self._engine: sqlalchemy.Engine = seams.sqlite_engine(url, options)
        self._path = sqlalchemy.make_url(url).database
        sqlalchemy.event.listen(self._engine, "do_connect", self._redirect)

    def at(self, url: str) -> sqlalchemy.Engine:
        """The engine, for the database at `url`."""
        self._engine.url = sqlalchemy.make_url(url)
        self._path = self._engine.url.database
        return self._engine

    def close(self) -> None:
        """Let go of the connections; there can be new ones."""
        self._engine.dispose()

    def _redirect(self, _dialect: Any, _record: Any, arguments: list[Any], _options: Any) -> None:
        arguments[0] = self._path


def rehearse(launch: Callable[[], None], config: Callable[[str], Any], options: dict[str, Any]) -> Rehearsed | None:
    """Have DBOS run and recover a workflow here. None if that fails: then a life fails, too, and says so itself.

    `launch` is DBOS's own, `config` makes its configuration for a database, `options` are for its engine.
    """
    before = set(threading.enumerate())
    with suppress(Exception), TemporaryDirectory(prefix="harness-") as folder, seams.apart():
        path = Path(folder) / "rehearsal.sqlite"
        rehearsed = Rehearsed(url := f"sqlite:///{path}", options)
        with closing(rehearsed):
            _perform(launch, {**config(url), "system_database_engine": rehearsed.at(url)}, path)
            for thread in set(threading.enumerate()) - before:
                thread.join(PATIENCE)
        return rehearsed
    return None


def _perform(launch: Callable[[], None], config: Any, path: Path) -> None:
    """Two lives: one runs an agent and a workflow of two steps, the other recovers the workflow."""

    @DBOS.step(name="rehearsal.step")
    async def step(text: str) -> str:
        return text

    @DBOS.workflow(name=OURS)
    async def workflow(text: str) -> str:
        return await step(await step(text))

    @DBOS.workflow(name="rehearsal.talk")
    def talk() -> None:
        models.rehearsed("rehearsal", DBOSDurability())

    def start() -> None:
        talk()
        with SetWorkflowID(OURS):
            run_once(workflow("ready"))

    def recover() -> None:
        run_once(_recovered())

    _live(launch, config, start)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(LEFT_BEHIND, [OURS])
    seams.poll_at_once()
    _live(launch, config, recover)


async def _recovered() -> None:
    handle: Any = await DBOS.retrieve_workflow_async(OURS)
    await asyncio.wait_for(handle.get_result(polling_interval_sec=seams.QUICK), PATIENCE)


def _live(launch: Callable[[], None], config: Any, work: Callable[[], None]) -> None:
    DBOS(config=config)
    try:
        launch()
        work()
    finally:
        DBOS.destroy()
