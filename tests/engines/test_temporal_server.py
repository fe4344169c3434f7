"""The session's own server: found, obtained, killed, started again, and gone with whoever started it."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

import psutil
import pytest

from harness.engines.ports import free_port
from harness.engines.temporal import greeting, obtain, server
from harness.engines.temporal.engine import TemporalEngine
from harness.engines.temporal.server import Server
from harness.errors import EngineUnavailable, UsageError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Server]:
    one = Server(server.program({}), tmp_path)
    one.start()
    yield one
    one.close()


def answers(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True


def fake(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_killed_server_comes_back_on_the_same_port(started: Server) -> None:
    address = started.address
    assert answers(address)
    started.kill()
    assert not answers(address)
    started.start()
    assert started.address == address
    assert answers(address)


@pytest.mark.parametrize("setting", server.SETTINGS)
def test_a_setting_is_one_that_the_server_knows_or_it_would_be_ignored_in_silence(setting: str) -> None:
    with server.program({}).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as program:
        assert program.find(setting.encode()) >= 0


def test_two_sessions_at_once_have_servers_of_their_own(started: Server, tmp_path: Path) -> None:
    with TemporalEngine().session({}, tmp_path / "other") as session:
        other = session.store("run", tmp_path).values["address"]
        assert other != started.address
        assert answers(other)
        assert answers(started.address)
    assert not answers(other)
    assert answers(started.address)


def test_the_server_dies_with_a_harness_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\n"
        "from harness.engines.temporal import server\n"
        "one = server.Server(server.program({}), pathlib.Path(sys.argv[1]))\n"
        "one.start()\n"
        "print(one.address, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == -9
    address = done.stdout.strip()
    deadline = time.monotonic() + 30
    while answers(address) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not answers(address)


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} cannot be used"):
            Server(server.program({}), tmp_path, port).start()
    assert not (tmp_path / "temporal.db").exists()


def test_a_server_that_does_not_start_says_its_own_last_words(tmp_path: Path) -> None:
    broken = fake(tmp_path / "temporal", "echo 'no such flag' >&2; exit 1")
    with pytest.raises(EngineUnavailable, match=r"did not start: no such flag"):
        Server(broken, tmp_path / "home").start()


LISTENS_AND_DIES = """
import os, socket, sys, time
log, real, *words = sys.argv[1:]
port = words[words.index("--port") + 1]
with open(log, "a") as file:
    print(port, file=file)
if len(open(log).readlines()) == 1:
    with socket.create_server(("127.0.0.1", int(port))):
        time.sleep(0.5)
        sys.exit("another port is in use")
os.execv(real, [real, *words])
"""


def test_a_server_that_listens_but_comes_to_nothing_is_started_once_more_at_another_port(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(LISTENS_AND_DIES)
    real, asked = server.program({}), tmp_path / "asked"
    words = f'exec {sys.executable} {tmp_path / "first.py"} {asked} {real} "$@"'
    one = Server(fake(tmp_path / "temporal", words), tmp_path / "home")
    one.start()
    try:
        first, second = map(int, asked.read_text().split())
        assert one.port == second != first
        greeting.check(one.address, "default")
    finally:
        one.close()


def test_the_port_of_a_server_is_not_given_to_whoever_asks_for_any() -> None:
    port = free_port()
    waiting = [line.laddr.port for line in psutil.net_connections("tcp4") if line.status == psutil.CONN_TIME_WAIT]
    assert port in waiting
    socket.create_server(("127.0.0.1", port)).close()


def test_a_server_named_by_the_person_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    option, variable, on_path = (fake(tmp_path / name, "exit 0") for name in ("option", "variable", "temporal"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert server.known({}) == on_path
    monkeypatch.setenv(server.VARIABLE, str(variable))
    assert server.known({}) == variable
    assert server.known({"server": str(option)}) == option


@pytest.mark.parametrize("place", ["option", "variable", "PATH"])
@pytest.mark.parametrize(
    "said", ["temporal version 0.1.0 (Server 1.19.3, UI 2.0.0)", "temporal version 0.1.0 (server 1.19.3) (ui 2.0.0)"]
)
def test_a_program_whose_server_is_too_old_is_told_before_it_is_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, said: str
) -> None:
    old = fake(tmp_path / "temporal", f"test \"$1\" = --version && echo '{said}' || touch {tmp_path / 'started'}")
    if place == "PATH":
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    if place == "variable":
        monkeypatch.setenv(server.VARIABLE, str(old))
    [problem] = TemporalEngine().problems({"server": str(old)} if place == "option" else {})
    assert problem == f"the Temporal server that {old} starts is version 1.19.3; 1.20 or later is needed"
    assert not (tmp_path / "started").exists()


def test_a_program_that_does_not_tell_its_version_is_asked_when_it_has_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mute = fake(tmp_path / "temporal", f'test "$1" = --version && exit; exec {server.program({})} "$@"')
    monkeypatch.setattr(greeting, "OLDEST_SERVER", (99, 0))
    options = {"server": str(mute)}
    assert TemporalEngine().problems(options) == []
    with (
        pytest.raises(EngineUnavailable, match=r"is version 1\.\d+.*; 99\.0 or later is needed"),
        TemporalEngine().session(options, tmp_path / "home"),
    ):
        pytest.fail("an old server was used")


def test_a_server_that_is_no_program_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    [problem] = TemporalEngine().problems({"server": str(tmp_path / "notes.txt")})
    assert "no program that can be run" in problem


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache without a server, no download, and a `go` of ours."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(obtain, "_DOWNLOAD", "raise SystemExit('no network')")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    return tmp_path


def test_two_processes_that_need_the_server_build_it_once(empty_cache: Path) -> None:
    builds = empty_cache / "builds"
    go = f"echo built >> {builds}; sleep 0.3; echo '#!/bin/sh' > $GOBIN/temporal; chmod +x $GOBIN/temporal"
    fake(empty_cache / "bin" / "go", go)
    code = (
        "from harness.engines.temporal import obtain\n"
        "obtain._DOWNLOAD = 'raise SystemExit(1)'\n"
        "print(obtain.obtain())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    paths = {Path(one.communicate()[0].decode().strip()) for one in both}
    assert paths == {obtain.obtained()}
    assert builds.read_text() == "built\n"


def test_what_the_sdk_downloads_is_kept_and_nothing_is_built(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = (
        "import pathlib, sys\n"
        "program = pathlib.Path(sys.argv[1]) / f'temporal-sdk-python-{sys.argv[2]}'\n"
        "program.write_text('#!/bin/sh\\necho downloaded\\n')\n"
        "program.chmod(0o755)\n"
    )
    monkeypatch.setattr(obtain, "_DOWNLOAD", download)
    fake(empty_cache / "bin" / "go", f"touch {empty_cache / 'asked'}; exit 1")
    path = obtain.obtain()
    assert path == obtain.obtained()
    assert subprocess.run([path], capture_output=True, text=True, check=True).stdout == "downloaded\n"
    assert {each.name for each in obtain.folder().iterdir()} == {"lock", "temporal"}
    assert not (empty_cache / "asked").exists()


def test_what_cannot_be_obtained_is_told_with_every_reason(empty_cache: Path) -> None:
    fake(empty_cache / "bin" / "go", "echo 'module lookup disabled' >&2; exit 1")
    with pytest.raises(EngineUnavailable) as told:
        obtain.obtain()
    assert "the download failed (no network)" in str(told.value)
    assert "the build failed (module lookup disabled)" in str(told.value)
    assert "HARNESS_TEMPORAL" in str(told.value)
    assert obtain.obtained() is None


def test_a_lock_that_a_dead_process_held_is_no_obstacle(empty_cache: Path) -> None:
    fake(empty_cache / "bin" / "go", "echo '#!/bin/sh' > $GOBIN/temporal; chmod +x $GOBIN/temporal")
    obtain.folder().mkdir(parents=True)
    code = "import fcntl, os, sys; fcntl.flock(open(sys.argv[1], 'w'), fcntl.LOCK_EX); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code, str(obtain.folder() / "lock")], check=False)
    assert obtain.obtain() == obtain.obtained()


@pytest.mark.parametrize("reached", [False, True], ids=["no download", "a download"])
def test_it_is_built_ahead_only_if_nothing_else_will_do(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch, reached: bool
) -> None:
    fake(empty_cache / "bin" / "go", "echo '#!/bin/sh' > $GOBIN/temporal; chmod +x $GOBIN/temporal")
    with socket.create_server(("127.0.0.1", 0)) as there:
        place = there.getsockname()
        if not reached:
            there.close()
        monkeypatch.setattr(obtain, "DOWNLOADED_FROM", place)
        monkeypatch.setattr(server, "known", lambda _options: obtain.obtained())  # this machine may have one on PATH
        server.begin()
    assert (obtain.obtained() is None) == reached


def test_nothing_is_built_ahead_of_a_server_that_is_there(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(empty_cache / "bin" / "go", f"touch {empty_cache / 'asked'}; exit 1")
    fake(empty_cache / "bin" / "temporal", "true")
    monkeypatch.delenv(server.VARIABLE, raising=False)
    monkeypatch.setattr(obtain, "can_download", lambda: pytest.fail("asked the network"))
    server.begin()
    assert not (empty_cache / "asked").exists()


def test_a_user_without_a_home_is_told_where_a_server_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert obtain.obtained() is None
    with pytest.raises(EngineUnavailable, match="no home folder"):
        obtain.obtain()
