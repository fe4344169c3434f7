"""Servers and engines that cannot be used, as a shell sees it: one sentence, exit code 2, and nothing left behind."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cli.shell import outcome
from tests.cli.conftest import SHOP, Shell


@pytest.fixture
def refusing() -> str:
    """An address at which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return f"127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def web(status: int, said: Any) -> Iterator[str]:
    """A web server that gives one answer to everything."""

    class Answer(BaseHTTPRequestHandler):
        timeout = 2  # whoever speaks another protocol may never finish a line

        def do_GET(self) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def another_protocol() -> Iterator[str]:
    with web(400, "Bad Request") as place:
        yield place


@pytest.fixture
def old_server() -> Iterator[str]:
    with web(200, "2.20.1") as place:
        yield place


@pytest.fixture
def starting() -> Iterator[str]:
    with web(503, "migrating") as place:
        yield place


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody listens at."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield str(listening.getsockname()[1])


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address at which somebody listens and never says a word; it is waited for less long than usual."""
    monkeypatch.setattr("harness.engines.dbos.postgres.CONNECT_SECONDS", 2)
    monkeypatch.setattr("harness.engines.prefect.api.SECONDS", 1.0)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


UNUSABLE = {
    "dbos refuses": ("dbos", "refusing", "--store=postgresql://ada:guess@{}/shop", "Connection refused"),
    "dbos another protocol": ("dbos", "another_protocol", "--store=postgresql://ada:guess@{}/x", "PostgreSQL listens"),
    "dbos never answers": ("dbos", "silent", "--store=postgresql://ada:guess@{}/x", "PostgreSQL listens"),
    "dbos a password that ends early": ("dbos", "refusing", "--store=postgresql://ada:gu@ess@{}/shop", "as %40"),
    "dbos another database": ("dbos", "refusing", "--store=mysql://ada:guess@{}/shop", "or a URL postgresql://"),
    "dbos a password left out": (
        "dbos",
        "refusing",
        "--store=postgresql://ada:***@{}/shop",
        "put the password",
    ),
    "prefect refuses": ("prefect", "refusing", "--api-url=http://{}/api", "no Prefect server answers"),
    "prefect never answers": ("prefect", "silent", "--api-url=http://{}/api", "no Prefect server answers"),
    "prefect another protocol": ("prefect", "another_protocol", "--api-url=http://{}/api", "is no Prefect API"),
    "prefect is too old": ("prefect", "old_server", "--api-url=http://{}/api", "is Prefect 2.20.1; supported are"),
    "prefect is starting": ("prefect", "starting", "--api-url=http://{}/api", "is starting or migrating: try again"),
    "prefect a login": ("prefect", "refusing", "--api-url=http://ada:guess@{}/api", "holds a login"),
    "temporal refuses": ("temporal", "refusing", "--address={}", "no Temporal server at"),
    "temporal another protocol": ("temporal", "another_protocol", "--address={}", "is no Temporal server"),
    "temporal no address": ("temporal", "refusing", "--address=http://{}/x", "HOST:PORT"),
    "temporal a port that is taken": ("temporal", "taken", "-otemporal.port={}", "cannot be used for the Temporal"),
}


@pytest.mark.usefixtures("_no_groundwork")
@pytest.mark.parametrize("case", UNUSABLE)
def test_a_server_that_cannot_be_used_is_one_sentence(
    case: str, request: pytest.FixtureRequest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    engine, fixture, option, says = UNUSABLE[case]
    given = option.format(request.getfixturevalue(fixture))
    before = psutil.Process().children(recursive=True)

    code = outcome(["sweep", SHOP, "-e", engine, given, "--out", str(tmp_path)])

    told = capfd.readouterr()
    assert (code, told.out) == (2, "")
    assert says in told.err
    assert len([line for line in told.err.splitlines() if "error" in line]) == 1
    assert "Traceback" not in told.err
    assert "guess" not in told.err
    assert "ess@" not in told.err
    assert list(tmp_path.iterdir()) == []
    assert psutil.Process().children(recursive=True) == before


MOVED = {
    "dbos a function": "from dbos import _core; del _core.invoke_step",
    "dbos a value": "from dbos import _dbos; del _dbos._dbos_global_instance",
    "prefect a function": "from prefect.results import ResultStore; del ResultStore.persist_result_record",
    "temporal a function": "from temporalio.bridge.worker import Worker; del Worker.complete_activity_task",
    "temporal what retries ask": "from temporalio.common import RetryPolicy; del RetryPolicy._validate",
}


@pytest.mark.parametrize("case", MOVED)
def test_a_private_name_that_an_upgrade_moved_is_told_with_the_versions_that_have_it(
    case: str, shell: Shell, tmp_path: Path
):
    engine, *_ = case.split()
    (tmp_path / "sitecustomize.py").write_text(MOVED[case] + "\n")
    out = tmp_path / "out"
    out.mkdir()
    ran = shell("sweep", SHOP, "-e", engine, "--out", str(out), env={"PYTHONPATH": str(tmp_path)})
    assert (ran.code, ran.out) == (2, "")
    assert f"engine {engine!r}" in ran.err
    assert "versions known to work" in ran.err
    assert "Traceback" not in ran.err
    assert list(out.iterdir()) == []


READ_BY_AUDITS = {
    "dbos": "from pydantic_ai.durable_exec import dbos; del dbos.DBOSAgent.__init__",
    "prefect": "from pydantic_ai.durable_exec import prefect; del prefect.PrefectAgent.__init__",
    "temporal": "from pydantic_ai.durable_exec.temporal import _model_errors as errors;"
    " del errors.model_errors_as_application_errors",
}


@pytest.mark.parametrize("engine", READ_BY_AUDITS)
def test_a_private_name_of_pydantic_ai_that_only_audits_read_is_told_by_an_audit(
    engine: str, shell: Shell, tmp_path: Path
):
    (tmp_path / "sitecustomize.py").write_text(READ_BY_AUDITS[engine] + "\n")
    ran = shell("audit", SHOP, "-e", engine, env={"PYTHONPATH": str(tmp_path)})
    assert (ran.code, ran.out) == (2, "")
    assert f"engine {engine!r} cannot be used with pydantic-ai" in ran.err
    assert "is gone; versions known to work: 2.59.0" in ran.err
    assert "Traceback" not in ran.err


def test_a_private_name_of_pydantic_ai_that_every_run_needs_is_told_with_the_version_that_has_it(
    shell: Shell, tmp_path: Path
):
    (tmp_path / "sitecustomize.py").write_text(
        "import pydantic_ai.durable_exec\n"  # it has moved for pydantic-ai itself, too
        "from pydantic_ai import _run_context\n"
        "del _run_context.get_current_run_context\n"
    )
    ran = shell("run", SHOP, "-e", "journal", "--out", str(tmp_path / "out"), env={"PYTHONPATH": str(tmp_path)})
    assert (ran.code, ran.out) == (2, "")
    assert "`pydantic_ai._run_context.get_current_run_context` is gone); versions known to work: 2.59.0" in ran.err
    assert "Traceback" not in ran.err


def test_a_private_name_of_pydantic_ai_that_only_shows_output_functions_is_a_note(shell: Shell, tmp_path: Path):
    (tmp_path / "sitecustomize.py").write_text("from pydantic_ai import _output; del _output.execute_output_function\n")
    ran = shell("run", SHOP, "-e", "journal", "--out", str(tmp_path / "out"), env={"PYTHONPATH": str(tmp_path)})
    assert ran.code == 0
    assert "runs output functions differently" in " ".join(ran.out.split())
