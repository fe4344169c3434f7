"""A step of the second invocation is told from the same step of the first."""

from __future__ import annotations

import pytest

from harness.history import located, spelled


@pytest.mark.parametrize(
    ("step", "invocation", "text"),
    [
        ("model#1", 1, "model#1"),
        ("run", 1, "run"),
        ("model#1", 2, "run#2.model#1"),
        ("run", 3, "run#3"),
        ("tool:delegate#1.model#2", 2, "run#2.tool:delegate#1.model#2"),
    ],
)
def test_the_spelling_of_a_step_names_its_invocation(step, invocation, text):
    assert spelled(step, invocation) == text
    assert located(text) == (invocation, step)
