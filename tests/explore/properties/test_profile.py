"""What `durable()` decides, and what it leaves to the profile that a person has loaded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from harness.explore.properties import durable


@pytest.fixture(autouse=True)
def the_profile_before() -> Iterator[None]:
    before = settings.get_current_profile_name()
    yield
    settings.load_profile(before)


def test_a_loaded_profile_says_how_many_examples_there_are() -> None:
    settings.register_profile("few", settings(max_examples=7, print_blob=False))
    settings.load_profile("few")

    assert (durable().max_examples, durable().print_blob) == (7, False)
    assert durable(max_examples=9).max_examples == 9


def test_a_loaded_profile_does_not_bring_back_what_a_correct_use_would_trip() -> None:
    settings.register_profile("hasty", settings(deadline=1, suppress_health_check=()))
    settings.load_profile("hasty")

    assert durable().deadline is None
    assert HealthCheck.too_slow in durable().suppress_health_check
    assert Phase.explain not in durable().phases
