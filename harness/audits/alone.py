"""An interpreter that imports a subject, answers one question and ends: what a static audit starts.

It does not look for garbage from the very beginning: what an import makes stays, and nothing else is made.
"""

from __future__ import annotations

import gc
from typing import Any


def prepare(argument: dict[str, Any]) -> dict[str, Any]:
    """What `worker.prepare` returns, or raises."""
    gc.disable()
    from harness.audits import worker

    return worker.prepare(argument)
