"""Options that several adapters take: whether what was given for them makes sense, and what they tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from harness.typos import alike


def unknown(engine: str, options: Iterable[str], known: Sequence[str]) -> list[str]:
    """A sentence for each option that the engine does not have."""
    return [f"engine {engine!r} has no option {name!r}{_instead(name, known)}" for name in options if name not in known]


def _instead(name: str, known: Sequence[str]) -> str:
    if near := alike(str(name), known):
        return f", did you mean {near[0]!r}?"
    return f"; it has {', '.join(known) or 'none'} (what is for another engine is written ENGINE.{name})"


def unlike_seconds(engine: str, name: str, options: dict[str, Any]) -> list[str]:
    """What is wrong with an option that is a time in seconds; nothing if it is not given."""
    value = options.get(name, 1)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    if known and math.isfinite(value) and value > 0:
        return []
    return [f"option {name} of engine {engine!r} is a number of seconds above 0, not {value!r}"]


def unlike_count(engine: str, name: str, options: dict[str, Any], least: int) -> list[str]:
    """What is wrong with an option that counts; nothing if it is not given."""
    value = options.get(name, least)
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return []
    return [f"option {name} of engine {engine!r} is a whole number from {least}, not {value!r}"]


def hosts(options: dict[str, Any]) -> list[str]:
    """The hosts of the person's own servers, which the subject's process may reach."""
    texts = [value for value in options.values() if isinstance(value, str) and ":" in value]
    return [host for host in map(_host, texts) if host]


def _host(text: str) -> str | None:
    try:
        return urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:  # no address: a bracket that is not closed
        return None
