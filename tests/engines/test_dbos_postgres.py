"""DBOS on PostgreSQL: a real server, and what it is left with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from harness.engines.dbos.embedded import PREFIX as FOLDERS
from harness.engines.dbos.embedded import Server
from harness.engines.dbos.engine import DbosEngine
from harness.engines.dbos.postgres import PREFIX, knock
from harness.engines.dbos.urls import is_ambiguous, scrubbed, with_database, with_login_of, without_password
from harness.errors import EngineUnavailable, UsageError
from harness.faults import FaultPlan
from harness.history import ServerChanged
from harness.journal import load
from harness.runner import open_bench
from harness.scenario import Scenario
from tests.engines.own_server import crashed

ROOT = Path(__file__).parents[2]
OWN = {"store": "postgres"}
SECRET = "hush%2Fhush"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    with psycopg.connect(server.url, autocommit=True) as door:
        door.execute("create role ada login createdb password 'hush/hush'")
        door.execute("create role bob login password 'hush/hush'")
        door.execute("create database shop")
        door.execute(f"create database {PREFIX}prod_1")
    hba = server.folder / "data" / "pg_hba.conf"
    hba.write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    with psycopg.connect(server.url, autocommit=True) as door:
        door.execute("select pg_reload_conf()")
    yield server
    server.close()


def databases(server: Server) -> set[str]:
    with psycopg.connect(server.url) as door:
        rows = door.execute("select datname from pg_database where datname not like 'template_'").fetchall()
    return {name for (name,) in rows}


THEIRS = {"postgres", "shop", f"{PREFIX}prod_1"}


def url(server: Server, user: str, password: str = SECRET, database: str = "shop") -> str:
    return with_database(server.url.replace("postgres@", f"{user}:{password}@"), database)


def test_a_session_leaves_the_server_as_it_found_it(server: Server, tmp_path: Path) -> None:
    with DbosEngine().session({"store": url(server, "ada")}, tmp_path) as session:
        store = session.store("r1", tmp_path)
        session.store("r2", tmp_path)
        assert len(databases(server) - THEIRS) == 3
        assert list(session.observe(store)) == []
        assert len(databases(server) - THEIRS) == 2
    assert databases(server) == THEIRS


def test_what_is_written_down_about_a_store_holds_no_password(server: Server, tmp_path: Path) -> None:
    given = url(server, "ada")
    with DbosEngine().session({"store": given}, tmp_path) as session:
        written = session.store("r1", tmp_path).values["url"]
    assert "hush" not in written
    assert with_login_of(written, given) == with_database(given, written.rpartition("/")[2])


def test_databases_of_a_killed_session_are_dropped_by_the_next(server: Server, tmp_path: Path) -> None:
    given = url(server, "ada")
    script = (
        "import os, sys, signal; from pathlib import Path; from harness.engines.dbos.engine import DbosEngine\n"
        f"with DbosEngine().session({{'store': {given!r}}}, Path({str(tmp_path)!r})) as session:\n"
        f"    session.store('r1', Path({str(tmp_path)!r})); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with DbosEngine().session({"store": given}, tmp_path) as living:
        living.store("r1", tmp_path)
        mine = databases(server)
        dead = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
        assert dead.returncode == -signal.SIGKILL
        assert len(databases(server) - mine) == 2
        with DbosEngine().session({"store": given}, tmp_path):
            assert mine < databases(server)
        assert databases(server) == mine


def test_a_crash_on_a_persons_own_server_is_recovered_from_and_leaves_it_as_it_was(
    server: Server, tmp_path: Path
) -> None:
    ran = crashed("dbos", "fixtures.agents.payments_step:agent", f"--store={url(server, 'ada')}", out=tmp_path)
    [finding] = ran["findings"]
    assert (ran["runs"][0]["incarnations"], finding["severity"]) == (2, "warning")  # the charge that was in flight
    assert "ada:***@" in finding["replay"]
    assert databases(server) == THEIRS
    for file in filter(Path.is_file, tmp_path.rglob("*")):
        assert b"hush" not in file.read_bytes(), file


BAD = {
    "wrong password": (lambda server: url(server, "ada", "guess"), "password authentication failed"),
    "no such database": (lambda server: url(server, "ada", database="nowhere"), 'database "nowhere" does not exist'),
    "may not create databases": (lambda server: url(server, "bob"), "permission denied to create database; grant"),
    "refused": (lambda server: "postgresql://ada:guess@127.0.0.1:1/shop", "Connection refused"),
    "another protocol": (lambda server: f"postgresql://ada:guess@127.0.0.1:{_deaf()}/shop", "invalid response"),
}


def _deaf() -> int:
    """A server of another protocol: it hangs up."""
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        while True:
            with listener.accept()[0] as caller:
                caller.recv(100)
                caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=hang_up, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize("case", BAD)
def test_a_server_that_cannot_be_used_is_one_sentence_without_the_password(
    server: Server, tmp_path: Path, case: str
) -> None:
    make, says = BAD[case]
    given = make(server)
    with pytest.raises(EngineUnavailable) as raised, DbosEngine().session({"store": given}, tmp_path):
        pass
    text = str(raised.value)
    assert says in text
    assert text.startswith(f"engine 'dbos' cannot use {without_password(given)}: ")
    assert "\n" not in text
    assert "guess" not in text
    assert "hush" not in text
    assert databases(server) == THEIRS


def test_a_server_that_cannot_be_used_is_told_before_anything_is_started(server: Server) -> None:
    assert DbosEngine().problems({"store": url(server, "ada")}) == []
    [said] = DbosEngine().problems({"store": url(server, "ada", "guess")})
    assert said.startswith(f"engine 'dbos' cannot use {without_password(url(server, 'ada'))}: password authentication")
    assert said.endswith("write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    assert "guess" not in said


def test_a_server_that_is_too_old_is_told_its_version(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.engines.dbos.postgres.OLDEST", 990000)
    [said] = DbosEngine().problems({"store": url(server, "ada")})
    assert re.search(r"needs PostgreSQL 99, and postgresql://ada@127.0.0.1:\d+/shop is \d\d$", said)


def test_a_server_of_the_users_is_not_ours_to_kill(server: Server, tmp_path: Path) -> None:
    with (
        DbosEngine().session({"store": url(server, "ada")}, tmp_path) as session,
        pytest.raises(UsageError, match="no server of ours to crash; use `store: postgres`"),
    ):
        session.server("kill")


def test_a_server_of_ours_comes_back_with_what_it_had(tmp_path: Path) -> None:
    with DbosEngine().session({"store": "postgres"}, tmp_path) as session:
        store = session.store("r1", tmp_path)
        with psycopg.connect(store.values["url"], autocommit=True) as run:
            run.execute("insert into dbos.application_versions (version_id, version_name) values ('1', 'acknowledged')")
        session.server("kill")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(store.values["url"])
        session.server("start")
        with psycopg.connect(store.values["url"]) as run:
            rows = run.execute("select version_name from dbos.application_versions").fetchall()
        assert rows == [("acknowledged",)]
        session.store("r2", tmp_path)


def test_a_server_of_ours_has_no_memory_that_outlives_its_death(server: Server) -> None:
    postmaster = (server.folder / "data" / "postmaster.pid").read_text("utf-8").split()[0]
    assert "/dev/shm/PostgreSQL" not in Path(f"/proc/{postmaster}/maps").read_text("utf-8")


def test_a_server_of_ours_outlives_the_threads_that_start_it() -> None:
    started: list[Server] = []

    def in_a_thread(start: Callable[[], object]) -> None:
        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
        time.sleep(0.5)  # more than the server needs to end when it is asked to

    in_a_thread(lambda: started.append(Server()))
    [server] = started
    try:
        knock(server.url).close()
        server.kill()
        in_a_thread(server.start)
        knock(server.url).close()
    finally:
        server.close()


def test_a_server_of_ours_dies_with_a_killed_harness_and_its_folder_goes_with_the_next(tmp_path: Path) -> None:
    script = (
        "import os, signal; from harness.engines.dbos.embedded import Server; server = Server()\n"
        "print(server.folder, server._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(_open_to_all(tmp_path))}
    dead = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert dead.returncode == -signal.SIGKILL
    folder, pid = dead.stdout.split()
    subprocess.run(["tail", f"--pid={pid}", "-f", os.devnull], timeout=20, check=True)
    assert Path(folder).name.startswith(FOLDERS)
    script = "from harness.engines.dbos.embedded import Server; Server().close()"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
    assert list(Path(environment["TMPDIR"]).iterdir()) == []


def _open_to_all(folder: Path) -> Path:
    """As root, the server runs as another user, who must be able to come here."""
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("store", "problem"),
    [
        (None, []),
        ("sqlite", []),
        ("postgres", []),
        ("mysql://localhost/x", ["`store` is 'sqlite', 'postgres' (a server of our own) or a URL postgresql://..."]),
        (7, ["`store` is 'sqlite', 'postgres' (a server of our own) or a URL postgresql://..."]),
    ],
)
def test_a_store_is_sqlite_our_own_server_or_a_url(store: object, problem: list[str]) -> None:
    assert DbosEngine().mistakes({"store": store}) == problem


@pytest.mark.parametrize("password", ["gu@ess", "gu/ess", "gu?ess", "gu#ess", "gu[ess", "a@gu/ess:7"])
def test_a_password_that_a_url_cannot_hold_is_refused_and_not_repeated(password: str) -> None:
    [said] = DbosEngine().mistakes({"store": f"postgresql://ada:{password}@db:5/shop"})
    assert said.startswith("the password in `store` (postgresql://ada@db:5/shop) holds")
    assert "%40" in said
    assert "ess" not in said


@pytest.mark.parametrize("place", ["db", "db:5", "[::1]:5", "a:1,b:2", ""])
def test_a_password_that_is_spelled_as_urls_want_it_is_taken(place: str) -> None:
    assert not is_ambiguous(f"postgresql://ada:gu%40e%2Fss@{place}/shop?host=/run")


def test_a_servers_own_words_are_repeated_without_the_password() -> None:
    given = "postgresql://ada:gu%40ess@db/shop?password=hush"
    assert scrubbed('no "gu@ess" (gu%40ess), no "hush" for ada', given) == 'no "***" (***), no "***" for ada'


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://ada:x@db:5/shop", "postgresql://ada@db:5/shop"),
        ("postgres://ada:x%40y@db/shop?sslmode=require", "postgresql://ada@db/shop?sslmode=require"),
        ("postgresql+psycopg://db/shop?password=x&user=ada", "postgresql://db/shop?user=ada"),
        ("postgresql:///shop?host=/run", "postgresql:///shop?host=/run"),
        ("postgresql://[::1]:5/shop", "postgresql://[::1]:5/shop"),
    ],
)
def test_a_url_is_shown_without_its_password_and_reaches_other_databases(given: str, shown: str) -> None:
    assert without_password(given) == shown
    other = with_database(given, "other")
    assert without_password(other) == shown.replace("/shop", "/other")
    assert with_login_of(without_password(other), given) == other


def test_runs_that_kill_the_server_do_it_to_no_other(tmp_path: Path) -> None:
    plans = ["crash(server)@tool:charge#1/between", "crash(server)@model#2/before", "", "crash(server)@model#1/between"]
    scenario = Scenario.make("crash", subject="fixtures.agents.payments_keyed:agent", engine="dbos", options=OWN)
    with open_bench(scenario, tmp_path) as bench, ThreadPoolExecutor(len(plans)) as pool:
        ran = list(pool.map(lambda plan: load(bench.run(FaultPlan.parse(plan)) / "journal.jsonl"), plans))

    assert [history.outcomes[1].status for history in ran] == ["ok"] * len(plans)
    assert [len(history.of(ServerChanged)) for history in ran] == [2, 2, 0, 2]
