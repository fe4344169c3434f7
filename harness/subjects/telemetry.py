"""No telemetry from a subject under test: it would leave the machine, and its exporters' threads make forking unsafe.

Variables are dropped, and `logfire.configure` never sends, whatever the subject tells it: it would otherwise look for a
token in files, or ask for one. Spans are still made and may still be printed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import MutableMapping, Sequence
from functools import wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

QUIET = {"LOGFIRE_SEND_TO_LOGFIRE": "false", "PYDANTIC_AI_NO_BANNER": "1"}
"""Set over whatever the person set: without its token, logfire would ask for one."""

_MARK = "__harness_silenced__"

EXPORTERS = (
    "LOGFIRE_TOKEN",
    "OTEL_EXPORTER_OTLP_",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRICS_EXPORTER",
    "OTEL_TRACES_EXPORTER",
)
"""The beginnings of variables that start exporters."""


def silence() -> None:
    """Switch telemetry off in this process, before the subject is imported."""
    without_telemetry(os.environ)
    if "logfire" in sys.modules:
        _never_send(sys.modules["logfire"])
    elif not any(isinstance(finder, _LogfireFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LogfireFinder())


def without_telemetry(environ: MutableMapping[str, str]) -> None:
    """Drop the variables that would send telemetry."""
    for name in [name for name in environ if name.startswith(EXPORTERS)]:
        del environ[name]
    environ.update(QUIET)


def _never_send(logfire: ModuleType) -> None:
    original = logfire.configure

    @wraps(original)
    def configure(*args: Any, **options: Any) -> Any:
        return original(*args, **{**options, "send_to_logfire": False})

    if not hasattr(original, _MARK):
        setattr(configure, _MARK, True)
        logfire.configure = configure  # type: ignore[attr-defined]


class _LogfireFinder(MetaPathFinder):
    """Sees logfire being imported: importing it here would cost every subject that does not use it."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "logfire":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Silencing(spec.loader)
        return spec


class _Silencing(Loader):
    """Loads logfire and then takes its hand off the network."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _never_send(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
