"""The world around a subject: what stands in for services, databases and clocks while a life of a run lasts.

It is a context manager of the person's, given by import path as everything of theirs is.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from harness.errors import UsageError
from harness.subjects.importing import ImportPath, attribute, load_module
from harness.typos import nearest


def load_world(path: str) -> Callable[[], Any]:
    """What makes the world, at `module:attribute` or `file.py:attribute`.

    Raises `UsageError` if nothing callable is there, `SubjectError` if its import fails.
    """
    where = ImportPath.parse(path)
    module = load_module(where)
    try:
        found = attribute(module, where.attr)
    except AttributeError:
        known = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        hint = nearest(where.attr, known) if where.attr else f"; say which of {', '.join(map(repr, known))} in it"
        raise UsageError(f"cannot find the world {path!r}{hint}") from None
    if not callable(found):
        raise UsageError(f"the world {path!r} is {found!r}; name a function or class that makes a context manager")
    made: Callable[[], Any] = found
    return made


@asynccontextmanager
async def entered(path: str | None) -> AsyncIterator[None]:
    """Enter the world at `path`, a context manager (sync or async) made without arguments; without one, none."""
    if path is None:
        yield
        return
    made = load_world(path)()
    made = await made if inspect.isawaitable(made) and not hasattr(made, "__aenter__") else made
    if hasattr(made, "__aenter__"):
        async with made:
            yield
        return
    with made:
        yield
