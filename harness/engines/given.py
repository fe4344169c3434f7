"""Options that several adapters take: whether what was given for them makes sense, in a person's words."""

from __future__ import annotations

import math
from typing import Any


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
