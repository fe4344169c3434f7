"""Policies of the person's own, watched: an error that they raise themselves must not pass for the trouble's.

A condition that raises ends the retries as surely as one that says no, but nobody meant it to: what the layer would
have done then is not known. Nor is it after a wait of less than no time, or where a setting is such a number.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

POLICIES = ("stop", "wait", "retry", "before", "after", "before_sleep")
"""What `tenacity` asks whether, when and how often to try again, and what it tells of each try, which may raise too."""


def absurd(settings: Mapping[str, Any]) -> str:
    """Why one of these settings cannot be meant, empty if each can: it is a number below zero, or not a number."""
    return next((f"{name}={value:g} makes no sense" for name, value in settings.items() if is_absurd(value)), "")


def is_absurd(value: Any) -> bool:
    """Whether this is a number that nobody can wait or try for."""
    return isinstance(value, int | float) and not value >= 0


class Watch:
    """Takes down what policies do that they are not for, the first of it as the `reason`."""

    def __init__(self) -> None:
        self.reason = ""
        """What was done, for a person, to follow the policy's name; empty if nothing was."""

    def over(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The policies of a `tenacity` configuration, each watched and otherwise the same."""
        return {
            name: self.policy(config[name], waits=name == "wait") for name in POLICIES if callable(config.get(name))
        }

    def policy(self, policy: Callable[..., Any], *, waits: bool = False) -> Callable[..., Any]:
        """One policy, asynchronous if it was: who calls it asks for that. What one says that `waits` is in seconds."""

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with self._watching():
                return self._taken(await policy(*args, **kwargs), waits=waits)

        def asked(*args: Any, **kwargs: Any) -> Any:
            with self._watching():
                return self._taken(policy(*args, **kwargs), waits=waits)

        return awaited if _is_asynchronous(policy) else asked

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.reason = self.reason or f"raises {type(error).__name__}: {error}"
            raise

    def _taken(self, answer: Any, *, waits: bool) -> Any:
        if waits and is_absurd(answer):
            self.reason = self.reason or f"waits {answer:g} s, which makes no sense"
        return answer


def _is_asynchronous(policy: Callable[..., Any]) -> bool:
    called = getattr(policy, "func", policy)  # a `functools.partial` is as asynchronous as what it calls
    return inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(type(called).__call__)
