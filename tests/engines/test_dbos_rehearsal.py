"""What DBOS's rehearsal leaves behind: an engine that knows its statements, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS
from sqlalchemy import event, text

from harness.engines.dbos import seams
from harness.engines.dbos.rehearsal import Rehearsed, rehearse
from harness.engines.dbos.worker import ENGINE, _config
from harness.subjects import models


async def _nobody(*_asked: Any) -> Any:
    raise AssertionError("the rehearsal answers its own agent")


@pytest.fixture(scope="module")
def rehearsed() -> Iterator[Rehearsed]:
    """Rehearsed as in a zygote, where models are scripted: an agent of the rehearsal's own takes part then."""
    models.install(_nobody)
    try:
        found = rehearse(DBOS.launch, partial(_config, serializer=None), ENGINE)
    finally:
        models.uninstall()
    assert found is not None
    yield found
    found.close()


def _launched(engine: Any, path: Path) -> list[str]:
    """The statements that SQLAlchemy compiles while DBOS launches on a file."""
    compiled: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        if context.compiled is not None and context.cache_hit.name != "CACHE_HIT":
            compiled.append(statement)

    config = _config(url := f"sqlite:///{path}", None)
    with seams.apart():
        event.listen(made := engine(url), "before_cursor_execute", count)
        DBOS(config={**config, "system_database_engine": made})
        try:
            DBOS.launch()
        finally:
            DBOS.destroy()
            event.remove(made, "before_cursor_execute", count)
            made.dispose()
    return compiled


def test_a_launch_after_it_compiles_only_what_sqlalchemy_never_keeps(rehearsed: Rehearsed, tmp_path: Path) -> None:
    fresh: Callable[[str], Any] = partial(seams.sqlite_engine, options=ENGINE)
    without, after = (_launched(engine, tmp_path / "a.sqlite") for engine in (fresh, rehearsed.at))
    assert any(statement.startswith("SELECT") for statement in without)
    assert not [statement for statement in after if not statement.startswith("INSERT")]


def test_its_engine_is_the_one_that_dbos_makes_and_goes_to_the_file_it_is_told(
    rehearsed: Rehearsed, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        engine = rehearsed.at(f"sqlite:///{tmp_path / name}.sqlite")
        with engine.connect() as connection:
            listed = connection.execute(text("PRAGMA database_list")).fetchone()
            pragmas = [connection.execute(text(f"PRAGMA {one}")).scalar() for one in ("busy_timeout", "foreign_keys")]
            immediate = connection.connection.dbapi_connection.isolation_level  # type: ignore[union-attr]
        rehearsed.close()
        assert listed is not None
        assert listed[2] == str(engine.url.database) == str(tmp_path / f"{name}.sqlite")
        assert (*pragmas, immediate) == (30000, 1, "IMMEDIATE")


def test_it_leaves_no_thread_no_object_and_nothing_registered() -> None:
    @DBOS.workflow(name="registered-before")
    def workflow() -> None: ...

    registry, threads = seams.registry._dbos_global_registry, set(threading.enumerate())
    known = set(registry.workflow_info_map)
    assert rehearse(DBOS.launch, partial(_config, serializer=None), ENGINE) is not None
    assert set(threading.enumerate()) == threads
    assert seams.instance() is None
    assert seams.registry._dbos_global_registry is registry
    assert set(registry.workflow_info_map) == known


def test_where_it_fails_there_is_none_and_a_life_makes_its_own_engine() -> None:
    def broken() -> None:
        raise RuntimeError("DBOS cannot be launched")

    assert rehearse(broken, partial(_config, serializer=None), ENGINE) is None
    assert seams.instance() is None
