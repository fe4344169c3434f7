"""What is made once per version of an engine and kept for later sessions: where."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The harness's folder in the user's cache folder, None where that cannot be written."""
    try:
        given = environ.get("XDG_CACHE_HOME")
        kept = (Path(given) if given else Path.home() / ".cache") / "durable-harness"
        kept.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return None
    return kept if os.access(kept, os.W_OK) else None
