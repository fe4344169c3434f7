"""An interpreter that imports a subject, answers one question and ends: what a static audit starts.

It does not look for garbage from the very beginning: what an import makes stays, and nothing else is made. Nothing is
observed either, and no command line is typed, so what only serves for those is not there unless the subject itself
imports it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

UNUSED = ("logfire", "httpx._main")
"""Imported wherever they can be, and done without where they cannot: what observes takes as long as an SDK, and a
command line (httpx has one) colours its output."""


def prepare(argument: dict[str, Any]) -> dict[str, Any]:
    """What `worker.prepare` returns, or raises."""
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with absent(*UNUSED):
        from harness.audits import worker
    return worker.prepare(argument)


@contextmanager
def absent(*modules: str) -> Iterator[None]:
    """Whoever imports one of `modules` meanwhile is told that it is not installed. One that is loaded already stays."""
    missing = [module for module in modules if module not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]  # Python's own spelling of it
    try:
        yield
    finally:
        for module in missing:
            del sys.modules[module]
