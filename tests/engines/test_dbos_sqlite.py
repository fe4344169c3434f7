"""Databases on SQLite: migrated once per version of DBOS, then copied."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from harness.engines.dbos import sqlite, versions
from harness.engines.dbos.sqlite import SqliteStores


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "durable-harness"


def tables(folder: Path) -> set[str]:
    """What the database of a run in a new session has."""
    folder.mkdir()
    stores = SqliteStores(folder)
    url = stores.new("r1", folder)["url"]
    stores.close()
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
        return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}


def test_a_later_session_migrates_nothing(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tables(tmp_path / "first")
    monkeypatch.delattr(sqlite, "Migration")

    assert tables(tmp_path / "second") == first >= {"workflow_status", "operation_outputs"}
    assert [kept.name for kept in cache.iterdir()] == [f"dbos-{versions.installed()}.sqlite"]


@pytest.mark.parametrize("damage", [b"", b"half of it", "cut"], ids=["empty", "another file", "cut off"])
def test_a_damaged_file_is_made_again(cache: Path, tmp_path: Path, damage: bytes | str) -> None:
    first = tables(tmp_path / "first")
    [kept] = cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2] if isinstance(damage, str) else damage)

    assert tables(tmp_path / "second") == first
    assert len(kept.read_bytes()) == len(whole)


def test_where_nothing_can_be_kept_each_session_migrates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))

    assert "workflow_status" in tables(tmp_path / "first")


def test_half_a_copy_is_not_left_in_the_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError("no space left")

    template = tmp_path / "template.sqlite"
    template.write_bytes(b"whole")
    monkeypatch.setattr(sqlite.shutil, "copyfile", full)

    sqlite._keep(template)

    assert list(cache.iterdir()) == []
