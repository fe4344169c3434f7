"""Runs on SQLite: each has a file of its own, copied from one that was migrated once per session.

Migrating is most of what a first launch costs. The records are read with plain SQL, so judging needs no engine.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from harness.engines.dbos.migration import Migration
from harness.engines.dbos.stores import no_server
from harness.errors import UsageError


class SqliteStores:
    """Files beside each other: the template in the session's folder, the copies in the runs' folders."""

    schema = ""

    def __init__(self, folder: Path) -> None:
        self._template = folder.absolute() / "dbos-template.sqlite"
        self._migration = Migration(f"sqlite:///{self._template}")

    def new(self, run_id: str, folder: Path) -> dict[str, Any]:
        """A migrated database for one run. Raises `UsageError` if it cannot be written."""
        self._migration.wait()
        path = folder.absolute() / "dbos.sqlite"
        try:
            shutil.copyfile(self._template, path)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}; free some space or use `--out`") from error
        return {"url": f"sqlite:///{path}"}

    def rows(self, values: dict[str, Any], query: str) -> list[tuple[Any, ...]]:
        """What a query finds in the database of one run; nothing where there is none."""
        path = Path(str(values["url"]).removeprefix("sqlite:///"))
        if not path.exists():
            return []
        # Not read-only: a killed writer may have left a journal behind, and the first reader must roll it back.
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            return connection.execute(query).fetchall()

    def release(self, values: dict[str, Any]) -> None:
        """The file stays in the run's folder, for whoever wants to look at it."""

    def server(self, act: Literal["kill", "start"]) -> None:
        raise no_server("SQLite")

    def close(self) -> None:
        self._migration.close()
