"""An interpreter that imports a subject, answers one question and ends: what a static audit starts.

It does not look for garbage from the very beginning: what an import makes stays, and nothing else is made. Nothing is
observed either, so what only observes is not there unless the subject itself imports it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OBSERVER = "logfire"
"""Pydantic-ai imports it wherever it is installed, and does without where it is not; it takes as long as an SDK."""


def prepare(argument: dict[str, Any]) -> dict[str, Any]:
    """What `worker.prepare` returns, or raises."""
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with absent(OBSERVER):
        from harness.audits import worker
    return worker.prepare(argument)


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Whoever imports `module` meanwhile is told that it is not installed. One that is loaded already stays."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # Python's own spelling of it
    try:
        yield
    finally:
        del sys.modules[module]
