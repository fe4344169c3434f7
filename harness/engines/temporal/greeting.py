"""Asking a server of the person's own who it is, before anything is started on it; and a program, before it is one.

A server is asked in a process of its own, because the parent imports no engine.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.engines.temporal.versions import numbers
from harness.errors import EngineUnavailable

OLDEST_SERVER = (1, 20)
PATIENCE = 5.0
"""Seconds for the server to answer; something that speaks another protocol may never do."""


def unlike_address(address: Any) -> list[str]:
    """What is wrong with an address as it is written; nothing if it is not given."""
    host, _colon, port = str(address).rpartition(":")
    if address is None or (host and port.isdigit() and 0 < int(port) < 65536):
        return []
    return [f"option 'address' is {address!r}, and an address is written HOST:PORT, as in 127.0.0.1:7233"]


@functools.cache
def check(address: str, namespace: str) -> None:
    """Raises `EngineUnavailable` for no Temporal server there that can be used."""
    host, _colon, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
    except OSError as error:
        raise EngineUnavailable(
            f"no Temporal server at {address}: {error.strerror or error}; start it, or leave the address out"
        ) from None
    answer = _ask(address, namespace)
    if (complaint := answer.get("complaint")) is not None:
        raise EngineUnavailable(complaint)
    _check_age(f"the Temporal server at {address}", str(answer["version"]))


def check_program(program: Path) -> None:
    """Raises `EngineUnavailable` for a program that says itself that its server is too old."""
    if (version := told(program)) is not None:
        _check_age(f"the Temporal server that {program} starts", version)


@functools.cache
def told(program: Path) -> str | None:
    """The version of the server that a program starts, by its own `--version`; None if it does not tell."""
    try:
        said = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"server v?(\d+\.\d+[^\s,)]*)", said.stdout.decode("utf-8", "replace"), re.IGNORECASE)
    return found[1] if found else None


def _check_age(server: str, version: str) -> None:
    if numbers(version) < OLDEST_SERVER:
        oldest = ".".join(map(str, OLDEST_SERVER))
        raise EngineUnavailable(f"{server} is version {version}; {oldest} or later is needed")


def _ask(address: str, namespace: str) -> dict[str, Any]:
    asked = subprocess.run(
        [sys.executable, "-m", __name__, address, namespace], capture_output=True, timeout=60, check=False
    )
    lines = asked.stdout.decode().strip().splitlines()  # the SDK's own log goes to stdout, too
    if asked.returncode or not lines:
        said = asked.stderr.decode("utf-8", "replace").strip()[-500:]
        return {"complaint": f"the Temporal server at {address} could not be asked who it is: {said}"}
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


async def _greet(address: str, namespace: str) -> dict[str, Any]:
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
    from temporalio.client import Client
    from temporalio.service import RPCError, RPCStatusCode

    try:
        client = await asyncio.wait_for(Client.connect(address, namespace=namespace), PATIENCE)
        info = await client.workflow_service.get_system_info(GetSystemInfoRequest())
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
    except (RuntimeError, TimeoutError) as error:
        # The SDK's own words for another protocol are its core's, of frames and transports.
        silent = isinstance(error, TimeoutError)
        said = f"no answer in {PATIENCE:.0f} seconds" if silent else "it answers in another protocol, or wants TLS"
        return {"complaint": f"what listens at {address} is no Temporal server ({said}); give the address of one"}
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return {
                "complaint": f"the Temporal server at {address} has no namespace {namespace!r}; create it"
                f" (`temporal operator namespace create {namespace}`), or name another with `--option namespace=NAME`"
            }
        return {"complaint": f"the Temporal server at {address} refused to say who it is: {error}"}
    return {"version": info.server_version}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_greet(*sys.argv[1:]))), flush=True)  # noqa: T201
    os._exit(0)  # the SDK's threads may still be at work, and Python dies of them when it ends in order
