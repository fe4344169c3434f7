"""A server of the person's own: what is said when it is not there, is something else, or lacks the namespace."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engines.temporal import greeting, server
from harness.engines.temporal.engine import TemporalEngine
from harness.engines.temporal.server import Server
from tests.engines.own_server import crashed


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    one = Server(server.program({}), tmp_path_factory.mktemp("server"))
    one.start()
    yield one.address
    one.close()


def problems(address: str, **options: str) -> list[str]:
    asked = {"address": address, **options}
    return TemporalEngine().mistakes(asked) or TemporalEngine().problems(asked)


def test_a_server_of_the_persons_own_is_used_as_it_is(address: str, tmp_path: Path) -> None:
    assert problems(address) == []
    with TemporalEngine().session({"address": address}, tmp_path) as session:
        assert session.store("run", tmp_path).values["address"] == address
    assert list(tmp_path.iterdir()) == []


def test_a_crash_on_a_persons_own_server_is_recovered_from_and_leaves_it_up(address: str, tmp_path: Path) -> None:
    ran = crashed("temporal", "tests.cli.shop:agent", f"--address={address}", out=tmp_path)
    assert ran["runs"][0]["incarnations"] == 2
    greeting.check.cache_clear()
    assert problems(address) == []


def test_a_namespace_that_is_not_there_is_named_with_the_command_that_makes_it(address: str) -> None:
    [problem] = problems(address, namespace="payments")
    assert "has no namespace 'payments'" in problem
    assert "temporal operator namespace create payments" in problem


@pytest.mark.parametrize("text", ["localhost", "localhost:", ":7233", "localhost:port", "localhost:99999"])
def test_what_is_no_address_is_refused(text: str) -> None:
    [problem] = TemporalEngine().mistakes({"address": text})
    assert "HOST:PORT" in problem


def test_an_address_that_refuses_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    [problem] = problems(f"127.0.0.1:{port}")
    assert f"no Temporal server at 127.0.0.1:{port}: Connection refused" in problem


def test_another_protocol_is_recognised() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        [problem] = problems(f"127.0.0.1:{web.server_port}")
        web.shutdown()
        thread.join()
    assert problem.endswith(
        "is no Temporal server (it answers in another protocol, or wants TLS); give the address of one"
    )


def test_a_server_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        [problem] = problems(f"127.0.0.1:{silent.getsockname()[1]}")
    assert "is no Temporal server" in problem


def test_a_server_that_is_too_old_is_told_its_version(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    greeting.check.cache_clear()
    monkeypatch.setattr(greeting, "OLDEST_SERVER", (99, 0))
    [problem] = problems(address)
    greeting.check.cache_clear()
    assert "99.0 or later is needed" in problem


def test_every_wrong_option_is_told(address: str) -> None:
    told = TemporalEngine().mistakes({"adress": address, "sandbox": "off", "port": "http"})
    assert len(told) == 3
