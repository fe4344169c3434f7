"""What is around a person's function: the objects that its decorators made, each of which knows what it wraps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

DEEPEST = 1000
"""Wrappers after which nobody looks further: there are objects that say of themselves that they wrap themselves."""


def wrappers(function: Any) -> Iterator[Any]:
    """Everything from the outermost wrapper to the function itself, which comes last; nothing if there is none."""
    for _ in range(DEEPEST):
        if function is None:
            return
        yield function
        function = getattr(function, "__wrapped__", None)
