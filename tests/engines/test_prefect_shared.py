"""The server that sessions have in common: who starts it, who ends it, and what a death in between leaves behind.

The keeper, the sessions, the sockets and the deaths are real; the server behind them is a small program that says that
it is Prefect, because to import the real one takes seconds (`test_prefect_server.py` does).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import psutil
import pytest

from harness.engines.prefect import engine, keeper, shared
from harness.engines.prefect.api import Api
from harness.engines.prefect.engine import PrefectEngine, PrefectSession
from harness.engines.prefect.server import Server
from harness.engines.prefect.shared import Shared, Unanswered, meeting_point
from harness.errors import EngineUnavailable, UsageError
from tests.engines.own_cache import names, new_in, own_cache

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
HOST = """
import http.server, json, sys, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'"3.8.8"')

    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
while sys.stdin.readline():
    print(json.dumps({"port": server.server_port}), flush=True)
"""
DIES = "import sys; sys.exit('no luck today')"
REFUSES = 'print(\'{"error": "no luck today"}\', flush=True); input()'
HANGS = "import time; time.sleep(100)"
SESSION = """
import sys
from pathlib import Path
from harness.engines.prefect import shared

shared.KEEPER = Path(sys.argv[1])
here = shared.Shared(Path(sys.argv[2]))
print(here.url(), flush=True)
sys.stdin.read()
here.close()
"""


@dataclass
class House:
    """A cache folder of its own, a keeper whose host is not the real one, and sessions that come and go."""

    folder: Path
    environ: dict[str, str]
    sessions: list[subprocess.Popen[str]] = field(default_factory=list)

    def host(self, program: str) -> None:
        """What the keepers run that start from now on."""
        (self.folder / "host.py").write_text(program)

    def session(self) -> subprocess.Popen[str]:
        """A session in a process of its own, that ends when its input does."""
        command = [sys.executable, "-c", SESSION, str(self.folder / "keeper.py"), str(self.folder / "session")]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.sessions.append(subprocess.Popen(command, cwd=ROOT, env=self.environ, text=True, **pipes))
        return self.sessions[-1]

    def here(self) -> Shared:
        """A session in this process."""
        return Shared(self.folder / "here", self.environ)

    def keepers(self) -> list[psutil.Process]:
        """What runs in this house besides sessions."""
        sessions = [session.pid for session in self.sessions]
        return [process for process in names(self.folder) if process.pid not in sessions]

    def is_empty(self) -> bool:
        """Whether soon no process runs and no file is left here, but the lock that the next one will take."""
        deadline = time.monotonic() + PATIENCE
        while (self.keepers() or self.files() != ["prefect.lock"]) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.keepers() and self.files() == ["prefect.lock"]

    def files(self) -> list[str]:
        return new_in(self.folder)

    def close(self) -> None:
        for process in [*self.sessions, *self.keepers()]:
            process.kill()
        for session in self.sessions:
            session.wait()
            assert session.stdout is not None
            session.stdout.close()


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with own_cache() as folder:
        (folder / "keeper.py").write_text(Path(keeper.__file__).read_text())
        monkeypatch.setattr(shared, "KEEPER", folder / "keeper.py")
        made = House(folder, {**os.environ, "XDG_CACHE_HOME": str(folder)})
        made.host(HOST)
        yield made
        made.close()


def said(session: subprocess.Popen[str]) -> str:
    assert session.stdout is not None
    return session.stdout.readline().strip()


def leave(session: subprocess.Popen[str]) -> None:
    assert session.stdin is not None
    session.stdin.close()
    assert session.wait() == 0


def test_sessions_that_begin_at_once_have_one_server_and_the_last_one_ends_it(house: House) -> None:
    sessions = [house.session() for _ in range(3)]
    [url] = {said(session) for session in sessions}
    for session in sessions:
        assert Api(url, {}).version() == "3.8.8"
        leave(session)
    assert house.is_empty()
    with pytest.raises(EngineUnavailable, match="no Prefect server answers"):
        Api(url, {}).version()


def test_a_killed_session_takes_nothing_from_the_others_and_the_last_ones_death_ends_everything(house: House) -> None:
    first = house.session()
    url = said(first)
    others = [house.session() for _ in range(2)]
    assert [said(session) for session in others] == [url, url]
    for session in (first, others[0]):  # the first one has started the server
        session.kill()
        session.wait()
    assert Api(url, {}).version() == "3.8.8"
    others[1].kill()
    assert house.is_empty()


def test_when_close_returns_to_the_last_session_everything_is_gone(house: House) -> None:
    one, other = house.here(), house.here()
    assert one.url() == other.url()
    one.close()
    assert Api(other.url(), {}).version() == "3.8.8"
    other.close()
    assert house.files() == ["prefect.lock"]
    assert house.keepers() == []


def test_a_session_that_never_asked_for_its_server_ends_it_too(house: House) -> None:
    house.host(HANGS)
    house.here().close()
    assert house.files() == ["prefect.lock"]


def test_what_a_killed_keeper_leaves_is_cleared_away_by_the_next_session(house: House) -> None:
    one = house.here()
    one.url()
    [found] = [each for each in house.keepers() if str(house.folder / "keeper.py") in each.cmdline()]
    found.kill()
    one.close()
    assert len(house.files()) == 3
    other = house.here()
    assert Api(other.url(), {}).version() == "3.8.8"
    other.close()
    assert house.is_empty()


def test_whoever_comes_while_the_last_one_goes_starts_a_server_of_his_own(house: House) -> None:
    point = meeting_point(house.environ)
    with socket.socket(socket.AF_UNIX) as going:
        going.bind(f"{point}.door")
        going.listen()
        late = house.here()
        Path(f"{point}.door").unlink()
    assert Api(late.url(), {}).version() == "3.8.8"
    late.close()
    assert house.is_empty()


def test_sessions_that_come_and_go_all_the_time_always_have_a_server(house: House) -> None:
    def come_and_go(_number: int) -> str:
        session = house.here()
        version = Api(session.url(), {}).version()
        session.close()
        return version

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(come_and_go, range(9))) == {"3.8.8"}
    assert house.is_empty()


@pytest.mark.parametrize(
    ("program", "patience", "says"),
    [
        (DIES, PATIENCE, "no luck today"),
        (REFUSES, PATIENCE, "no luck today"),
        (HANGS, 1.0, "it did not begin to serve in 1 seconds"),
    ],
    ids=["dies", "refuses", "hangs"],
)
def test_a_server_that_cannot_begin_is_one_sentence_and_the_next_session_can_start_it(
    house: House, monkeypatch: pytest.MonkeyPatch, program: str, patience: float, says: str
) -> None:
    monkeypatch.setattr(shared, "PATIENCE", patience)
    house.host(program)
    one, other = house.here(), house.here()
    for session in (one, other):
        with pytest.raises(EngineUnavailable, match=rf"cannot start its server: {says} \(log: .*\)$"):
            session.url()
        session.close()
    assert house.is_empty()

    monkeypatch.setattr(shared, "PATIENCE", PATIENCE)
    house.host(HOST)
    session = house.here()
    assert Api(session.url(), {}).version() == "3.8.8"
    session.close()


def test_a_server_that_is_there_and_does_not_answer_is_nobodys(house: House) -> None:
    house.host(HOST.replace("server.server_port", "1"))
    session = house.here()
    with pytest.raises(Unanswered):
        session.url()
    session.close()
    assert house.is_empty()


# Who shares, and who does not.


@pytest.mark.parametrize(
    ("variables", "alike"),
    [
        ({"TERM": "dumb"}, True),
        ({"PREFECT_API_URL": "http://127.0.0.1:4200/api", "PREFECT_HOME": "/somewhere"}, True),
        ({"PREFECT_TASK_RUN_TAG_CONCURRENCY_SLOT_WAIT_SECONDS": "1"}, False),
    ],
    ids=["another variable", "a server and a home of the person's", "how tasks behave"],
)
def test_sessions_meet_that_would_start_the_same_server(variables: dict[str, str], alike: bool, tmp_path: Path) -> None:
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    assert (meeting_point({**environ, **variables}) == meeting_point(environ)) is alike


def test_where_sessions_cannot_meet_each_has_a_server_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    deep = tmp_path / ("deep" * 25)
    for place in (file, deep):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        with PrefectEngine().session({}, tmp_path / "session") as session:
            assert isinstance(session._server, Server)


def test_a_session_that_asks_for_it_has_a_server_of_its_own(tmp_path: Path) -> None:
    with PrefectEngine().session({"own_server": True}, tmp_path) as session:
        assert isinstance(session._server, Server)


class Stub(Server):
    """A server of one session that takes down what is done to it."""

    made: ClassVar[list[Stub]] = []

    def __init__(self, folder: Path) -> None:
        self.done: list[str] = []
        self.made.append(self)

    def url(self) -> str:
        return "http://own/api"

    def kill(self) -> None:
        self.done.append("kill")

    def start(self) -> None:
        self.done.append("start")

    def close(self) -> None:
        self.done.append("close")


@dataclass
class Common:
    """A share in a server."""

    answers: bool = True

    def url(self) -> str:
        if not self.answers:
            raise Unanswered
        return "http://common/api"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Stub]:
    monkeypatch.setattr(Stub, "made", [])
    return Stub.made


def test_only_a_run_that_harms_the_server_is_given_another_one_and_only_that_one_is_harmed(
    made: list[Stub], tmp_path: Path
) -> None:
    session = PrefectSession(cast(Shared, Common()), lambda: Stub(tmp_path))
    assert session.store("1", tmp_path).values["api_url"] == "http://common/api"
    assert made == []
    stores = [session.store_apart(number, tmp_path) for number in ("2", "3")]
    assert {store.values["api_url"] for store in stores} == {"http://own/api"}
    assert {store.quiet for store in stores} == {engine.WARMING_UP}
    session.server("kill")
    session.server("start")
    assert [one.done for one in made] == [["kill", "start"]]
    assert session.store("4", tmp_path).values["api_url"] == "http://common/api"


def test_a_session_whose_common_server_does_not_answer_has_one_of_its_own(made: list[Stub], tmp_path: Path) -> None:
    session = PrefectSession(cast(Shared, Common(answers=False)), lambda: Stub(tmp_path))
    stores = [session.store("1", tmp_path), session.store("2", tmp_path), session.store_apart("3", tmp_path)]
    assert {store.values["api_url"] for store in stores} == {"http://own/api"}
    assert len(made) == 1


def test_a_run_that_harms_a_persons_own_server_is_on_it_and_the_harm_is_refused(tmp_path: Path) -> None:
    session = PrefectSession("http://theirs/api")
    assert session.store_apart("1", tmp_path).values["api_url"] == "http://theirs/api"
    with pytest.raises(UsageError, match="is yours and not ours to kill"):
        session.server("kill")
