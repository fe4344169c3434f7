"""Code of a person's own that does something else once it has met some failures, such as a circuit breaker.

What is asked here is one request. The layers around ask for more of them, of which nobody knows what becomes then.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

from harness.retries.values import MEASURED_TO
from harness.subjects.importing import is_own_class

T = TypeVar("T")

REMEMBERS = "what it does depends on what it has met before, and what that is only a run shows"


def remembers(first: T, sends: int, ask: Callable[[], T]) -> bool:
    """Whether anybody who did `first`, and sent so often, does something else when `ask`ed again and again."""
    more = -(-MEASURED_TO // max(1, sends)) - 1
    return any(ask() != first for _ in range(more))


def twin_of(value: Any, inner: str) -> Any:
    """A copy of an object. One of the person's own remembers what it likes, but for what is `inner`, apart from it."""
    twin = copy.copy(value)
    for name, kept in vars(value).items() if is_own_class(type(value)) else ():
        if name != inner and (isinstance(kept, list | dict | set) or is_own_class(type(kept))):
            with suppress(Exception):  # a lock, a socket: they cannot be copied
                setattr(twin, name, copy.deepcopy(kept))
    return twin


def hooks_of(http: Any) -> Iterator[Any]:
    """What an HTTP client calls for each request and response."""
    for hooks in (getattr(http, "event_hooks", None) or {}).values():
        yield from hooks
