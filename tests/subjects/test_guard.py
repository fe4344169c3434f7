"""The guard is there for good once it is on, so each test puts it on in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from harness.subjects import guard

Run = Callable[..., Any]


@pytest.fixture
def guarded() -> Run:
    """Run a body of Python in a guarded process and return the value that it left in `result`."""

    def run(body: str, *, environment: dict[str, str] | None = None, **protect: Any) -> Any:
        code = "\n".join(
            [
                "import asyncio, json, os, socket, threading",
                "from harness.subjects import guard",
                f"guard.protect(**{protect!r})",
                "def refused(call):",
                "    try: call()",
                "    except guard.LeavesMachine as error: return str(error)",
                "    except OSError as error: return 'not refused: ' + type(error).__name__",
                "    return 'not refused'",
                body,
                "print(json.dumps(result))",
            ]
        )
        clean = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_TOKEN"))}
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            env={**clean, **(environment or {})},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


# TEST-NET-1 (RFC 5737): no machine has this address, so a call that gets past the guard does no harm.
ATTEMPTS = {
    "connect": "socket.socket().connect(('192.0.2.1', 443))",
    "connect without an error": "socket.socket().connect_ex(('192.0.2.1', 443))",
    "connect over IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
    "create_connection": "socket.create_connection(('192.0.2.1', 443))",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 443))",
    "message": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 443))",
    "asyncio": "asyncio.run(asyncio.open_connection('192.0.2.1', 443))",
    "httpx2": "__import__('httpx2').get('https://192.0.2.1:443/')",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_another_machine_is_not_reached(attempt: str, guarded: Run) -> None:
    message = guarded(
        "import httpx2\n"
        f"def attempt(): return {attempt}\n"
        "try: result = refused(attempt)\n"
        "except httpx2.ConnectError as error: result = str(error)"
    )

    assert "does not let a subject leave this machine" in message
    assert "192.0.2.1:443" in message or "2001:db8::1:443" in message


LOOKUPS = {
    "getaddrinfo": "socket.getaddrinfo('api.example.com', 443)",
    "gethostbyname": "socket.gethostbyname('api.example.com')",
    "create_connection": "socket.create_connection(('api.example.com', 443))",
    "asyncio": "asyncio.run(asyncio.open_connection('api.example.com', 443))",
    "thread": "asyncio.run(asyncio.to_thread(socket.getaddrinfo, 'api.example.com', 443))",
}


@pytest.mark.parametrize("attempt", LOOKUPS.values(), ids=LOOKUPS.keys())
def test_another_machines_name_is_not_looked_up(attempt: str, guarded: Run) -> None:
    assert "tried to reach api.example.com" in guarded(f"result = refused(lambda: {attempt})")


LOCAL = {
    "IPv4": "('127.0.0.1', port)",
    "any loopback address": "('127.0.0.2', port)",
    "name": "('localhost', port)",
}


@pytest.mark.parametrize("address", LOCAL.values(), ids=LOCAL.keys())
def test_servers_on_this_machine_are_reached(address: str, guarded: Run) -> None:
    assert guarded(
        "server = socket.socket(); server.bind(('0.0.0.0', 0)); server.listen(); port = server.getsockname()[1]\n"
        f"result = refused(lambda: socket.create_connection({address}))"
    ) == "not refused"  # fmt: skip


def test_unix_sockets_and_pairs_work(guarded: Run, tmp_path: Any) -> None:
    assert guarded(
        f"path = {str(tmp_path / 's')!r}\n"
        "server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen()\n"
        "result = refused(lambda: (socket.socketpair(), socket.socket(socket.AF_UNIX).connect(path)))"
    ) == "not refused"  # fmt: skip


def test_an_allowed_host_is_let_through(guarded: Run) -> None:
    results = guarded(
        "connect = lambda host: refused(lambda: (s := socket.socket(), s.settimeout(0.05), s.connect((host, 9))))\n"
        "result = [connect('192.0.2.1'), connect('192.0.2.2')]",
        allow_hosts=["192.0.2.1"],
    )

    assert results[0].startswith("not refused")
    assert "192.0.2.2:9" in results[1]


def test_an_allowed_name_lets_its_addresses_through(guarded: Run) -> None:
    results = guarded(
        "resolve = socket.getaddrinfo\n"
        "socket.getaddrinfo = lambda host, *rest: resolve('192.0.2.7' if host == 'db.mine' else host, *rest)\n"
        "connect = lambda host: refused(lambda: (s := socket.socket(), s.settimeout(0.05), s.connect((host, 9))))\n"
        "result = [connect('192.0.2.7'), connect('192.0.2.8')]",
        allow_hosts=["db.mine"],
    )

    assert results[0].startswith("not refused")
    assert "192.0.2.8:9" in results[1]


def test_a_fork_and_a_thread_are_guarded_too(guarded: Run) -> None:
    results = guarded(
        "attempt = lambda: refused(lambda: socket.socket().connect(('192.0.2.1', 443)))\n"
        "read, write = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.write(write, attempt().encode()); os._exit(0)\n"
        "os.wait()\n"
        "found = []\n"
        "thread = threading.Thread(target=lambda: found.append(attempt())); thread.start(); thread.join()\n"
        "result = [os.read(read, 1000).decode(), *found]"
    )

    assert all("192.0.2.1:443" in text for text in results)


def test_pydantic_ai_makes_no_requests(guarded: Run) -> None:
    assert guarded("from pydantic_ai import models; result = models.ALLOW_MODEL_REQUESTS") is False


def test_keys_that_are_set_are_left_alone(guarded: Run) -> None:
    keys = guarded(
        "result = [os.environ.get(name) for name in ('OPENAI_API_KEY', 'GOOGLE_API_KEY', 'ANTHROPIC_API_KEY')]",
        environment={"OPENAI_API_KEY": "mine", "GEMINI_API_KEY": "mine"},
    )

    # pydantic-ai warns when it sees both of Google's
    assert keys == ["mine", None, guard.DUMMY]


def test_telemetry_is_switched_off() -> None:
    environ = {"LOGFIRE_TOKEN": "t", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x", "OTEL_SERVICE_NAME": "mine"}

    guard.shield(environ)

    assert environ["OTEL_SERVICE_NAME"] == "mine"
    assert environ["LOGFIRE_SEND_TO_LOGFIRE"] == "false"
    assert not environ.keys() & {"LOGFIRE_TOKEN", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}


def test_logfire_is_configured_without_a_token_and_without_threads(guarded: Run) -> None:
    threads = guarded(
        "import logfire; logfire.configure(); logfire.info('x')\nresult = len(os.listdir('/proc/self/task'))",
        environment={"LOGFIRE_TOKEN": "secret"},
    )

    assert threads == 1
