"""Waits inside a body: the backoff of an SDK, of a transport, of a person's own loop, and a client's patience.

They are written down as they were configured, and then cost as little as the life's pace allows. Waits outside of
bodies are the engine's, whose adapter scales them itself; they pass through here untouched.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Callable
from functools import cache, wraps
from types import FrameType, ModuleType
from typing import Any

from pydantic_ai.models import Model

from harness.audits.asking.clock import CLOCKS, Chance, own_names
from harness.audits.asking.dates import moved_dates
from harness.history import Waited
from harness.subjects import bodies
from harness.subjects.importing import is_theirs

LOOPS = ("asyncio", "anyio", "trio", "time")
"""Modules that build on sleeping themselves: what they do outside must not be seen twice inside."""
CLIENTS = (
    "openai.",
    "anthropic.",
    "groq.",
    "mistralai.",
    "cohere.",
    "google.genai.",
    "tenacity.",
    "harness.audits.wire.",
    "harness.audits.asking.",
)
"""Who waits for a provider, also where no body is known: in a flow that asks without any agent."""

WAITING = ("tenacity.wait", "prefect.utilities.math")
"""Modules in which chance decides how long others wait: a policy of `tenacity`, a task of Prefect's with jitter."""


def install(pace: float | None, *, short: bool = False) -> None:
    """Divide every wait inside a body by `pace`; with None it only lets others go first. For the life's process.

    Where chance decides how long somebody waits, an SDK, a policy of `tenacity`, a task with jitter, it waits as long
    as it may; or as `short`, if so said.
    """
    import anyio

    _keep_time(0.0 if short else 1.0)
    makers = {asyncio: _async, anyio: _async, time: _sync}
    for home, make in makers.items():
        original = home.sleep
        shorter = make(original, pace)
        for module in [home, *_borrowers(original)]:
            setattr(module, "sleep", shorter)  # noqa: B010  of whatever module it is
    _move_clocks()


class _Clock:
    """The `time` that whoever stops by the clock sees: it goes on by what is not really waited, or none would stop.

    Policies of `tenacity` see it, and the person's own modules. An engine and an event loop see the process's own.
    """

    saved = 0.0

    def __getattr__(self, name: str) -> Any:
        value = getattr(time, name)
        return self.moved(value, 10**9 if name.endswith("_ns") else 1) if name in CLOCKS else value

    def moved(self, clock: Callable[[], Any], per_second: int = 1) -> Callable[[], Any]:
        """A clock of the process's, and every wait that was shortened."""
        return lambda: (now := clock()) + type(now)(self.saved * per_second)


_clock = _Clock()


def _move_clocks() -> None:
    """Let a person's own modules see that clock, by whatever names, and as that of their event loop."""
    moved = {id(getattr(time, name)): getattr(_clock, name) for name in CLOCKS} | {id(time): _clock}
    moved |= {id(one): other for one, other in moved_dates(lambda: _clock.saved).items()}
    for names in own_names(len(sys.modules)):
        names.update({name: moved[id(value)] for name, value in names.items() if id(value) in moved})
    original, own = asyncio.BaseEventLoop.time, cache(is_theirs)

    @wraps(original)
    def told(self: Any) -> float:
        is_asked = own(sys._getframe(1).f_code.co_filename)  # noqa: SLF001  the loop itself asks, too
        return original(self) + (_clock.saved if is_asked else 0.0)

    asyncio.BaseEventLoop.time = told  # type: ignore[method-assign]


def _keep_time(share: float) -> None:
    sdks: list[Any] = [module for name, module in sys.modules.items() if name.endswith("._base_client")]
    for sdk in sdks:
        sdk.random = lambda: 1.0 - share  # by so much they shorten their waits
    for name in WAITING:
        if (waiting := sys.modules.get(name)) is not None:
            setattr(waiting, "random", Chance(share))  # noqa: B010  of whatever module it is
    tenacity: Any = sys.modules.get("tenacity")
    if tenacity is not None:
        tenacity.time = _clock


def _borrowers(original: Any) -> list[ModuleType]:
    """Modules that have imported it by name, `from time import sleep`."""
    return [
        module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in LOOPS and getattr(module, "__dict__", {}).get("sleep") is original
    ]


def _async(original: Callable[..., Any], pace: float | None) -> Callable[..., Any]:
    @wraps(original)
    async def sleep(delay: float, *args: Any, **kwargs: Any) -> Any:
        return await original(_shortened(delay, pace, sys._getframe(1)), *args, **kwargs)  # noqa: SLF001

    return sleep


def _sync(original: Callable[[float], None], pace: float | None) -> Callable[[float], None]:
    @wraps(original)
    def sleep(seconds: float) -> None:
        original(_shortened(seconds, pace, sys._getframe(1)))  # noqa: SLF001

    return sleep


def _shortened(seconds: float, pace: float | None, caller: FrameType) -> float:
    """How long to wait really: as configured, unless a body or a provider's client waits here."""
    probes = bodies.active()
    if probes is None or seconds <= 0 or not math.isfinite(seconds):
        return seconds
    step = probes.current()
    if step is None and not (caller.f_globals.get("__name__", "").startswith(CLIENTS) or _is_in_a_model(caller)):
        return seconds
    probes.journal.append(Waited(seconds=seconds, step=step), invocation=probes.invocation)
    really = 0.0 if pace is None else seconds / pace
    _clock.saved += seconds - really
    return really


def _is_in_a_model(frame: FrameType | None) -> bool:
    """Whether a model waits here. One that wraps another is around the bodies of that one's requests."""
    while frame is not None:
        if frame.f_code.co_name.startswith("request") and isinstance(frame.f_locals.get("self"), Model):
            return True
        frame = frame.f_back
    return False
