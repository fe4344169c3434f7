"""Whether chance is in the waits of a tenacity policy: what failed together must not come back together.

Known are tenacity's own kinds of waits, and what is made of them by `+` and `wait_chain`. Of a function, or of a class
of the person's own, nobody can say it.
"""

from __future__ import annotations

from typing import Any

_STEADY = ("wait_none", "wait_fixed", "wait_incrementing", "wait_exponential")
_BY_CHANCE = ("wait_random", "wait_random_exponential", "wait_exponential_jitter")


def jittered(wait: Any) -> bool | None:
    """Whether a wait is by chance; None: unknown. No wait at all (None) is as steady as can be."""
    if wait is None:
        return False
    name = type(wait).__name__ if type(wait).__module__ == "tenacity.wait" else ""
    if name == "wait_combine":
        return _summed({jittered(part) for part in wait.wait_funcs})
    if name == "wait_chain":
        return _alike({jittered(part) for part in wait.strategies})
    return True if name in _BY_CHANCE else False if name in _STEADY else None


def _summed(parts: set[bool | None]) -> bool | None:
    """A sum is by chance if any part of it is."""
    return True if True in parts else None if None in parts else False


def _alike(parts: set[bool | None]) -> bool | None:
    """One after the other: only if all are alike can one word be said of them."""
    return parts.pop() if len(parts) == 1 else None
