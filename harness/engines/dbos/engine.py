"""The parent's half of DBOS: what it claims, and a database of its own for each run."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.contract import Contract
from harness.engines.base import Store
from harness.engines.dbos import records, stores, versions
from harness.engines.dbos.stores import Stores
from harness.engines.given import unknown, unlike_count, unlike_seconds

if TYPE_CHECKING:
    from harness.history import EngineRecord

OPTIONS = ("store", "startup", "max_recovery_attempts", "workflow_timeout")


class DbosEngine:
    """Model requests, MCP listings and calls, stream events and the run itself are recorded; a plain tool is not."""

    name: ClassVar[str] = "dbos"
    unit: ClassVar[str] = "step"
    worker: ClassVar[str] = "harness.engines.dbos.worker:DbosWorker"
    examines: ClassVar[bool] = False

    def mistakes(self, options: dict[str, Any]) -> list[str]:
        found = unknown("dbos", options, OPTIONS)
        found += unlike_seconds("dbos", "workflow_timeout", options)
        found += unlike_count("dbos", "max_recovery_attempts", options, 0)
        return found + stores.mistakes(options.get("store"))

    def problems(self, options: dict[str, Any]) -> list[str]:
        return [*versions.problems(), *stores.problems(options.get("store"))]

    def contract(self) -> Contract:
        return Contract(
            engine=self.name,
            unit=self.unit,
            records=frozenset({"model", "tools", "event", "step", "run"}),
            recovery="on_restart",
            remedy="decorate it with `@DBOS.step()` so that its result is recorded",
            remedy_for_models="give the agent `DBOSDurability()` as a capability, so that its requests are steps",
            remedy_for_queues="put `DBOS.register_queue(...)` into a function of yours, and have it called after every"
            " launch: `-o startup=MODULE:FUNCTION`; or the queue's own limits keep it waiting",
            timeouts={
                "model": "`model_settings={'timeout': SECONDS}`, because DBOS's `StepConfig` has none",
                "tool": "`@DBOS.step(timeout_seconds=SECONDS)` on `{name}` if it is asynchronous; for a plain function"
                " pydantic-ai's own `timeout=SECONDS` of the tool",
                "step": "`@DBOS.step(timeout_seconds=SECONDS)` on `{name}`, if it is asynchronous",
            },
            notes=(
                "a plain function tool is no step: it runs again whenever the workflow is recovered",
                "a step in flight at the crash runs again",
            ),
        )

    @contextmanager
    def session(self, options: dict[str, Any], folder: Path) -> Iterator[DbosSession]:
        folder.mkdir(parents=True, exist_ok=True)
        with stores.opened(options.get("store"), folder) as opened:
            yield DbosSession(opened)


class DbosSession:
    """A migrated database per run. Reading its records ends the run: nothing looks at the database after that."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._observed: dict[str, list[EngineRecord]] = {}

    def store(self, run_id: str, folder: Path) -> Store:
        """A run's database, and an id for its workflows that no other session has used.

        The run's name begins again in each session, and what a subject keeps by workflow id in a database of its own
        (a datasource does so) outlives them all: a work of an earlier session must not be taken for done.
        """
        return Store(f"{run_id}-{uuid.uuid4().hex[:12]}", str(folder), self._stores.new(run_id, folder))

    def observe(self, store: Store) -> Iterable[EngineRecord]:
        if store.folder not in self._observed:
            self._observed[store.folder] = self.peek(store)
            self._stores.release(store.values)
        return self._observed[store.folder]

    def peek(self, store: Store) -> list[EngineRecord]:
        return list(records.of_run(store.run_id, partial(self._stores.rows, store.values), self._stores.schema))

    def fingerprint(self, store: Store) -> str | None:
        known = self._observed.get(store.folder)
        return records.fingerprint(store.run_id, self.peek(store) if known is None else known)

    def server(self, act: Literal["kill", "start"]) -> None:
        self._stores.server(act)
