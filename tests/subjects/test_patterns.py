"""Texts made for regular expressions."""

from __future__ import annotations

import re

import pytest

from harness.subjects.patterns import matching

PATTERNS = [
    r"^[A-Z]{3}-\d{4}$",
    r"^\+?[1-9]\d{7,14}$",
    r"^(GET|POST) /\w+$",
    r"^(?:[01]\d|2[0-3]):[0-5]\d$",
    r"^[0-9a-f]{8}-[0-9a-f]{4}$",
    r"^(\w)\1$",
    r"[^a-z]",
    r"^\S+@\S+\.\S+$",
    r"^.{5}$",
    r"^\W\D\s$",
    r"^[äöü]+$",
    r"^$",
    r"a++b",
    r"(?i)^yes$",
    r"^a(?=b)b$",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_text_is_found_that_matches(pattern: str) -> None:
    text = next(matching(pattern))
    assert re.search(pattern, text)
    assert next(matching(pattern)) == text


def test_variants_differ() -> None:
    assert len({next(matching(r"^[a-z]\d$", variant=variant)) for variant in range(5)}) == 5


def test_lengths_are_kept() -> None:
    assert len(next(matching(r"^[a-z]+$", 12, 14))) in (12, 13, 14)
    assert not list(matching(r"^[a-z]{3}$", 5))


@pytest.mark.parametrize(
    "pattern", [r"\p{L}", "(", r"^(?=.*\d)(?=.*[A-Z]).{9,}$"], ids=["dialect", "broken", "beyond us"]
)
def test_what_is_beyond_us_yields_nothing(pattern: str) -> None:
    assert not list(matching(pattern))
