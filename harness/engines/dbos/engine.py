"""The parent's half of DBOS: what it claims, and a database of its own for each run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from harness.contract import Contract
from harness.engines.base import Store
from harness.engines.dbos import records, versions
from harness.engines.dbos.sqlite import SqliteStores
from harness.errors import UsageError
from harness.history import EngineRecord

OPTIONS: tuple[str, ...] = ()


class DbosEngine:
    """Model requests, MCP listings and calls, stream events and the run itself are recorded; a plain tool is not."""

    name: ClassVar[str] = "dbos"
    unit: ClassVar[str] = "step"
    worker: ClassVar[str] = "harness.engines.dbos.worker:DbosWorker"

    def problems(self, options: dict[str, Any]) -> list[str]:
        unknown = [f"engine 'dbos' has no option {name!r}" for name in options if name not in OPTIONS]
        return versions.problems() + unknown

    def contract(self) -> Contract:
        return Contract(
            engine=self.name,
            unit=self.unit,
            records=frozenset({"model", "tools", "event", "step", "run"}),
            recovery="on_restart",
            remedy="decorate it with `@DBOS.step()` so that its result is recorded",
            notes=(
                "a plain function tool is no step: it runs again whenever the workflow is recovered",
                "a step in flight at the crash runs again",
            ),
        )

    @contextmanager
    def session(self, options: dict[str, Any], folder: Path) -> Iterator[DbosSession]:
        folder.mkdir(parents=True, exist_ok=True)
        stores = SqliteStores(folder)
        try:
            yield DbosSession(stores)
        finally:
            stores.close()


class DbosSession:
    """A migrated database per run."""

    def __init__(self, stores: SqliteStores) -> None:
        self._stores = stores

    def store(self, run_id: str, folder: Path) -> Store:
        return Store(run_id, str(folder), self._stores.new(run_id, folder))

    def observe(self, store: Store) -> Iterable[EngineRecord]:
        return records.of_run(store.run_id, lambda query: self._stores.rows(store.values, query))

    def fingerprint(self, store: Store) -> str | None:
        return records.fingerprint(store.run_id, lambda query: self._stores.rows(store.values, query))

    def server(self, act: Literal["kill", "start"]) -> None:
        raise UsageError("engine 'dbos' on SQLite has no server to crash; use a fault without '(server)'")
