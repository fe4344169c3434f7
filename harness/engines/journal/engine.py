"""The parent's half of the reference engine: one file per run, nothing shared."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.contract import Contract
from harness.engines.base import Store
from harness.engines.given import unknown
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.history import EngineRecord


class JournalEngine:
    """Every model request, tool call, listing and event is recorded; a new process picks the run up by itself."""

    name: ClassVar[str] = "journal"
    unit: ClassVar[str] = "entry"
    worker: ClassVar[str] = "harness.engines.journal.worker:JournalWorker"
    examines: ClassVar[bool] = False

    def mistakes(self, options: dict[str, Any]) -> list[str]:
        return unknown(self.name, options, known=())

    def problems(self, options: dict[str, Any]) -> list[str]:
        return []

    def contract(self) -> Contract:
        return Contract(
            engine=self.name,
            unit=self.unit,
            records=frozenset({"model", "tool", "tools", "event", "step", "run"}),
            recovery="on_restart",
        )

    @contextmanager
    def session(self, options: dict[str, Any], folder: Path) -> Iterator[JournalSession]:
        yield JournalSession()


class JournalSession:
    """Each run has a file of its own in its run folder."""

    def store(self, run_id: str, folder: Path) -> Store:
        """A file for the run, and an id that no other session has: what a tool makes of it may outlive them all."""
        return Store(f"{run_id}-{uuid.uuid4().hex[:12]}", str(folder), {"file": str(folder / "entries.jsonl")})

    def observe(self, store: Store) -> Iterable[EngineRecord]:
        from harness.history import EngineRecord

        for entry in entries(Path(store.values["file"])):
            yield EngineRecord(unit=entry["key"], name=entry["key"], status="recorded", invocation=entry["invocation"])

    def fingerprint(self, store: Store) -> str | None:
        recorded = sorted(json.dumps(entry, sort_keys=True) for entry in entries(Path(store.values["file"])))
        return hashlib.sha256("\n".join(recorded).encode()).hexdigest()

    def server(self, act: Literal["kill", "start"]) -> None:
        raise UsageError("engine 'journal' has no server to crash; use a fault without '(server)'")


def entries(file: Path) -> list[dict[str, Any]]:
    """The entries of one run's file, oldest first. A torn last line was never recorded."""
    if not file.exists():
        return []
    lines = file.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in lines]
