"""The reference engine itself: pydantic-ai's public backend surface over one file.

What is written is the kernel's, which survives a SIGKILL. A backend for production has to survive a power failure, too,
and would call `os.fsync` in `Ledger.put`; no engine waits for the disk here.

A unit is known by its name and how many of that name the run asked for before it, so a run that asks the same things
in the same order finds its results again. Guide: `AGENTS.md` in the installed `pydantic_ai.durable_exec` package.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    CallableOperationBackend,
    DurabilityEngineSpec,
    DurableOperationId,
    JournalOperationNamer,
)
from pydantic_core import to_jsonable_python

from harness.engines.base import RUN, Case, Hook, NotStarted, Store, Unsupported, Unwatched
from harness.engines.journal.engine import entries
from harness.retries.live import Live, Unit
from harness.subjects import models
from harness.subjects.attach import attach, durability_of
from harness.subjects.owned import refusal

MISSING = object()


class Ledger:
    """The durable results of one invocation: a dictionary whose writes no death of the process undoes.

    `run` names the invocation, and is the same in every life.
    """

    run = ""

    def __init__(self, file: Path, invocation: int) -> None:
        self.file, self.invocation = file, invocation
        self.recorded: dict[str, Any] = {}
        self.asked: Counter[str] = Counter()
        self._read = -1

    def next_key(self, name: str) -> str:
        """The key of the next unit of this name."""
        self.asked[name] += 1
        return f"{name}#{self.asked[name]}"

    def get(self, key: str) -> Any:
        """What is recorded, by this process or by another one that took the run meanwhile; else `MISSING`."""
        size = self.file.stat().st_size if self.file.exists() else 0
        if size != self._read:
            mine = [entry for entry in entries(self.file) if entry["invocation"] == self.invocation]
            # The first record of a key stands: a late owner must not change what others have gone on from.
            self.recorded = {entry["key"]: entry["value"] for entry in reversed(mine)}
            self._read = size
        return self.recorded.get(key, MISSING)

    def put(self, key: str, value: Any) -> None:
        plain = to_jsonable_python(value)
        line = (json.dumps({"invocation": self.invocation, "key": key, "value": plain}) + "\n").encode()
        file = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
            if os.fstat(file).st_size == self._read + len(line):  # nobody else has written, so there is nothing to read
                self.recorded.setdefault(key, plain)
                self._read += len(line)
        finally:
            os.close(file)


class Unwritten(Ledger):
    """A ledger that keeps nothing on disk, to warm up with."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull), 1)

    def get(self, key: str) -> Any:
        return self.recorded.get(key, MISSING)

    def put(self, key: str, value: Any) -> None:
        self.recorded[key] = to_jsonable_python(value)


current: ContextVar[Ledger | None] = ContextVar("harness_journal_ledger", default=None)
hooks: list[Hook] = []


class JournalBackend(CallableOperationBackend[None]):
    """Runs each named unit once: the second time, its recorded result is returned."""

    tries = 1

    def __init__(self, agent_name: str) -> None:
        super().__init__(namer=JournalOperationNamer(agent_name), config=_NoConfig())

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Callable[[], Awaitable[object]],
        cache_key: tuple[object, ...],
        config: None,
    ) -> object:
        ledger = current.get()
        if ledger is None:
            return await body()
        key = ledger.next_key(name)
        return await self.once(ledger, key, name, body)

    async def once(
        self, ledger: Ledger, key: str, name: str, body: Callable[[], Awaitable[object]], attempt: int = 1
    ) -> object:
        """Return what is recorded under `key`, else run the body and record what it returns."""
        hook = hooks[0]
        hook.called(key, name)
        if (recorded := ledger.get(key)) is not MISSING:
            hook.answered(key, recorded)
            return recorded

        async def run() -> object:
            return await body()

        result = await hook.unit(run, key, name, attempt, self.tries)()
        with hook.commit(key):
            ledger.put(key, result)
        return result


class _NoConfig:
    """Units of this engine have nothing to configure."""

    def base(self, role: str, *, operation_id: DurableOperationId) -> None:
        return None

    def for_tool(self, role: str, *, operation_id: DurableOperationId, tool: object, tool_name: str) -> None:
        return None


class JournalDurability(BaseDurabilityCapability[Any]):
    """The capability that an agent carries to run under this engine."""

    backend: type[JournalBackend] = JournalBackend
    engine_spec = DurabilityEngineSpec(
        engine_name="journal", durable_unit_noun="entry", durable_unit_plural="entries",
        durable_container_noun="run", codec=JSON_CODEC,
    )  # fmt: skip

    @property
    def in_durable_context(self) -> bool:
        return current.get() is not None

    def _default_run_id(self) -> str | None:
        """The same in every life, as other engines have it: a tool may make its key of it. pydantic-ai asks for it."""
        ledger = current.get()
        return None if ledger is None else f"{ledger.run}:{ledger.next_key(RUN)}"

    def _default_conversation_id(self, run_id: str) -> str | None:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, run_id)) if self.in_durable_context else None

    def get_durable_operation_backend(self) -> JournalBackend:
        return self.backend(self.name)


class JournalWorker:
    """The child's half."""

    durability: type[JournalDurability] = JournalDurability
    ledger: type[Ledger] = Ledger

    def prepare(self) -> None:
        """Build the codec's validators before the fork: they take longer than a whole scripted run."""
        hooks[:] = [Unwatched()]
        token = current.set(Unwritten())
        models.rehearsed("rehearsal", self.durability())
        current.reset(token)

    def bind(self, case: Case) -> Unsupported | None:
        self._case = case
        if words := refusal(case.subject.value, case.subject.name, "journal"):
            return Unsupported(words)
        if isinstance(durability_of(case.subject.value), self.durability):
            self._agent = case.subject.value
            return None
        try:
            self._agent = attach(case.subject.agent, self.durability(), name=case.subject.name)
        except Exception as error:  # noqa: BLE001  the integration's own refusal, whatever its type
            return Unsupported(str(error))
        return None

    def retry_layers(self, unit: Unit) -> Sequence[Live]:
        return ()

    def seams(self, hook: Hook) -> None:
        hooks[:] = [hook]

    def opens_unit(self, function: Callable[..., Any]) -> bool:
        return False

    async def start(self, store: Store, invocation: int) -> Any:
        ledger = self._ledger(store, invocation)
        ledger.put("accepted", True)
        return await self._run(ledger, invocation)

    async def recover(self, store: Store, invocation: int) -> Any:
        ledger = self._ledger(store, invocation)
        if ledger.get("accepted") is MISSING:
            raise NotStarted
        return await self._run(ledger, invocation)

    def _ledger(self, store: Store, invocation: int) -> Ledger:
        ledger = self.ledger(Path(store.values["file"]), invocation)
        ledger.run = f"{store.run_id}-{invocation}"
        return ledger

    async def _run(self, ledger: Ledger, invocation: int) -> Any:
        token = current.set(ledger)
        try:
            result = await self._case.invoke(self._agent, invocation)
        finally:
            current.reset(token)
        with hooks[0].commit(RUN):
            ledger.put(RUN, True)
        return result
