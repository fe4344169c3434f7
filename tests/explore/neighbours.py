"""Engines that answer for the step `ship` with what they have recorded for the step before it."""

from __future__ import annotations

from functools import wraps
from typing import Any

from harness.engines.base import Hook
from harness.engines.dbos.engine import DbosEngine
from harness.engines.dbos.worker import DbosWorker
from harness.engines.prefect.engine import PrefectEngine
from harness.engines.prefect.worker import PrefectWorker

WRONG = "ship"
seen: list[Any] = []


def neighbours(name: str, record: Any) -> Any:
    """The record of another step, where one of that name has its own."""
    if record is None or not name.startswith(WRONG):
        seen.append(record)
        return record
    return next((one for one in seen if one is not None), record)


class OverDBOS(DbosEngine):
    worker = "tests.explore.neighbours:WorksOverDBOS"


class WorksOverDBOS(DbosWorker):
    def seams(self, hook: Hook) -> None:
        from harness.engines.dbos.seams import SystemDatabase

        check: Any = SystemDatabase.check_operation_execution

        @wraps(check)
        def checked(database: Any, workflow: str, number: int, name: str, *args: Any, **more: Any) -> Any:
            return neighbours(name, check(database, workflow, number, name, *args, **more))

        SystemDatabase.check_operation_execution = checked
        super().seams(hook)


class OverPrefect(PrefectEngine):
    worker = "tests.explore.neighbours:WorksOverPrefect"


class WorksOverPrefect(PrefectWorker):
    def seams(self, hook: Hook) -> None:
        from prefect.results import ResultStore

        aread, read = ResultStore.aread, ResultStore.read

        @wraps(aread)
        async def aread_(store: Any, *args: Any, **more: Any) -> Any:
            return neighbours("", await aread(store, *args, **more))

        @wraps(read)
        def read_(store: Any, *args: Any, **more: Any) -> Any:
            return neighbours(WRONG, read(store, *args, **more))  # the only task that is no coroutine

        ResultStore.aread, ResultStore.read = aread_, read_  # type: ignore[method-assign]
        super().seams(hook)
