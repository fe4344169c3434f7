"""Tracebacks that begin where a person's own code does.

Apart from `importing`, because the process that reports them to the harness imports next to nothing itself.
"""

from __future__ import annotations

import importlib
import os
import traceback
from pathlib import Path

from harness import errors

LONGEST = 300  # characters of a message that are told beside its traceback
_OURS = str(Path(errors.__file__).parent) + os.sep
_LOADING = ("create_module", "exec_module", "get_code", "source_to_code")
_IMPORTING = ("<frozen importlib", str(importlib.__file__))


def theirs(error: BaseException) -> str:
    """The traceback as its author would have seen it without the harness around their code."""
    return "".join(_cut(traceback.TracebackException.from_exception(error)).format())


def headline(error: BaseException) -> str:
    """What was raised, in one line: the type and the message, which some libraries spread over several."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def _cut(told: traceback.TracebackException) -> traceback.TracebackException:
    told.stack[:] = [frame for frame in told.stack if not _is_machinery(frame)]
    for cause in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if cause is not None:
            _cut(cause)
    return told


def _is_machinery(frame: traceback.FrameSummary) -> bool:
    """Frames of the harness, of Python's import, and of import hooks, which packages such as beartype install."""
    return frame.filename.startswith((_OURS, *_IMPORTING)) or frame.name in _LOADING
