"""No durability at all: the negative control. After a crash the run is simply started again from its beginning.

Every check must find something here. If this engine looks healthy under a crash, the harness is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.contract import Contract
from harness.engines.base import Case, Hook, Store, Unsupported
from harness.engines.given import unknown
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.history import EngineRecord
    from harness.retries.live import Live, Unit


class NoneEngine:
    """The parent's half."""

    name: ClassVar[str] = "none"
    unit: ClassVar[str] = "unit"
    worker: ClassVar[str] = "harness.engines.none:NoneWorker"
    examines: ClassVar[bool] = False

    def mistakes(self, options: dict[str, Any]) -> list[str]:
        return unknown(self.name, options, known=())

    def problems(self, options: dict[str, Any]) -> list[str]:
        return []

    def contract(self) -> Contract:
        return Contract(
            engine=self.name,
            unit=self.unit,
            records=frozenset(),
            recovery="none",
            in_flight="lost",
            remedy="run the agent under a durable engine",
        )

    @contextmanager
    def session(self, options: dict[str, Any], folder: Path) -> Iterator[NoneSession]:
        yield NoneSession()


class NoneSession:
    """Nothing is shared and nothing is kept."""

    def store(self, run_id: str, folder: Path) -> Store:
        return Store(run_id, str(folder))

    def observe(self, store: Store) -> Iterable[EngineRecord]:
        return ()

    def fingerprint(self, store: Store) -> str | None:
        return None

    def server(self, act: Literal["kill", "start"]) -> None:
        raise UsageError("engine 'none' has no server to crash; use a fault without '(server)'")


class NoneWorker:
    """The child's half: call the agent, and call it again."""

    def prepare(self) -> None:
        pass

    def bind(self, case: Case) -> Unsupported | None:
        from harness.subjects.owned import refusal  # here, because the parent's half is in this file, too

        if words := refusal(case.subject.value, case.subject.name, "none"):
            return Unsupported(words)
        self._case = case
        return None

    def retry_layers(self, unit: Unit) -> Sequence[Live]:
        return ()

    def seams(self, hook: Hook) -> None:
        pass

    def opens_unit(self, function: Callable[..., Any]) -> bool:
        return False

    async def start(self, store: Store, invocation: int) -> Any:
        return await self._case.invoke(self._case.subject.value, invocation)

    async def recover(self, store: Store, invocation: int) -> Any:
        return await self.start(store, invocation)
