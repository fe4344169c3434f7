"""Which DBOS is installed and whether this adapter knows it, told without importing it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from harness.engines.held import integrates

KNOWN = ("2.31.1", "3.0.0", "3.3.0", "3.4.0")
"""Versions that the whole adapter was tested with. Others are tried: a start-up self-test looks at what we hold."""
OLDEST = (2, 31)
INSTALL = 'pip install "durable-harness[dbos]"'


def installed() -> str | None:
    """The installed version of DBOS, None if there is none."""
    try:
        return version("dbos")
    except PackageNotFoundError:
        return None


def problems() -> list[str]:
    """What keeps DBOS agents from running here, each with the command that mends it."""
    found = installed()
    if found is None:
        return [f"engine 'dbos' is not installed: run `{INSTALL}`"]
    if _numbers(found) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return [f"engine 'dbos' {found} is too old, the oldest that works is {oldest}: run `pip install -U dbos`"]
    if not integrates("dbos"):
        return [f"this pydantic-ai has no DBOS integration: run `{INSTALL}`"]
    return []


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
