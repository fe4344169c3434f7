"""One life of a subject, as the harness sees it: wait for its end, ask where it is, end it."""

from __future__ import annotations

import signal as signals
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, UsageError
from harness.process import stacks
from harness.process.letters import Letter

DYING = 10.0  # seconds to wait for the end of a killed process; more means the kernel holds it


@dataclass(frozen=True)
class Exit:
    """How an incarnation ended: by itself with a code, or by a signal. The other one is None."""

    code: int | None
    signal: int | None

    def __str__(self) -> str:
        if self.signal is None:
            return f"exit code {self.code}"
        try:
            return signals.Signals(self.signal).name
        except ValueError:  # a real-time signal
            return f"signal {self.signal}"


KILLED = Exit(code=None, signal=signals.SIGKILL)


class Incarnation:
    """A process that a zygote bore. Made by `Zygote.spawn`; safe to use from several threads.

    Its end is reported when everything it had started has ended too, processes in sessions of their own included. All
    methods raise InternalError if the zygote died under it.
    """

    def __init__(self, number: int, send: Callable[[Letter], None]) -> None:
        self.pid = 0
        self.number = number
        self._send = send
        self._birth: Future[Letter] = Future()
        self._end: Future[Letter] = Future()

    def wait(self, timeout: float | None = None) -> Exit | None:
        """How it ended, or None if it is still alive after `timeout` seconds (None: wait for as long as it takes)."""
        try:
            letter = self._end.result(timeout)
        except TimeoutError:
            return None
        return Exit(letter["code"], letter["signal"])

    def kill(self) -> None:
        """End it with SIGKILL, and all that it started. They are gone when this returns, and may have been before."""
        self._signal(signals.SIGKILL)
        self.wait(DYING)

    def stacks(self) -> str:
        """Where every thread and every asyncio task of it is, as text for a person. Empty if it has ended."""
        if self._end.done():
            return ""
        answers = Path(f"/proc/{self.pid}/fd/{self._birth.result()['stacks']}")
        return stacks.collect(answers, self._signal, self._end.done)

    def reply(self) -> Letter | None:
        """What it was asked to say at its end, if it was asked and lived to say it."""
        return self._end.result().get("reply")

    def until_born(self) -> None:
        """Wait for the fork. UsageError if the system refuses it or its output cannot be opened."""
        letter = self._birth.result()
        if letter["event"] == "unborn":
            raise UsageError(f"cannot start a process: {letter['message']}")
        self.pid = letter["pid"]

    def hear(self, letter: Letter) -> None:
        """Take a letter about this incarnation from the zygote's listener."""
        (self._end if letter["event"] == "ended" else self._birth).set_result(letter)

    def lose(self, error: HarnessError | None) -> None:
        """The zygote is gone and this one with it: by `error`, or because it was closed."""
        for future in (self._birth, self._end):
            if future.done():
                continue
            if error is None and future is self._end:
                future.set_result({"code": KILLED.code, "signal": KILLED.signal})
            else:
                future.set_exception(error or UsageError("the zygote was closed"))

    def _signal(self, number: int) -> None:
        self._send({"do": "signal", "number": self.number, "signal": int(number)})
