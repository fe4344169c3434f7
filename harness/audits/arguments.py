"""What a function is given before anybody calls it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from types import FunctionType
from typing import Any


def defaults(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What parameters are if nobody says otherwise."""
    code, positional = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    yield from zip(names[len(names) - len(positional) :], positional, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def bound(called: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The arguments that a `functools.partial` has already."""
    if isinstance(value, functools.partial):
        yield from ((f"{called}.{place}", one) for place, one in enumerate(value.args))
        yield from value.keywords.items()
