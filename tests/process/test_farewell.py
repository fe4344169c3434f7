"""What a life says last: how it ends, as soon as nothing of it is left but memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.process import kin
from harness.process.farewell import Farewells
from harness.process.zygote import Exit, Zygote
from tests.process.conftest import LIFE

pytestmark = pytest.mark.skipif(not kin.LINUX, reason="lives are forks on Linux only")

Make = Callable[..., Zygote]
Say = Callable[[Callable[[Farewells], None]], list[tuple[int, int]]]
NUMBER, CODE = 70_000, 7


@pytest.fixture
def said() -> Iterator[Say]:
    """What is heard of a fork that does something and then lives on, within a second."""
    lives: list[int] = []

    def said(do: Callable[[Farewells], None]) -> list[tuple[int, int]]:
        farewells = Farewells()
        if not (pid := os.fork()):
            try:
                do(farewells)
            finally:
                signal.pause()
        lives.append(pid)
        deadline = time.monotonic() + 1.0
        while not (heard := farewells.heard()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return heard

    yield said
    for pid in lives:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_it_has_let_go_of_its_files_when_it_says_so(said: Say, tmp_path: Path) -> None:
    held = tmp_path / "held"

    def end(farewells: Farewells) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        fcntl.flock(high, fcntl.LOCK_EX)
        farewells.say(NUMBER, CODE)

    file = os.open(held, os.O_CREAT | os.O_RDWR)
    high = fcntl.fcntl(file, fcntl.F_DUPFD, 200)
    os.close(file)
    assert said(end) == [(NUMBER, CODE)]

    os.close(high)
    with held.open() as again:
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the fork lives, and would still have it


def test_it_waits_for_no_peer_of_a_socket(said: Say) -> None:
    listening, ours = socket.socket(), socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()

    def end(farewells: Farewells) -> None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
        ours.connect(listening.getsockname())
        ours.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(b"x" * 65536)
        farewells.say(NUMBER, CODE)

    with listening, ours:
        assert said(end) == [(NUMBER, CODE)]


def test_it_says_nothing_if_a_thread_is_left_to_do_something(said: Say) -> None:
    def end(farewells: Farewells) -> None:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        farewells.say(NUMBER, CODE)

    assert said(end) == []


def test_it_says_nothing_if_a_child_is_left_to_be_ended(said: Say) -> None:
    def end(farewells: Farewells) -> None:
        if not os.fork():
            kin.die_with(os.getppid())
            signal.pause()
        farewells.say(NUMBER, CODE)

    assert said(end) == []


def test_a_fork_of_its_own_does_not_speak_for_it(said: Say) -> None:
    def end(farewells: Farewells) -> None:
        if not os.fork():
            farewells.say(NUMBER, CODE)
            os._exit(0)

    assert said(end) == []


def test_nothing_is_written_to_what_took_the_place_of_its_file(said: Say, tmp_path: Path) -> None:
    file = tmp_path / "file"

    def end(farewells: Farewells) -> None:
        opened = os.open(file, os.O_CREAT | os.O_WRONLY)
        os.dup2(opened, farewells._file)
        farewells.say(NUMBER, CODE)

    assert said(end) == []
    assert file.read_bytes() == b""


def test_no_handler_runs_after_it(said: Say, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    pids = tmp_path / "pid"

    def end(farewells: Farewells) -> None:
        pids.write_text(str(os.getpid()))
        signal.signal(signal.SIGUSR1, lambda *_: ran.touch())
        farewells.say(NUMBER, CODE)
        time.sleep(60)

    assert said(end) == [(NUMBER, CODE)]

    os.kill(int(pids.read_text()), signal.SIGUSR1)
    time.sleep(0.2)
    assert not ran.exists()


def test_an_end_that_was_said_is_the_one_that_is_reported(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    ends = [made.spawn(LIFE + "exit_with", {"code": code}, output=tmp_path / "output").wait(30) for code in (0, 3, 200)]

    assert ends == [Exit(0, None), Exit(3, None), Exit(200, None)]


def test_a_life_has_ended_when_only_its_memory_is_left(zygote: Make, tmp_path: Path) -> None:
    life = zygote().spawn(LIFE + "never_quite_end", {}, output=tmp_path / "output")

    assert life.wait(30) == Exit(0, None)
    assert Path(f"/proc/{life.pid}").exists()
