"""Engines by name: ours, and those that other distributions add through the entry-point group `harness.engines`.

An engine that is still being written needs neither: `module:Class` is a name, too.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from harness.errors import EngineUnavailable, UsageError
from harness.typos import alike

if TYPE_CHECKING:
    from harness.engines.base import Engine

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
    from importlib.metadata import entry_points

    engines = dict(BUILT_IN)
    for point in entry_points(group="harness.engines"):
        if engines.setdefault(point.name, point.value) != point.value:
            both = f"{engines[point.name]} and by {point.value}"
            raise UsageError(f"engine {point.name!r} is claimed by {both}; uninstall one of the two")
    return engines


def path_of(name: str) -> str:
    """The import path of an engine's class, by its name or as `module:Class`: nothing of it is imported.

    Raises `UsageError` with the nearest name for an unknown one.
    """
    if ":" in name:
        return name
    engines = known()
    if name not in engines:
        near = alike(name, engines)
        hint = f", did you mean {near[0]!r}?" if near else "."
        raise UsageError(f"unknown engine {name!r}{hint} Known are {', '.join(sorted(engines))}.")
    return engines[name]


def load(name: str) -> Engine:
    """The parent's half of an engine, by its name or as `module:Class`.

    Raises what `path_of` raises, and `EngineUnavailable` for a class that is not there or cannot be made; for an
    adapter of this distribution that would be a bug of ours, which is not hidden.
    """
    path = path_of(name)
    if ":" in name:
        return _by_path(path)
    if name in BUILT_IN:
        return cast("Engine", attribute(path)())
    return _strange(name, path, f"mend or uninstall the distribution that adds it as {path!r}")


def _by_path(path: str) -> Engine:
    """The engine of a class that no distribution has announced; modules in the working folder are found, too."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return _strange(path, path, "name its class as 'module:Class'")


def _strange(name: str, path: str, advice: str) -> Engine:
    """An engine that others have written, whose module may raise anything."""
    try:
        return cast("Engine", attribute(path)())
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise EngineUnavailable(f"engine {name!r} cannot be loaded: {reason}; {advice}") from error


def attribute(path: str) -> Any:
    """The object at `module:attribute`."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
