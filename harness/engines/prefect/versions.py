"""Which Prefect is installed and whether this adapter knows it, told without importing it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from harness.engines.held import integrates

KNOWN = ("3.8.8",)
"""Versions that the whole adapter was tested with. Others are tried, after a self-test of what we hold on to."""
OLDEST = (3, 7)
INSTALL = 'pip install "durable-harness[prefect]"'


def installed() -> str | None:
    """The installed version of Prefect, None if there is none."""
    try:
        return version("prefect")
    except PackageNotFoundError:
        return None


def problems() -> list[str]:
    """What keeps Prefect flows from running here, each with the command that mends it."""
    found = installed()
    if found is None:
        return [f"engine 'prefect' is not installed: run `{INSTALL}`"]
    if too_old(found):
        return [f"engine 'prefect' {found} is too old, {oldest()} is the oldest that is supported: run `{INSTALL}`"]
    if not integrates("prefect"):
        return [f"this pydantic-ai has no Prefect integration: run `{INSTALL}`"]
    return []


def too_old(found: str) -> bool:
    """Whether a version, of a client or of a server, is older than what the adapter can work with."""
    return numbers(found) < OLDEST


def oldest() -> str:
    """The oldest version that is supported, spelled."""
    return ".".join(map(str, OLDEST))


def numbers(text: str) -> tuple[int, ...]:
    """`3.8.8` as (3, 8): what two versions are compared by."""
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())
