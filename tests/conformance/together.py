"""All broken engines in one pair of zygotes, because each pair of its own would cost seconds.

Which engine a run is under stands in its store; everything else is as it would be with zygotes of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fixtures.engines import WRONG
from harness.conformance.lab import Lab, Remembering
from harness.conformance.suite import named
from harness.engines.base import Case, Session, Store, Unsupported
from harness.engines.journal.engine import JournalEngine
from harness.engines.journal.worker import JournalWorker
from harness.runner import Bench


class Engine(JournalEngine):
    worker = "tests.conformance.together:Worker"


class Worker(JournalWorker):
    """Hands each run to the child's half of the engine that its store names."""

    def prepare(self) -> None:
        super().prepare()
        modules = {name: importlib.import_module(f"fixtures.engines.{name}") for name in WRONG}
        self._halves = {name: getattr(module, "Worker", JournalWorker)() for name, module in modules.items()}

    def bind(self, case: Case) -> Unsupported | None:
        for half in self._halves.values():
            assert half.bind(case) is None
        return None

    async def start(self, store: Store, invocation: int) -> Any:
        return await self._halves[store.values["broken"]].start(store, invocation)

    async def recover(self, store: Store, invocation: int) -> Any:
        return await self._halves[store.values["broken"]].recover(store, invocation)


class Tagged:
    """A session of a broken engine, whose stores say so."""

    def __init__(self, session: Session, name: str) -> None:
        self._session, self._name = session, name

    def store(self, run_id: str, folder: Path) -> Store:
        store = self._session.store(run_id, folder)
        return replace(store, values={**store.values, "broken": self._name})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@contextmanager
def lab_of(name: str, bench: Bench, folder: Path) -> Iterator[Lab]:
    """A lab for one of them, on a bench of `Engine`."""
    engine = named(f"fixtures.engines.{name}:Engine")
    with ExitStack() as stack:
        session = Remembering(Tagged(stack.enter_context(engine.session({}, folder)), name))
        lab = Lab(engine, {}, folder, stack)
        lab.bench = replace(bench, engine=engine, session=session, folder=folder)
        yield lab
