"""What a mistyped word may have meant: the end of an error wherever a person names something that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def alike(word: str, known: Iterable[str], *, at_most: int = 1, least: float = 0.5) -> list[str]:
    """Those of the known words that are most like this one, the most like first. None if no word is like it.

    `least` is how much a word must be like it, from 0 to 1, which is the same word.
    """
    return difflib.get_close_matches(word, list(dict.fromkeys(known)), n=at_most, cutoff=least)


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error message: `, did you mean 'x'?` or, if nothing is close, which words are known."""
    names = list(dict.fromkeys(known))
    if near := alike(word, names):
        return f", did you mean {near[0]!r}?"
    return f"; known are {', '.join(map(repr, names))}" if names else "; there are none"
