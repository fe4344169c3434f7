"""The guard around a subject: no key is needed to import it, and nothing that it does leaves the machine.

A harness that kills processes in the middle of requests must never do so against a real provider. So provider keys get
dummy values, telemetry is switched off, pydantic-ai is told not to make requests, and every connection that Python
opens to another machine is refused. The guard is an audit hook because those see `socket` from below, whoever calls it
(asyncio, httpx, a database driver in Python); what brings its own network code (Rust, gRPC, libuv, another process) it
cannot see.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from harness.subjects import telemetry

DUMMY = "harness-dummy-key"

SETTINGS = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AZURE_OPENAI_ENDPOINT": "https://dummy.invalid",
    "AZURE_VOICELIVE_ENDPOINT": "https://dummy.invalid",
    "GOOGLE_CLOUD_LOCATION": "us-central1",
    "GOOGLE_CLOUD_PROJECT": "harness-dummy",
    "OLLAMA_BASE_URL": "http://dummy.invalid/v1",
    "OPENAI_API_VERSION": "2025-01-01",
    "PYDANTIC_AI_GATEWAY_BASE_URL": "https://dummy.invalid",
    "SNOWFLAKE_ACCOUNT": "harness-dummy",
    "SYSTEM_ONE_BASE_URL": "https://dummy.invalid",
    "VLLM_BASE_URL": "http://dummy.invalid/v1",
}
"""What providers refuse to be built without besides their keys; no real name ends in `.invalid`."""

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
"""A proxy on this machine would carry requests off it."""

_SECRET = re.compile(r"""['"`]([A-Z][A-Z0-9_]*_(?:KEY|TOKEN))['"`]""")
_CHECKED = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_LOOKED_UP = {"socket.getaddrinfo", "socket.gethostbyname"}
_WATCHED = _CHECKED | _LOOKED_UP

told: set[Callable[[str], None]] = set()
"""Who wants to know whom the subject tried to reach: each is called with the host, before that is refused."""

_allowed: frozenset[str] = frozenset()
_hooked = False
_resolving: ContextVar[bool] = ContextVar("harness_resolving", default=False)


class LeavesMachine(OSError):
    """The subject tried to reach another machine. The message names host and port."""


def protect(*, allow_hosts: Iterable[str] = ()) -> None:
    """Guard this process, once and for good, before the subject is imported.

    `allow_hosts` are names or addresses of the person's own servers. Variables that are set already keep their values.
    """
    shield(os.environ)
    telemetry.silence()
    _forbid_model_requests()
    _forbid_network(allow_hosts)


@contextmanager
def listening() -> Iterator[list[str]]:
    """The hosts that the subject tries to reach in vain while this lasts."""
    hosts: list[str] = []
    told.add(hosts.append)
    try:
        yield hosts
    finally:
        told.discard(hosts.append)


def shield(environ: MutableMapping[str, str]) -> None:
    """Give every provider that pydantic-ai knows a dummy key, and drop proxies and telemetry."""
    telemetry.without_telemetry(environ)
    for name in [name for name in environ if name.lower() in PROXIES]:
        del environ[name]
    given = set(environ)
    for names in provider_keys():
        if given.isdisjoint(names):
            environ[names[0]] = DUMMY  # only one: a provider that reads several warns when it sees two
    for name, value in SETTINGS.items():
        environ.setdefault(name, value)


def provider_keys() -> list[tuple[str, ...]]:
    """The names of the secrets that each provider of the installed pydantic-ai reads, best first, from its source."""
    spec = importlib.util.find_spec("pydantic_ai")
    if spec is None or spec.origin is None:
        return []
    files = sorted(Path(spec.origin).with_name("providers").glob("*.py"))
    found = (_SECRET.findall(file.read_text(encoding="utf-8")) for file in files)
    return sorted({tuple(dict.fromkeys(names)) for names in found if names})


def _forbid_model_requests() -> None:
    from pydantic_ai import models

    models.ALLOW_MODEL_REQUESTS = False


def _forbid_network(allow_hosts: Iterable[str]) -> None:
    global _allowed, _hooked
    _allowed = frozenset(host.strip("[]").lower() for host in allow_hosts)
    if not _hooked:
        sys.addaudithook(_audit)
        _hooked = True


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if event not in _WATCHED:  # an import has tens of thousands of others
        return
    if event in _CHECKED:
        _check_address(*args)
    else:
        _check_name(*args)


def _check_address(sock: socket.socket, address: Any, *_rest: Any) -> None:
    """Refuse an address of another machine. Sockets of other families than the internet's stay on this one."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return
    host, port = address[0], address[1]
    if not _is_local(host) and not _is_allowed(host):
        _refuse(host, port)


def _check_name(host: Any, port: Any = None, *_rest: Any) -> None:
    """Refuse to look up a name. An address needs no looking up, and is checked when it is connected to."""
    text = _text(host)
    if not text or _address(text) is not None or _is_local(text) or _resolving.get():
        return
    if text.lower() not in _allowed:
        _refuse(text, port)


def _refuse(host: Any, port: Any) -> None:
    for tell in told:
        tell(_text(host))
    where = f"{_text(host)}:{port}" if port not in (None, 0, "0") else _text(host)
    raise LeavesMachine(
        f"the harness does not let a subject leave this machine, and this one tried to reach {where};"
        " give it a stand-in for that service on this machine, by whatever says where that is, or by a scenario's world"
    )


def _is_local(host: Any) -> bool:
    text = _text(host).lower().rstrip(".")
    if text in ("", "localhost", "ip6-localhost", socket.gethostname().lower()) or text.endswith(".localhost"):
        return True
    address = _address(text)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped is not None and (mapped.is_loopback or mapped.is_unspecified)


def _is_allowed(host: Any) -> bool:
    """Whether `host` is allowed, or the address of a host that is: the hook sees lookups, but not what they return."""
    text = _text(host).lower()
    if text in _allowed:
        return True
    with _lookups_allowed():
        return any(text in _addresses(name) for name in _allowed)


def _addresses(name: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None)}
    except OSError:
        return set()


@contextmanager
def _lookups_allowed() -> Any:
    token = _resolving.set(True)
    try:
        yield
    finally:
        _resolving.reset(token)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
