"""Strikes: which planned fault is due at a boundary, and making it happen.

How often a fault has fired is read from the journal after a restart; a counter in memory would arm a crash for ever.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from harness.errors import UsageError
from harness.faults import LATE, Fault, FaultPlan
from harness.history import CANCELLED, FaultFired, Observation, spelled
from harness.journal import Journal
from harness.subjects import clock
from harness.subjects.bare import bare


@dataclass
class Strikes:
    """The faults of one process. `fired` counts earlier lives; `summon` asks the parent for what only it can do.

    A planned delay is in the subject's own time, so it is divided by `scale` as the engine's timeouts are.
    """

    journal: Journal
    plan: FaultPlan
    incarnation: int
    fired: Mapping[str, int] = field(default_factory=dict)
    invocation: Callable[[], int] = lambda: 1
    summon: Callable[[Fault], None] = lambda _fault: None
    scale: float = 1.0
    _count: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._count.update(self.fired)

    def planned(self, step: str) -> bool:
        """Whether a fault may still fire at this step."""
        return any(self._is_armed(fault) and fault.step == self._spelled(step) for fault in self.plan.faults)

    def at(
        self, step: str, window: str, *, crashes: bool = True, only_crashes: bool = False, holds: bool = True
    ) -> float:
        """Do what is due here. Returns the seconds that the body must wait (infinite for a hang).

        `crashes=False` leaves crashes for the commit seam, which comes later; `only_crashes` is that seam. Without
        `holds` nobody here can wait: what would hold the body up stays undone, and is said to have never fired.
        """
        seconds = 0.0
        if not self.plan.faults:
            return seconds  # nothing is asked of a run that nothing is planned for
        for fault in self._due(step, window, crashes=crashes, only_crashes=only_crashes, holds=holds):
            seconds += self._act(fault)
        return seconds

    def _due(self, step: str, window: str, *, crashes: bool, only_crashes: bool, holds: bool) -> list[Fault]:
        here = self._spelled(step)
        due = []
        with self._lock:
            for fault in self.plan.faults:
                if fault.step != here or fault.window != window or not self._is_armed(fault):
                    continue
                if (fault.action == "crash" and not crashes) or (fault.action != "crash" and only_crashes):
                    continue
                if fault.action in LATE and not holds:
                    continue
                self._count[str(fault)] += 1
                fired = FaultFired(fault=str(fault), step=here, window=window, wait=self._wait(fault))
                self.journal.append(fired, invocation=self.invocation())
                due.append(fault)
        return due

    def _is_armed(self, fault: Fault) -> bool:
        return self._count[str(fault)] < fault.times and self.incarnation >= fault.incarnation

    def _spelled(self, step: str) -> str:
        return spelled(step, self.invocation())

    def _act(self, fault: Fault) -> float:
        if fault.action == "crash" and fault.argument is None:
            kill_self()
        if fault.action in ("crash", "duplicate"):
            self.summon(fault)
        if fault.action == "error":
            raise exception(fault.argument)
        if fault.action == "lost":
            raise ConnectionError("the answer was lost after the work was done (injected)")
        if fault.action == "hang":
            return float("inf")
        return self._wait(fault)

    async def hold(self, seconds: float) -> None:
        """Stand still as a fault wants. Whoever ends a hang cancels it, and that is written down; a thread goes on."""
        if seconds < math.inf:
            await asyncio.sleep(seconds)
            return
        try:
            await asyncio.Event().wait()
        finally:
            self.journal.tell(Observation, name=CANCELLED, invocation=self.invocation())

    def _wait(self, fault: Fault) -> float:
        """For how long nothing happens because of this fault: its delay, or until the last timeout must have acted."""
        if fault.action == "hang":
            return max((limit.effective for limit in clock.limits()), default=0.0)
        if fault.action not in ("delay", "slow"):
            return 0.0
        return clock.passed(fault.seconds) if clock.limits() else fault.seconds / self.scale


def kill_self() -> NoReturn:
    """Die as a machine dies: SIGKILL to this very process, no `finally`, no flush, no atexit."""
    while True:
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait(1)


def exception(argument: str | None) -> BaseException:
    """The exception that `error(ARGUMENT)` means: an HTTP status, or an exception by name or import path.

    Raises `UsageError` if it means none.
    """
    if argument is None:
        return RuntimeError("injected")
    if argument.isdigit():
        return _http_error(int(argument))
    name, _, message = argument.partition(":")
    kind, text = _exception_type(name.strip()), message.strip() or "injected"
    try:
        return kind(text)
    except TypeError:  # its constructor wants more than a message; who catches it looks at the type
        return bare(kind, text)


def _http_error(status: int) -> BaseException:
    from pydantic_ai.exceptions import ModelHTTPError

    return ModelHTTPError(status_code=status, model_name="scripted", body={"error": "injected"})


def _exception_type(name: str) -> type[BaseException]:
    module, _, attribute = name.rpartition(".")
    homes = [module] if module else ["builtins", "pydantic_ai.exceptions"]
    for home in homes:
        with suppress(ImportError):
            found = getattr(importlib.import_module(home), attribute, None)
            if isinstance(found, type) and issubclass(found, BaseException):
                return found
    raise UsageError(f"error({name}) names no exception; use a built-in one, one of pydantic-ai's, or its import path")


def pause(seconds: float) -> None:
    """Stand still as a fault wants, in a thread, which nobody can end if it is for ever."""
    if seconds == math.inf:
        threading.Event().wait()
    elif seconds:
        time.sleep(seconds)
