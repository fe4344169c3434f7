"""An exception, made ready to travel to another process and to be read there by the person whose code raised it.

Their traceback begins where their code does: the frames of the harness and of Python's import machinery are cut off.
Whose mistake it was follows from the innermost frame: if that one is ours, it is `InternalError`.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import errors
from harness.subjects.tracebacks import headline, theirs

_OURS = str(Path(errors.__file__).parent) + "/"


def describe(error: BaseException) -> dict[str, Any]:
    """`kind` (a class of `harness.errors`), `message` and `traceback` (or None), all of which JSON can carry."""
    told = _told(error, "loading the subject")
    return {"kind": _kind(told), "message": str(told), "traceback": getattr(told, "traceback", None)}


@contextmanager
def said_of(doing: str) -> Iterator[None]:
    """Let what is raised in here be told as raised by that, and not by loading the subject."""
    try:
        yield
    except Exception as error:
        raise _told(error, doing) from error


def _told(error: BaseException, doing: str) -> errors.HarnessError:
    if isinstance(error, errors.HarnessError):
        return error
    said = headline(error)
    if _is_ours(error):
        whole = "".join(traceback.format_exception(error))
        return errors.InternalError(f"{said}; please report this:\n{whole}")
    return errors.SubjectError(f"{doing} raised {said}", theirs(error))


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
