"""The guard is there for good once it is on, so whatever needs it happens in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.subjects import guard

Run = Callable[..., Any]
ROOT = Path(__file__).parents[2]

HEAD = """
import asyncio, json, os, socket, threading
from harness.subjects import guard

def refused(call):
    try: call()
    except guard.LeavesMachine as error: return str(error)
    except OSError as error: return f'not refused: {type(error).__name__}'
    except Exception as error: return f'{type(error).__name__}: {error}'
    return 'not refused'
"""


def run(body: str, *, environment: dict[str, str] | None = None, **protect: Any) -> Any:
    """Run Python in a guarded process and return the value that it left in `result`."""
    code = "\n".join([HEAD, f"guard.protect(**{protect!r})", body, "print(json.dumps(result))"])
    clean = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_TOKEN"))}
    variables = {**clean, "PYTHONPATH": str(ROOT), **(environment or {})}
    done = subprocess.run([sys.executable, "-c", code], check=False, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# TEST-NET-1 (RFC 5737): no machine has this address, so a call that gets past the guard does no harm.
CONNECTING = {
    "connect": "socket.socket().connect(('192.0.2.1', 443))",
    "connect without an error": "socket.socket().connect_ex(('192.0.2.1', 443))",
    "connect over IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
    "mapped into IPv6": "socket.socket(socket.AF_INET6).connect(('::ffff:192.0.2.1', 443))",
    "create_connection": "socket.create_connection(('192.0.2.1', 443))",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 443))",
    "message": "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('192.0.2.1', 443))",
    "asyncio": "asyncio.run(asyncio.open_connection('192.0.2.1', 443))",
    "httpx2": "__import__('httpx2').get('https://192.0.2.1:443/')",
    "the base of socket.socket": "__import__('_socket').socket().connect(('192.0.2.1', 443))",
}
LOOKING_UP = {
    "getaddrinfo": "socket.getaddrinfo('api.example.com', 443)",
    "gethostbyname": "socket.gethostbyname('api.example.com')",
    "bytes": "socket.getaddrinfo(b'api.example.com', 443)",
    "create_connection to a name": "socket.create_connection(('api.example.com', 443))",
    "asyncio to a name": "asyncio.run(asyncio.open_connection('api.example.com', 443))",
    "in a thread": "asyncio.run(asyncio.to_thread(socket.getaddrinfo, 'api.example.com', 443))",
}
LOCAL = {
    "loopback": "socket.create_connection(('127.0.0.1', port))",
    "any loopback address": "socket.create_connection(('127.0.0.2', port))",
    "localhost": "socket.create_connection(('localhost', port))",
    "its own name": "socket.getaddrinfo(socket.gethostname(), port)",
    "nobody": "socket.getaddrinfo(None, port)",
    "Unix socket": "socket.socket(socket.AF_UNIX).connect(path)",
    "pair": "socket.socketpair()",
    "asyncio": "asyncio.run(asyncio.open_connection('localhost', port))",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one guarded process says about every call of the tables above."""
    calls = "".join(f"result[{call!r}] = refused(lambda: {call})\n" for table in TABLES for call in table.values())
    answer: dict[str, str] = run(
        "server = socket.socket(); server.bind(('0.0.0.0', 0)); server.listen(); port = server.getsockname()[1]\n"
        f"path = {str(tmp_path_factory.mktemp('guard') / 's')!r}\n"
        "unix = socket.socket(socket.AF_UNIX); unix.bind(path); unix.listen()\n"
        f"result = {{}}\n{calls}"
    )
    return answer


TABLES = (CONNECTING, LOOKING_UP, LOCAL)


@pytest.mark.parametrize("call", CONNECTING.values(), ids=CONNECTING.keys())
def test_another_machine_is_not_reached(call: str, told: dict[str, str]) -> None:
    assert "does not let a subject leave this machine" in told[call]
    assert ":443; give it a stand-in for that service on this machine" in told[call]


@pytest.mark.parametrize("call", LOOKING_UP.values(), ids=LOOKING_UP.keys())
def test_another_machines_name_is_not_looked_up(call: str, told: dict[str, str]) -> None:
    assert "tried to reach api.example.com" in told[call]


@pytest.mark.parametrize("call", LOCAL.values(), ids=LOCAL.keys())
def test_whatever_is_on_this_machine_is_reached(call: str, told: dict[str, str]) -> None:
    assert told[call] == "not refused"


CONNECT = "connect = lambda host: refused(lambda: (s := socket.socket(), s.settimeout(0.05), s.connect((host, 9))))\n"


def test_an_allowed_host_is_let_through() -> None:
    results = run(CONNECT + "result = [connect('192.0.2.1'), connect('192.0.2.2')]", allow_hosts=["192.0.2.1"])

    assert results[0].startswith("not refused")
    assert "192.0.2.2:9" in results[1]


def test_an_allowed_name_lets_its_addresses_through() -> None:
    results = run(
        "resolve = socket.getaddrinfo\n"
        "socket.getaddrinfo = lambda host, *rest: resolve('192.0.2.7' if host == 'db.mine' else host, *rest)\n"
        f"{CONNECT}result = [connect('192.0.2.7'), connect('192.0.2.8')]",
        allow_hosts=["DB.mine"],
    )

    assert results[0].startswith("not refused")
    assert "192.0.2.8:9" in results[1]


def test_a_fork_and_a_thread_are_guarded_too() -> None:
    results = run(
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


def test_pydantic_ai_makes_no_requests_and_keys_that_are_set_are_left_alone() -> None:
    allowed, *keys = run(
        "from pydantic_ai import models\n"
        "names = ['OPENAI_API_KEY', 'GOOGLE_API_KEY', 'ANTHROPIC_API_KEY']\n"
        "result = [models.ALLOW_MODEL_REQUESTS, *map(os.environ.get, names)]",
        environment={"OPENAI_API_KEY": "mine", "GEMINI_API_KEY": "mine"},
    )

    assert allowed is False
    assert keys == ["mine", None, guard.DUMMY]  # pydantic-ai warns when it sees both of Google's names


def test_proxies_are_forgotten() -> None:
    environ = {"HTTPS_PROXY": "http://127.0.0.1:3128", "all_proxy": "socks5://localhost", "NO_PROXY": "*"}

    guard.shield(environ)

    assert not environ.keys() & {"HTTPS_PROXY", "all_proxy"}


def test_every_provider_names_its_secret_in_its_source() -> None:
    first = {names[0] for names in guard.provider_keys()}

    assert {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY"} <= first
