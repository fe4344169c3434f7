"""Runs on SQLite: each has a file of its own, copied from one that was migrated once per version of DBOS.

Migrating is most of what a first launch costs, and takes a process of a second in front of it; so the file is kept in
the user's cache folder. The records are read with plain SQL, so judging needs no engine.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal

from harness.engines import cache
from harness.engines.dbos import versions
from harness.engines.dbos.migration import Migration
from harness.engines.dbos.stores import no_server
from harness.errors import UsageError


class SqliteStores:
    """Files beside each other: the template in the session's folder, the copies in the runs' folders."""

    schema = ""

    def __init__(self, folder: Path) -> None:
        self._template = folder.absolute() / "dbos-template.sqlite"
        self._migration = None if _taken(self._template) else Migration(f"sqlite:///{self._template}")
        self._lock = threading.Lock()

    def new(self, run_id: str, folder: Path) -> dict[str, Any]:
        """A migrated database for one run. Raises `UsageError` if it cannot be written."""
        self._await_template()
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
        if self._migration is not None:
            self._migration.close()

    def _await_template(self) -> None:
        with self._lock:
            if self._migration is not None:
                self._migration.wait()
                _keep(self._template)
                self._migration = None


def _kept() -> Path | None:
    """Where the migrated file is kept: one per version, because each version may migrate further."""
    folder = cache.folder()
    return folder and folder / f"dbos-{versions.installed()}.sqlite"


def _taken(template: Path) -> bool:
    """Whether there is a file that an earlier session has kept, and a copy of it is at `template` now."""
    kept = _kept()
    with suppress(OSError):
        if kept is not None and kept.exists():
            shutil.copyfile(kept, template)
            if _is_migrated(template):
                return True
            template.unlink()
    return False


def _keep(template: Path) -> None:
    """Let later sessions have the file, if there is a place for it. It appears there whole."""
    if (kept := _kept()) is not None:
        draft = kept.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            try:
                shutil.copyfile(template, draft)
                draft.replace(kept)
            finally:  # of a full disk, half a file
                draft.unlink(missing_ok=True)


def _is_migrated(template: Path) -> bool:
    """Whether the file is a whole database with migrations in it. Anything else is made again."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(template)) as database:
        whole: str = database.execute("pragma quick_check").fetchone()[0]
        migrated: int = database.execute("select count(*) from dbos_migrations").fetchone()[0]
        return whole == "ok" and migrated == 1
    return False
