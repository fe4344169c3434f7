"""The environment variables that a zygote is started with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from harness.engines import cache

_TELEMETRY = ("LOGFIRE_TOKEN", "OTEL_EXPORTER_OTLP_")  # exporters start threads at import, and reach the network

_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
_left_out = False
"""Whether it was us who switched off the plugins in this process."""


def leave_out_plugins() -> None:
    """Let this process, and no subject's, do without pydantic's plugins. For a process that is all ours.

    Whoever has logfire has such a plugin, which every command would import for nothing before it does anything.
    """
    global _left_out
    _left_out = _PLUGINS not in os.environ
    os.environ.setdefault(_PLUGINS, "__all__")


def environment(
    extra: Mapping[str, str] | None, *, hash_seed: int, executable: str, base: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """This process's environment with `extra` on top, a fixed hash seed, no telemetry, and bytecode that is cached."""
    not_theirs = (*_TELEMETRY, _PLUGINS) if _left_out else _TELEMETRY
    kept = {name: value for name, value in base.items() if not name.startswith(not_theirs)}
    _cache_bytecode(kept, Path(executable))
    return {**kept, **(extra or {}), "PYTHONHASHSEED": str(hash_seed)}


def _cache_bytecode(variables: dict[str, str], executable: Path) -> None:
    """Without cached bytecode the import of an engine takes more than twice as long, every time.

    Containers often switch it off or have it on a read-only disk; the user's cache folder serves instead.
    """
    prefix = variables.get("PYTHONPYCACHEPREFIX")
    usual = Path(prefix) if prefix else executable.parent.parent / "lib"
    switched_off = variables.get("PYTHONDONTWRITEBYTECODE")
    if not switched_off and os.access(usual, os.W_OK):
        return
    folder = cache.folder(variables, "bytecode")
    if folder is not None:  # without one it is slower, but right
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        variables["PYTHONPYCACHEPREFIX"] = str(folder)
