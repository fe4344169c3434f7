"""A warm interpreter: it has imported the subject once, and each incarnation is a fork of it.

So a real process, with a real death, costs tens of milliseconds instead of the seconds that an import costs. What must
never happen is that one of these processes outlives the harness; `guard.py` says how that is held.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.errors import InternalError, SubjectError
from harness.process import complaint, groundwork, kin, stacks
from harness.process.environment import environment
from harness.process.incarnation import Exit, Incarnation
from harness.process.letters import Letter
from harness.process.origin import Forked, Guarded, Origin

__all__ = ["Exit", "Incarnation", "Ready", "Zygote"]

TAIL = 4000  # characters of a log that an error quotes
ANSWERING = 0.2  # seconds for a hanging import to print where it is


@dataclass(frozen=True)
class Ready:
    """What a zygote says when its preload function has returned."""

    info: dict[str, Any]
    """What the function returned."""
    threads: tuple[str, ...]
    """Names of threads that the import left running, the main one excepted. If there are any, forks are unsafe."""
    pid: int


class Zygote:
    """An interpreter that calls `preload` (`module:function`) once with `argument`, then bears incarnations.

    It starts importing at once; `ready` waits for it. The function returns what JSON can carry. `env` is added to this
    process's environment. `log` gets whatever the import prints. A `cold` zygote, and any zygote where forks are unsafe
    by platform, gives each incarnation a fresh interpreter that calls `preload` itself. Of a `stem` it is not a new
    interpreter but a fork, if it is not cold (see `stems.py`, which chooses one that suits). Safe to use from several
    threads. Raises UsageError if the interpreter or the log cannot be opened.
    """

    def __init__(
        self,
        preload: str,
        argument: dict[str, Any],
        *,
        executable: str = sys.executable,
        hash_seed: int,
        env: Mapping[str, str] | None,
        cold: bool = False,
        log: Path,
        stem: Zygote | None = None,
    ) -> None:
        self.cold = cold or not kin.LINUX
        self.log = Path(log).absolute()
        self._make_twin = functools.partial(
            Zygote, preload, argument, executable=executable, hash_seed=hash_seed, env=env, cold=True, log=log
        )
        self._twin: Zygote | None = None
        path = list(sys.path) if executable == sys.executable else []
        self._numbers = itertools.count(1)
        self._incarnations: dict[int, Incarnation] = {}
        self._closed = self._gone = False
        self._pid: int | None = None  # of the nursery
        self._report: Future[Letter] = Future()  # how the import went
        self._sending, self._changing, self._rehearsing = threading.Lock(), threading.Lock(), threading.Lock()
        self._origin: Origin
        if stem is not None and stem.is_alive and not self.cold:
            self._origin = Forked(functools.partial(stem.bear_nursery, argument), self.log)
        else:
            variables = environment(env, hash_seed=hash_seed, executable=executable)
            self._origin = Guarded(executable, variables, self.log)
        self._letters = self._origin.letters
        self._send({"preload": preload, "argument": argument, "cold": self.cold, "path": path})
        self._listener = threading.Thread(target=self._listen, name="harness-zygote", daemon=True)
        self._listener.start()

    def ready(self, timeout: float) -> Ready:
        """Wait for the import to end; when cold, have it done once in an interpreter that is then thrown away.

        Raises SubjectError if the preload function raised (with its traceback, where our frames are cut off), if the
        interpreter died over it, or if it takes longer than `timeout` seconds (with the place where it hangs); any
        other error of ours that the function raised, as it was.
        """
        if self.cold:
            self._rehearse(timeout)
        try:
            return _judge(self._report.result(timeout))
        except TimeoutError:
            raise _too_slow(timeout, self._where_it_is()) from None

    def spawn(self, entry: str, argument: dict[str, Any], *, output: Path) -> Incarnation:
        """Bear an incarnation that calls `entry` (`module:function`) with `argument` and ends when that returns.

        Its output is appended to the file `output`; its input is empty. It exits with 0, with the code that `sys.exit`
        was given, or with 1 after an exception, whose traceback is in `output`. Waits for the import first. Raises what
        `ready` raises, UsageError if the process or `output` cannot be made, InternalError if the zygote has died.
        """
        if not self.cold:
            _judge(self._report.result())
        return self._bear(entry, argument, output)

    def bear_nursery(self, argument: Letter, line: int, log: Path) -> Incarnation:
        """Bear the nursery of another zygote, of this argument, with `line` for its end of the conversation.

        Waits for nothing.
        """
        return self._order_birth(groundwork.BORN, groundwork.here(argument), log, line)

    @property
    def is_alive(self) -> bool:
        """Whether it can bear anything still."""
        return not (self._gone or self._closed)

    @property
    def is_idle(self) -> bool:
        """Whether nothing that it bore is alive."""
        return not self._incarnations

    def cold_twin(self) -> Zygote:
        """The same in cold: for a subject whose import leaves threads, or to confirm what warm incarnations showed.

        Always the same one, closed with this one. A cold zygote is its own twin.
        """
        if self.cold:
            return self
        with self._changing:
            self._must_be_alive()
            if self._twin is None:
                self._twin = self._make_twin()
            return self._twin

    def close(self) -> None:
        """End it and every incarnation and all that they started. They are gone when this returns."""
        with self._changing:
            before, self._closed = self._closed, True
        if not before:
            self._dismiss()

    def _dismiss(self) -> None:
        if self._twin is not None:
            self._twin.close()
        self._origin.end(self._is_over)
        self._letters.close()

    def _is_over(self, seconds: float) -> bool:
        """The listener waits for it; to `wait` for a process with a limit is only to look, less and less often."""
        self._listener.join(seconds)
        return not self._listener.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bear(self, entry: str | None, argument: Letter, output: Path) -> Incarnation:
        incarnation = self._order_birth(entry, argument, output)
        incarnation.until_born()
        return incarnation

    def _order_birth(self, entry: str | None, argument: Letter, output: Path, *lines: int) -> Incarnation:
        incarnation = Incarnation(next(self._numbers), self._send)
        letter = {"do": "spawn", "number": incarnation.number, "entry": entry, "argument": argument}
        with self._changing:
            self._must_be_alive()
            self._incarnations[incarnation.number] = incarnation
        self._send({**letter, "output": str(Path(output).absolute()), "line": bool(lines)}, *lines)
        return incarnation

    def _must_be_alive(self) -> None:
        if not self.is_alive:
            raise InternalError(f"the zygote has ended; its log is {self.log}")

    def _rehearse(self, timeout: float) -> None:
        with self._rehearsing:
            if self._report.done():
                return
            incarnation = self._bear(None, {}, self.log)
            if (end := incarnation.wait(timeout)) is None:
                where = incarnation.stacks()
                incarnation.kill()
                raise _too_slow(timeout, where)
            self._report.set_result(incarnation.reply() or _died(str(end), self.log))

    def _where_it_is(self) -> str | None:
        """What a nursery that hangs in its import prints about itself, which goes to the log."""
        if self._pid is None or stacks.C is None or self._gone:
            return None
        before = self.log.stat().st_size
        kin.kill(self._pid, stacks.C)
        time.sleep(ANSWERING)
        return self.log.read_bytes()[before:].decode(errors="replace")

    def _send(self, letter: Letter, *files: int) -> None:
        with self._sending:
            self._letters.send(letter, files)

    def _listen(self) -> None:
        for letter in self._letters:
            if letter["event"] == "hello":
                self._pid = letter["pid"]
            elif letter["event"] in {"ready", "failed"}:
                self._report.set_result(letter)
            else:
                self._pass_on(letter)
        self._mourn()

    def _pass_on(self, letter: Letter) -> None:
        with self._changing:
            incarnation = self._incarnations[letter["number"]]
            if letter["event"] != "born":
                del self._incarnations[letter["number"]]
        incarnation.hear(letter)

    def _mourn(self) -> None:
        """The nursery is gone: tell everybody who waits for it or for one of its incarnations."""
        how = self._origin.wait()
        with self._changing:
            self._gone = True
            lost = list(self._incarnations.values())
        if not self._report.done():
            self._report.set_result(_died(how, self.log))
        error = InternalError(f"the zygote died ({how}); the end of its log {self.log}:\n{_tail(self.log)}")
        for incarnation in lost:
            incarnation.lose(None if self._closed else error)


def _judge(report: Letter) -> Ready:
    if report["event"] == "failed":
        raise complaint.rebuild(report)
    return Ready(info=report["info"], threads=tuple(report["threads"]), pid=report["pid"])


def _died(how: str, log: Path) -> Letter:
    """The report of an interpreter that did not live to send one."""
    message = f"the interpreter died while it loaded the subject ({how}); the end of its log {log}:\n{_tail(log)}"
    return {"event": "failed", "kind": "SubjectError", "message": message, "traceback": None}


def _too_slow(timeout: float, where: str | None) -> SubjectError:
    return SubjectError(f"loading the subject took longer than {timeout:g} s", traceback=where)


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL))
        return file.read().decode(errors="replace").strip() or "(it is empty)"
    return "(it cannot be read)"
