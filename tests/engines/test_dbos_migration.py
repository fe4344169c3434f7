"""A database is migrated by a process of its own, and what goes wrong there is one sentence here."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.engines.dbos.migration import Migration
from harness.errors import EngineUnavailable


def test_a_migrated_database_has_what_dbos_records_in(tmp_path: Path) -> None:
    migration = Migration(f"sqlite:///{tmp_path}/new.sqlite")
    migration.wait()
    migration.wait()
    migration.close()
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as database:
        names = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
    assert {"workflow_status", "operation_outputs"} <= names


def test_a_database_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    migration = Migration(f"sqlite:///{tmp_path}/no/such/folder.sqlite")
    with pytest.raises(
        EngineUnavailable, match=r"cannot migrate its database: .*unable to open database file"
    ) as raised:
        migration.wait()
    assert "\n" not in str(raised.value)
    migration.close()


def test_a_migration_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    migration = Migration(f"sqlite:///{tmp_path}/new.sqlite")
    migration.close()
    assert migration._child.poll() is not None
