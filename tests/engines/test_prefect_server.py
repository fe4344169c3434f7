"""A server of one session, and one that several share: where it comes from, how it dies, and that nothing stays."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from harness.engines.prefect import host, server
from harness.engines.prefect.api import Api
from harness.engines.prefect.engine import PrefectEngine
from harness.engines.prefect.server import Server, template
from harness.engines.prefect.shared import Shared
from harness.engines.prefect.versions import installed
from harness.errors import EngineUnavailable, UsageError
from tests.engines.own_cache import names, new_in, own_cache
from tests.engines.own_server import crashed

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("session"))
    yield made
    made.close()


def gone(folder: Path) -> bool:
    """Whether every process of a folder ends soon."""
    deadline = time.monotonic() + PATIENCE
    while names(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not names(folder)


GATHERED = """
import inspect, os
from harness.engines.prefect import home, host
home.replace(os.environ, home.of_zygote(os.environ))
from prefect.server.services import task_run_recorder as recorder
known = inspect.signature(recorder.consumer)
def consumer(write_batch_size, flush_every, max_persist_retries):
    return write_batch_size, flush_every, max_persist_retries
assert list(inspect.signature(consumer).parameters) == list(known.parameters)
recorder.consumer = consumer
host.record_together()
print(*recorder.consumer(write_batch_size=1, flush_every=5, max_persist_retries=7))
recorder.consumer = other = lambda: None
host.record_together()
print(recorder.consumer is other)
"""


def test_changes_of_task_runs_are_written_together_by_a_version_that_can() -> None:
    # In a process of its own: Prefect must find its variables before it is imported.
    done = subprocess.run([sys.executable, "-c", GATHERED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["500 0.05 7", "True"]


def test_flow_runs_that_begin_together_are_all_taken_at_their_first_request(running: Server) -> None:
    # Of a server that reads before it has its turn to write, a third of these are refused ("Service Unavailable").
    url = running.url()
    flow = httpx.post(f"{url}/flows/", json={"name": "together"}).json()["id"]

    def create(number: int) -> int:
        run = {"flow_id": flow, "name": f"together-{number}", "state": {"type": "PENDING"}}
        return httpx.post(f"{url}/flow_runs/", json=run, timeout=PATIENCE).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(create, range(32))) == {201}


def test_what_the_server_answers_is_sent_at_once() -> None:
    async def is_sent_at_once() -> bool:
        told: asyncio.Queue[bool] = asyncio.Queue()

        async def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            await told.put(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
            writer.close()

        serving = await asyncio.start_server(connected, sock=host.listen(0))
        async with serving:
            _, writer = await asyncio.open_connection(*serving.sockets[0].getsockname())
            said = await told.get()
            writer.close()
        return said

    assert asyncio.run(is_sent_at_once())


def test_a_port_that_is_taken_is_refused() -> None:
    with host.listen(0) as taken, pytest.raises(OSError, match="in use"):
        host.listen(taken.getsockname()[1])


def test_a_server_answers_with_the_version_that_is_installed(running: Server) -> None:
    assert Api(running.url()).version() == installed()


def test_a_killed_server_refuses_and_a_started_one_answers_at_the_same_address(running: Server) -> None:
    api = Api(running.url())
    running.kill()
    with pytest.raises(EngineUnavailable, match="no Prefect server answers at"):
        api.version()
    running.start()
    assert running.url() == api.url
    assert api.version() == installed()


def test_killing_what_is_dead_and_starting_what_lives_do_nothing(running: Server) -> None:
    for act in (running.start, running.kill, running.kill, running.start):
        act()
    assert Api(running.url()).version() == installed()


def test_two_servers_at_once_are_apart(running: Server, tmp_path: Path) -> None:
    other = Server(tmp_path / "other")
    try:
        assert other.url() != running.url()
        other.kill()
        assert Api(running.url()).version() == installed()
    finally:
        other.close()


def test_a_closed_server_leaves_no_process_behind(tmp_path: Path) -> None:
    made = Server(tmp_path)
    made.url()
    assert names(tmp_path)
    made.close()
    assert names(tmp_path) == []


def test_a_session_that_nobody_used_leaves_no_process_behind(tmp_path: Path) -> None:
    with PrefectEngine().session({}, tmp_path):
        pass
    assert names(tmp_path) == []


SHARING = """
import sys, time
from pathlib import Path
from harness.engines.prefect.shared import Shared
print(Shared(Path(sys.argv[1])).url(), flush=True)
time.sleep(100)
"""


def test_a_server_that_sessions_share_outlives_who_started_it_and_goes_with_the_last(tmp_path: Path) -> None:
    with own_cache() as folder:
        environ = {**os.environ, "XDG_CACHE_HOME": str(folder)}
        command = [sys.executable, "-c", SHARING, str(tmp_path)]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environ, text=True)
        mine = Shared(tmp_path / "mine", environ)
        try:
            assert other.stdout is not None
            assert other.stdout.readline().strip() == mine.url()
            other.kill()
            other.wait()
            assert Api(mine.url()).version() == installed()
        finally:
            other.kill()
            other.communicate()
            mine.close()
        assert new_in(folder) == [f"prefect-{installed()}.lock", "prefect.lock"]
        assert gone(folder)


@pytest.mark.parametrize("whose", ["harness", "host"])
def test_a_server_ends_when_the_harness_or_its_own_host_is_killed(whose: str, tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from harness.engines.prefect.server import Server;"
        " made = Server(Path(sys.argv[1])); print(made.url(), made._host.pid, flush=True); time.sleep(100)"
    )
    harness = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert harness.stdout is not None
        url, pid = harness.stdout.readline().split()
        assert Api(url).version() == installed()
        os.kill(harness.pid if whose == "harness" else int(pid), signal.SIGKILL)
        if whose == "host":
            harness.kill()
        harness.wait()
        assert gone(tmp_path)
    finally:
        harness.kill()
        harness.communicate()


def test_a_port_that_somebody_took_meanwhile_is_said(tmp_path: Path) -> None:
    made = Server(tmp_path)
    try:
        port = int(made.url().split(":")[2].partition("/")[0])
        made.kill()
        with socket.create_server(("127.0.0.1", port)), pytest.raises(EngineUnavailable, match="cannot be used again"):
            made.start()
        made.start()
        assert Api(made.url()).version() == installed()
    finally:
        made.close()


def test_a_host_that_cannot_begin_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "template", lambda folder: folder / "prefect-server.log" / "template.sqlite")
    made = Server(tmp_path)
    try:
        with pytest.raises(EngineUnavailable, match=r"cannot start its server: .*prefect-server\.log"):
            made.url()
    finally:
        made.close()


def test_a_persons_own_server_is_not_ours_to_kill(running: Server) -> None:
    theirs = PrefectEngine().session({"api_url": running.url()}, Path("/nowhere"))
    with theirs as session, pytest.raises(UsageError, match="is yours and not ours to kill"):
        session.server("kill")


def test_two_sessions_on_one_server_of_a_person_run_under_two_names_and_leave_it_up(
    running: Server, tmp_path: Path
) -> None:
    options = {"api_url": running.url()}
    with PrefectEngine().session(options, tmp_path) as one, PrefectEngine().session(options, tmp_path) as other:
        stores = [session.store("run-1", tmp_path).values for session in (one, other)]
    assert {store["api_url"] for store in stores} == {running.url()}
    assert len({store["name"] for store in stores}) == 2
    assert PrefectEngine().problems(options) == []


def test_a_crash_on_a_persons_own_server_is_recovered_from_and_leaves_it_up(running: Server, tmp_path: Path) -> None:
    ran = crashed("prefect", "tests.cli.shop:agent", f"--api-url={running.url()}", out=tmp_path)
    assert ran["runs"][0]["incarnations"] == 2
    assert PrefectEngine().problems({"api_url": running.url()}) == []


# The template.


def test_the_template_is_in_the_users_cache_folder_or_with_the_session(tmp_path: Path) -> None:
    name = f"prefect-{installed()}.sqlite"
    assert template(tmp_path, {"XDG_CACHE_HOME": str(tmp_path / "cache")}) == tmp_path / "cache/durable-harness" / name
    file = tmp_path / "file"
    file.touch()
    assert template(tmp_path, {"XDG_CACHE_HOME": str(file)}) == tmp_path / name


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no database at all", "empty"],
    ids=["missing", "nothing", "another file", "a database without migrations"],
)
def test_a_template_that_is_not_whole_is_made_again(content: bytes | str | None, tmp_path: Path) -> None:
    path = tmp_path / "template.sqlite"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        with sqlite3.connect(path) as connection:
            connection.execute("create table alembic_version (version_num text)")
        connection.close()
    assert not host.is_migrated(path)


def test_the_template_that_the_servers_here_were_made_from_is_whole(running: Server, tmp_path: Path) -> None:
    running.url()
    assert host.is_migrated(template(tmp_path))


def test_a_session_waits_while_another_one_makes_the_template_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "template.sqlite"
    holder = os.fork()
    if holder == 0:
        with host._locked(path.with_suffix(".lock")):
            path.with_suffix(".draft").touch()  # half a template
            path.with_suffix(".held").touch()
            time.sleep(100)
    while not path.with_suffix(".held").exists():
        time.sleep(0.01)
    with path.with_suffix(".lock").open("w") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    with host._locked(path.with_suffix(".lock")):
        host._clear(path.with_suffix(".draft"))
    assert not path.with_suffix(".draft").exists()


def test_a_harness_that_is_killed_while_the_template_is_made_takes_everything_with_it(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from harness.engines.prefect.server import Server; "
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    harness = subprocess.Popen(
        [sys.executable, "-c", code + "Server(Path(sys.argv[1])).url()", str(tmp_path)], cwd=ROOT, env=environ
    )
    draft = template(tmp_path, environ).with_suffix(".draft")
    deadline = time.monotonic() + PATIENCE
    while not draft.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    harness.kill()
    harness.wait()
    assert gone(tmp_path)
    assert not host.is_migrated(draft.with_suffix(".sqlite"))
