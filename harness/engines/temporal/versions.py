"""Which Temporal SDK is installed and whether this adapter knows it, told without importing it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from harness.engines.held import integrates
from harness.engines.temporal import server

KNOWN = ("1.35.0",)
"""Versions that the whole adapter was tested with. Others are tried: a start-up self-test looks at what we hold."""
OLDEST = (1, 27)
INSTALL = 'pip install "durable-harness[temporal]"'


def installed() -> str | None:
    """The installed version of the SDK, None if there is none."""
    try:
        return version("temporalio")
    except PackageNotFoundError:
        return None


def problems() -> list[str]:
    """What keeps Temporal agents from running here, each with the command that mends it."""
    found = installed()
    if found is None:
        return [f"engine 'temporal' is not installed: run `{INSTALL}`"]
    if numbers(found) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return [f"engine 'temporal' {found} is too old, pydantic-ai needs {oldest}: run `{INSTALL}`"]
    if not integrates("temporal"):
        return [f"this pydantic-ai has no Temporal integration: run `{INSTALL}`"]
    return []


def yet_to_get() -> str:
    """What the first run will have to get, because this machine does not have it; empty if nothing."""
    return "" if server.known({}) else "no server here yet"


def numbers(text: str) -> tuple[int, ...]:
    """The first two numbers of a version, to be compared."""
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
