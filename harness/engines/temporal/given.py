"""The arguments of every `TemporalAgent`: the wrapper itself drops settings of toolsets that it does not have.

Kept apart from `retries.py`, which asks for it: this is in place before any subject is imported, also where nothing is
audited, and needs no more than what is public.
"""

from __future__ import annotations

from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from pydantic_ai.durable_exec.temporal import TemporalAgent

_GIVEN: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def remember() -> None:
    """Keep what every `TemporalAgent` of this process is made with, before there is any."""
    original = TemporalAgent.__init__
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def made(self: Any, *args: Any, **given: Any) -> None:
        original(self, *args, **given)
        _GIVEN[self] = given

    TemporalAgent.__init__ = made  # type: ignore[method-assign]


def given_to(agent: Any) -> dict[str, Any]:
    """The keywords that a `TemporalAgent` was made with; none if nobody looked."""
    return _GIVEN.get(agent, {})
