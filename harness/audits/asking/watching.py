"""Policies of the person's own, watched: an error that they raise themselves must not pass for the trouble's.

A condition that raises ends the retries as surely as one that says no, but nobody meant it to: what the layer would
have done then is not known.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

POLICIES = ("stop", "wait", "retry", "before", "after", "before_sleep")
"""What `tenacity` asks whether, when and how often to try again, and what it tells of each try, which may raise too."""


class Watch:
    """Takes down what policies raise, the first of it in `raised`."""

    def __init__(self) -> None:
        self.raised: list[Exception] = []

    @property
    def reason(self) -> str:
        """What was raised, for a person; empty if nothing was."""
        return f"{type(self.raised[0]).__name__}: {self.raised[0]}" if self.raised else ""

    def over(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The policies of a `tenacity` configuration, each watched and otherwise the same."""
        return {name: self.policy(config[name]) for name in POLICIES if callable(config.get(name))}

    def policy(self, policy: Callable[..., Any]) -> Callable[..., Any]:
        """One policy, asynchronous if it was: who calls it asks for that."""

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            try:
                return await policy(*args, **kwargs)
            except Exception as error:
                self.raised.append(error)
                raise

        def asked(*args: Any, **kwargs: Any) -> Any:
            try:
                return policy(*args, **kwargs)
            except Exception as error:
                self.raised.append(error)
                raise

        return awaited if _is_asynchronous(policy) else asked


def _is_asynchronous(policy: Callable[..., Any]) -> bool:
    called = getattr(policy, "func", policy)  # a `functools.partial` is as asynchronous as what it calls
    return inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(type(called).__call__)
