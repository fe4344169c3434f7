"""Engines that cannot do what some conversations ask of them, without any fault: `journal`, with one thing missing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fixtures.engines.broken import Broken, durable
from harness.engines.journal.worker import JournalBackend, JournalWorker, Ledger


class Narrow(Ledger):
    """It has no letters but those of ASCII."""

    def put(self, key: str, value: Any) -> None:
        repr(value).encode("ascii")
        super().put(key, value)


class NarrowWorker(JournalWorker):
    ledger = Narrow


class AsciiOnly(Broken):
    worker = f"{__name__}:NarrowWorker"


class Once(JournalBackend):
    """A second call of a tool is never begun."""

    async def once(self, ledger: Ledger, key: str, name: str, body: Callable[[], Awaitable[Any]]) -> Any:
        if key.endswith("charge#2"):
            await asyncio.Event().wait()
        return await super().once(ledger, key, name, body)


class OnceWorker(JournalWorker):
    durability = durable(Once)


class CallsOnce(Broken):
    worker = f"{__name__}:OnceWorker"
