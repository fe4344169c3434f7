"""Engines that fail before they call anybody's agent, and a world that does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.engines.base import Store
from harness.engines.none import NoneEngine, NoneWorker


class Leaving(NoneEngine):
    name = "leaving"
    worker = "tests.explore.dying:LeavingWorker"


class LeavingWorker(NoneWorker):
    async def start(self, store: Store, invocation: int) -> Any:
        os._exit(3)


class Second(NoneEngine):
    name = "second"
    worker = "tests.explore.dying:SecondWorker"


class SecondWorker(NoneWorker):
    async def start(self, store: Store, invocation: int) -> Any:
        return await super().start(store, invocation) if invocation == 1 else os._exit(3)


class Unready(NoneEngine):
    name = "unready"
    worker = "tests.explore.dying:UnreadyWorker"


class UnreadyWorker(NoneWorker):
    def prepare(self) -> None:
        raise RuntimeError("no licence")


@contextmanager
def world() -> Iterator[None]:
    os._exit(3)
    yield
