"""The zygote's own side: import the subject once, then fork an incarnation whenever the harness asks.

One thread, one loop: a second thread would make every fork unsafe. A fork is made before it is asked for, and waits
(`spare.py`); one that ends by itself says so a moment before (`farewell.py`). A cold nursery imports nothing; each of
its incarnations is a fresh interpreter (`cold.py`) that imports for itself.

Everything an incarnation started ends with it. Each incarnation adopts its own orphans while it lives, so a child of
the nursery that is no incarnation belonged to a dead one, and is killed before that one's end is reported.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from harness.process import ballast, cold, kin, loading, stacks
from harness.process.farewell import Farewells
from harness.process.letters import Letter, Letters
from harness.process.newborn import FAILED, Birth, awaken, flush, leave_home, live, print_at_once, put_out
from harness.process.pages import Pages
from harness.process.spare import Spare, await_birth

MOURNING = 2.0  # seconds that the report of an incarnation's end may wait for its orphans to die


def main(control: socket.socket) -> NoReturn:
    """Serve until the harness hangs up."""
    loading.forget_standard_input()
    print_at_once()
    stacks.ignore()
    letters = Letters(control)
    with contextlib.suppress(EOFError):
        letters.send({"event": "hello", "pid": os.getpid()})
        pages, farewells = Pages(), Farewells()
        Nursery(letters, _prepare(letters, pages, farewells), pages, farewells).serve()
    os._exit(0)


def _prepare(letters: Letters, pages: Pages, farewells: Farewells) -> Callable[[Birth], NoReturn]:
    """Import the subject, unless the harness wants it cold; how the incarnations will begin."""
    order = letters.first()
    if order["cold"]:
        return cold.beginning(order)
    loading.put_on_path(order["path"])
    stacks.show_threads()  # for an import that hangs
    letters.send(loading.preload(order["preload"], order["argument"]))
    loading.fill_standard_streams()
    gc.collect()
    ballast.fill()
    gc.freeze()

    def begin(birth: Birth) -> NoReturn:
        def end(code: int) -> None:
            pages.note()
            farewells.say(birth.number, code)

        awaken()
        live(birth, at_end=end)

    return begin


class Nursery:
    """Bears incarnations on request, and reports the end of each when everything it left behind has ended too."""

    def __init__(
        self, letters: Letters, begin: Callable[[Birth], NoReturn], pages: Pages, farewells: Farewells
    ) -> None:
        self._letters = letters
        self._begin = begin
        self._pages = pages
        self._farewells = farewells
        self._pid = os.getpid()
        self._spare: Spare | None = None
        self._alive: dict[int, Birth] = {}
        self._leaving: set[int] = set()  # pids of those that have said how they end
        self._ended: list[Letter] = []
        self._deadline = 0.0
        self._staff = set(kin.children())  # what the import itself started and keeps
        self._alarm = Alarm()

    def serve(self) -> None:
        """Do as the letters say until the harness hangs up, then end every incarnation and raise EOFError."""
        with selectors.DefaultSelector() as self._selector:
            self._selector.register(self._letters.socket, selectors.EVENT_READ, self._read)
            self._selector.register(self._alarm.awake, selectors.EVENT_READ, self._alarm.clear)
            try:
                self._obey(self._letters.early)
                while True:
                    self._provide()
                    for key, _ in self._selector.select(MOURNING if self._ended else None):
                        key.data()
                    self._bury()
            finally:
                for pid in [*self._alive, *self._leaving]:
                    kin.kill(pid)

    def _read(self) -> None:
        self._obey(self._letters.receive())

    def _obey(self, letters: list[Letter]) -> None:
        for letter in letters:
            if letter["do"] == "spawn":
                self._spawn(letter)
            else:
                self._signal(letter["number"], letter["signal"])

    def _signal(self, number: int, signum: int) -> None:
        """Only the parent may do this safely: until it reaps the child, the pid can be nobody else's."""
        for pid, birth in self._alive.items():
            if birth.number == number:
                kin.kill(pid, signum)

    def _spawn(self, letter: Letter) -> None:
        number = letter["number"]
        try:
            with contextlib.ExitStack() as opened:
                try:
                    spare = self._spare or self._fork()  # before the line is opened, which would be its own for ever
                finally:
                    line = self._opened_line(letter, opened)
                birth = _birth(letter, spare.stacks, line, opened)
                self._spare = None
                spare.bear(birth)
        except OSError as error:
            self._letters.send({"event": "unborn", "number": number, "message": str(error)})
        else:
            self._alive[spare.pid] = birth
            self._letters.send({"event": "born", "number": number, "pid": spare.pid, "stacks": birth.stacks})

    def _opened_line(self, letter: Letter, opened: contextlib.ExitStack) -> int | None:
        """The descriptor that came with a letter, if one did."""
        if not letter["line"]:
            return None
        line = self._letters.files.pop(0)
        opened.callback(os.close, line)
        return line

    def _provide(self) -> None:
        """Have a fork ready for when it is asked for. If the system refuses one now, it will be asked again then."""
        if self._spare is None:
            with contextlib.suppress(OSError):
                self._spare = self._fork()

    def _fork(self) -> Spare:
        flush()  # or a fork prints it once more
        with contextlib.ExitStack() as opened:
            ours, theirs = socket.socketpair()
            opened.callback(theirs.close)
            opened.callback(os.close, stacks := kin.private_file("stacks"))
            try:
                pid = os.fork()
            except OSError:
                ours.close()
                raise
            if pid:
                return Spare(pid, ours, stacks)
            try:
                opened.pop_all()
                ours.close()
                self._wait(theirs, stacks)
            finally:  # not reached by a life that began; an incarnation must never run this loop
                traceback.print_exc()
                os._exit(FAILED)

    def _wait(self, line: socket.socket, stacks: int) -> NoReturn:
        """In the fork: get ready, wait for the birth, and live."""
        self._leave()
        leave_home(self._pid)
        self._pages.copy()
        birth = await_birth(line, stacks)
        put_out(birth)
        self._begin(birth)

    def _leave(self) -> None:
        """In the fork: let go of everything that is the nursery's."""
        self._selector.close()
        self._letters.close()
        self._alarm.close()

    def _bury(self) -> None:
        self._listen()
        self._reap()
        if self._ended and (not self._kill_orphans() or time.monotonic() > self._deadline):
            for letter in self._ended:
                self._letters.send(letter)
            self._ended.clear()

    def _listen(self) -> None:
        """Report those that are as good as dead. They have no children, and so leave no orphans."""
        said = dict(self._farewells.heard())
        for pid in [pid for pid, birth in self._alive.items() if birth.number in said]:
            birth = self._alive.pop(pid)
            self._leaving.add(pid)
            self._letters.send(_obituary(birth, said[birth.number]))

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (dead := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = dead
                self._staff.discard(pid)
                self._leaving.discard(pid)
                if self._spare is not None and pid == self._spare.pid:
                    self._spare.line.close()
                    self._spare = None
                if pid in self._alive:
                    self._ended.append(_obituary(self._alive.pop(pid), os.waitstatus_to_exitcode(status)))
                    self._deadline = time.monotonic() + MOURNING

    def _kill_orphans(self) -> bool:
        """Kill what dead incarnations left to us. True if there was any; each death calls us again."""
        if not kin.has_children():
            return False
        known = self._alive.keys() | self._leaving | self._staff | ({self._spare.pid} if self._spare else set())
        killed = [kin.kill(pid) for pid in kin.children() if pid not in known]
        return any(killed)


class Alarm:
    """A descriptor that becomes readable when a child has died."""

    def __init__(self) -> None:
        self.awake, self._signalled = socket.socketpair()
        for end in (self.awake, self._signalled):
            end.setblocking(False)
        signal.set_wakeup_fd(self._signalled.fileno(), warn_on_full_buffer=False)
        self._before = signal.signal(signal.SIGCHLD, lambda *_: None)

    def clear(self) -> None:
        """Forget the deaths so far."""
        self.awake.recv(4096)

    def close(self) -> None:
        """Put back what was there before: the subject may have a handler of its own."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, self._before)
        self.awake.close()
        self._signalled.close()


def _birth(letter: Letter, stacks: int, line: int | None, opened: contextlib.ExitStack) -> Birth:
    """Open what the incarnation will be born with; the nursery closes its own copies afterwards."""
    output = os.open(letter["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    opened.callback(os.close, output)
    return Birth(
        number=letter["number"],
        entry=letter["entry"],
        argument=letter["argument"],
        output=output,
        stacks=stacks,
        reply=kin.private_file("reply") if letter["entry"] is None else None,  # read, and closed, at its end
        line=line,
    )


def _obituary(birth: Birth, code: int) -> Letter:
    letter: Letter = {"event": "ended", "number": birth.number, "code": code, "signal": None}
    if code < 0:
        letter |= {"code": None, "signal": -code}
    if birth.reply is not None:
        os.lseek(birth.reply, 0, os.SEEK_SET)
        with os.fdopen(birth.reply, "rb") as reply:
            letter["reply"] = json.loads(reply.read() or "null")
    return letter
