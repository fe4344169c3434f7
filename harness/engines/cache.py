"""What is made once and kept for later sessions: where. Imports little, as some of it is made before anything else."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path


def place(environ: Mapping[str, str] = os.environ) -> Path:
    """The harness's folder in the user's cache folder, which need not be there. OSError for a user without a home."""
    given = environ.get("XDG_CACHE_HOME")
    try:
        return (Path(given) if given else Path.home() / ".cache") / "durable-harness"
    except RuntimeError:
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder", "~/.cache") from None


def folder(environ: Mapping[str, str] = os.environ, *inside: str) -> Path | None:
    """That folder, or one `inside` it, made if need be. None where it cannot be written."""
    try:
        kept = place(environ).joinpath(*inside)
        kept.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return kept if os.access(kept, os.W_OK) else None
