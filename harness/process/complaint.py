"""An exception, made ready to travel to another process and to be read there by the person whose code raised it.

Their traceback begins where their code does: the frames of the harness and of Python's import machinery are cut off.
Whose mistake it was follows from the innermost frame: if that one is ours, it is `InternalError`.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from harness import errors
from harness.subjects.tracebacks import headline, theirs

_OURS = str(Path(errors.__file__).parent) + "/"


def describe(error: BaseException) -> dict[str, Any]:
    """`kind` (a class of `harness.errors`), `message` and `traceback` (or None), all of which JSON can carry."""
    if isinstance(error, errors.HarnessError):
        return {"kind": _kind(error), "message": str(error), "traceback": getattr(error, "traceback", None)}
    said = headline(error)
    if _is_ours(error):
        whole = "".join(traceback.format_exception(error))
        return {
            "kind": "InternalError",
            "message": f"{said}; please report this:\n{whole}",
            "traceback": None,
        }
    return {
        "kind": "SubjectError",
        "message": f"loading the subject raised {said}",
        "traceback": theirs(error),
    }


def rebuild(complaint: dict[str, Any]) -> errors.HarnessError:
    """The error that `describe` took apart in the other process."""
    kind = getattr(errors, str(complaint["kind"]), errors.InternalError)
    if kind is errors.SubjectError:
        return errors.SubjectError(complaint["message"], traceback=complaint["traceback"])
    return kind(complaint["message"])


def _is_ours(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.startswith(_OURS)


def _kind(error: errors.HarnessError) -> str:
    """The nearest class that the other process knows too."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
