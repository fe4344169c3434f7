"""A Prefect server of the person's own: what is accepted as one, and what is said about everything else."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from harness.engines.prefect import api
from harness.engines.prefect.api import Api
from harness.engines.prefect.engine import OPTIONS, PrefectEngine
from harness.errors import EngineUnavailable


@contextmanager
def answering(status: int, body: Any) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An HTTP server that always says the same, and the headers that it was sent."""
    heard: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        do_POST = do_GET  # noqa: N815  the same

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def greeting() -> Iterator[str]:
    """A server of another protocol, which speaks first."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            taken, _ = listening.accept()
            with taken:
                taken.sendall(b"220 mail.example ESMTP\r\n")
                taken.recv(1000)

        thread = threading.Thread(target=greet)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        thread.join()


@contextmanager
def coming_back(row: dict[str, str]) -> Iterator[str]:
    """A server that hangs up on who asks first, as one does that is killed meanwhile; then it has one row."""
    answer = json.dumps([row]).encode()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            listening.accept()[0].close()
            taken, _ = listening.accept()
            with taken:
                taken.recv(10_000)
                taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        thread.join()


def problem(url: str) -> str:
    """The one sentence that is said about an address."""
    engine, options = PrefectEngine(), {"api_url": url}
    [said] = engine.mistakes(options) or engine.problems(options)
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:4200", "ftp://127.0.0.1/api", "", "http://", "postgresql://x/y", "http://[/api", "http://x:port/api"],
)
def test_an_address_that_is_no_http_address_is_refused_before_anybody_is_asked(url: str) -> None:
    assert "is no http address; give the address of its API, such as http://127.0.0.1:4200/api" in problem(url)


@pytest.mark.parametrize("login", ["ada:guess", "ada:gu@ess", "ada:gu/ess"])
def test_a_login_in_an_address_is_refused_and_not_repeated(login: str) -> None:
    said = problem(f"http://{login}@127.0.0.1:4200/api")
    assert "holds a login; leave it out, and set PREFECT_API_AUTH_STRING" in said
    assert "ess" not in said


def test_an_address_where_nobody_answers_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert problem(f"http://127.0.0.1:{port}/api").startswith(
        f"no Prefect server answers at http://127.0.0.1:{port}/api: connection refused"
    )


def test_a_name_that_does_not_exist_is_refused() -> None:
    assert "no Prefect server answers at http://nowhere.invalid/api" in problem("http://nowhere.invalid/api")


def test_another_protocol_is_refused() -> None:
    with greeting() as url:
        assert "speaks another protocol than a Prefect server's" in problem(url)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, {"detail": "Not Found"}, "is no Prefect API that lets us in: it answers 404"),
        (401, {}, "it answers 401; set PREFECT_API_AUTH_STRING or PREFECT_API_KEY"),
        (200, b"<html>", "speaks another protocol"),
        (200, {"version": "3.8.8"}, "answers, but not as a Prefect server does"),
        (200, "hello", "answers, but not as a Prefect server does"),
        (200, "2.20.1", "is Prefect 2.20.1; supported are 3.7 and later versions of Prefect 3"),
        (200, "3.1.0", "is Prefect 3.1.0; supported are 3.7 and later"),
        (200, "4.0.0", "is Prefect 4.0.0; supported are"),
    ],
    ids=["elsewhere", "locked", "html", "another JSON", "another text", "2", "too old", "too new"],
)
def test_what_is_no_server_of_a_supported_version_is_refused(status: int, body: Any, says: str) -> None:
    with answering(status, body) as (url, _):
        assert says in problem(url)


def test_a_server_that_is_coming_back_is_asked_again() -> None:
    with coming_back({"name": "r1"}) as url:
        assert Api(url).flow_runs(["r1"]) == [{"name": "r1"}]


def test_a_server_that_does_not_come_back_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(EngineUnavailable, match="has stopped answering: connection refused"):
        Api(f"http://127.0.0.1:{port}/api").flow_runs(["r1"])


def test_a_server_that_refuses_is_not_asked_again() -> None:
    refused = pytest.raises(EngineUnavailable, match="it answers 503, perhaps because it is starting")
    with answering(503, {}) as (url, heard), refused:
        Api(url).flow_runs(["r1"])

    assert len(heard) == 1


def test_a_server_of_a_supported_version_is_accepted_with_or_without_a_slash() -> None:
    with answering(200, "3.8.8") as (url, _):
        assert PrefectEngine().problems({"api_url": url}) == []
        assert PrefectEngine().problems({"api_url": url + "/"}) == []


@pytest.mark.parametrize(
    ("environ", "header"),
    [
        ({}, None),
        ({"PREFECT_API_KEY": "pnu_1"}, "Bearer pnu_1"),
        ({"PREFECT_API_AUTH_STRING": "admin:secret"}, "Basic YWRtaW46c2VjcmV0"),
    ],
    ids=["open", "key", "password"],
)
def test_keys_are_taken_from_prefects_usual_variables(environ: dict[str, str], header: str | None) -> None:
    with answering(200, "3.8.8") as (url, heard):
        Api(url, environ).version()
    assert heard[0].get("Authorization") == header


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"shop": 1},
            f"engine 'prefect' has no option 'shop'; it has {', '.join(OPTIONS)}",
        ),
        ({"flow_retries": -1}, "option flow_retries of engine 'prefect' is a whole number from 0, not -1"),
        ({"flow_retries": True}, "is a whole number from 0, not True"),
        ({"flow_timeout": 0}, "option flow_timeout of engine 'prefect' is a number of seconds above 0, not 0"),
        ({"flow_timeout": "soon"}, "is a number of seconds above 0, not 'soon'"),
        ({"persist_results": "no"}, "option persist_results of engine 'prefect' is true or false, not 'no'"),
        ({"own_server": 1}, "option own_server of engine 'prefect' is true or false, not 1"),
    ],
    ids=["unknown", "negative", "a truth value", "no time", "a word", "a text", "a number"],
)
def test_an_option_that_makes_no_sense_is_a_mistake(options: dict[str, Any], says: str) -> None:
    [said] = PrefectEngine().mistakes(options)
    assert says in said
