"""A short text that matches a regular expression, as far as one can be found by reading it from left to right.

Python's own parser takes the expression apart (`re._parser`, private, the same since 3.11); what it yields is followed
along its first alternatives. Look-arounds and words that must *not* occur are beyond it: candidates are tried, and the
caller gets only those that match.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_READABLE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-. @/:#,+"
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    sre.CATEGORY_DIGIT: str.isdigit,
    sre.CATEGORY_NOT_DIGIT: lambda c: not c.isdigit(),
    sre.CATEGORY_WORD: lambda c: c.isalnum() or c == "_",
    sre.CATEGORY_NOT_WORD: lambda c: not (c.isalnum() or c == "_"),
    sre.CATEGORY_SPACE: str.isspace,
    sre.CATEGORY_NOT_SPACE: lambda c: not c.isspace(),
}


def matching(pattern: str, least: int = 0, most: float = math.inf, variant: int = 0) -> Iterator[str]:
    """Texts between `least` and `most` characters in which the pattern is found, shortest first; none if beyond us."""
    try:
        parsed = _parser.parse(pattern)
        found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return
    for more in (0, 1, 2, 3, *range(4, 1 + min(max(least, 4), 400))):
        text = _Walk(more, variant).text(parsed)
        if least <= len(text) <= most and found.search(text):
            yield text


class _Walk:
    """One way through a parsed expression: each repeat runs its least count plus `more`."""

    def __init__(self, more: int, variant: int) -> None:
        self.more = more
        self.variant = variant
        self.groups: dict[int, str] = {}

    def text(self, parsed: Any) -> str:
        return "".join(self._one(operation, argument) for operation, argument in parsed)

    def _one(self, operation: Any, argument: Any) -> str:
        if operation is sre.LITERAL:
            return chr(argument)
        if operation in (sre.IN, sre.ANY, sre.NOT_LITERAL):
            return self._character(operation, argument)
        if operation in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
            least, most, inner = argument
            return "".join(self.text(inner) for _ in range(min(least + self.more, most)))
        if operation is sre.BRANCH:
            branches = argument[1]
            return self.text(branches[self.variant % len(branches)])
        return self._nested(operation, argument)

    def _nested(self, operation: Any, argument: Any) -> str:
        if operation is sre.SUBPATTERN:
            group, _, _, inner = argument
            self.groups[group] = self.text(inner)
            return self.groups[group]
        if operation is sre.ATOMIC_GROUP:
            return self.text(argument)
        return self.groups.get(argument, "") if operation is sre.GROUPREF else ""

    def _character(self, operation: Any, argument: Any) -> str:
        if operation is sre.ANY:
            allowed = list("abcdefghij")
        elif operation is sre.NOT_LITERAL:
            allowed = [c for c in _READABLE if ord(c) != argument]
        else:
            allowed = list(_allowed(argument))
        if not allowed:
            return ""
        return allowed[self.variant % len(allowed)]


def _allowed(parts: list[tuple[Any, Any]]) -> Iterator[str]:
    """The readable characters of a set, or the first ones that it names if it has no readable one."""
    negated = bool(parts) and parts[0][0] is sre.NEGATE
    rules = parts[1:] if negated else parts
    readable = [c for c in _READABLE if any(_in(c, *rule) for rule in rules) != negated]
    if readable or negated:
        yield from readable
        return
    for operation, argument in rules:
        if operation in (sre.LITERAL, sre.RANGE):
            yield chr(argument[0] if operation is sre.RANGE else argument)


def _in(character: str, operation: Any, argument: Any) -> bool:
    if operation is sre.CATEGORY:
        return _CATEGORIES[argument](character)
    least, most = argument if operation is sre.RANGE else (argument, argument)
    return bool(operation in (sre.LITERAL, sre.RANGE) and least <= ord(character) <= most)
