"""What a mistyped word may have meant: the end of an error wherever a person names something that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of an error message: `, did you mean 'x'?` or, if nothing is close, which words are known."""
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if near:
        return f", did you mean {near[0]!r}?"
    return f"; known are {', '.join(map(repr, names))}" if names else "; there are none"
