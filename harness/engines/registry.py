"""Engines by name: ours, and those that other distributions add through the entry-point group `harness.engines`."""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from typing import Any, cast

from harness.engines.base import Engine
from harness.errors import UsageError

BUILT_IN = {
    "none": "harness.engines.none:NoneEngine",
    "journal": "harness.engines.journal.engine:JournalEngine",
    "dbos": "harness.engines.dbos.engine:DbosEngine",
    "temporal": "harness.engines.temporal.engine:TemporalEngine",
    "prefect": "harness.engines.prefect.engine:PrefectEngine",
}
"""The adapters of this distribution; loaded lazily, so that one engine never pays for another."""


def known() -> dict[str, str]:
    """Every engine's name and import path. Raises `UsageError` if two distributions claim one name."""
    engines = dict(BUILT_IN)
    for point in entry_points(group="harness.engines"):
        if engines.setdefault(point.name, point.value) != point.value:
            both = f"{engines[point.name]} and by {point.value}"
            raise UsageError(f"engine {point.name!r} is claimed by {both}; uninstall one of the two")
    return engines


def load(name: str) -> Engine:
    """The parent's half of an engine. Raises `UsageError` with the nearest name for an unknown one."""
    engines = known()
    if name not in engines:
        near = difflib.get_close_matches(name, engines, n=1, cutoff=0.3)
        hint = f", did you mean {near[0]!r}?" if near else "."
        raise UsageError(f"unknown engine {name!r}{hint} Known are {', '.join(sorted(engines))}.")
    return cast(Engine, attribute(engines[name])())


def attribute(path: str) -> Any:
    """The object at `module:attribute`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
