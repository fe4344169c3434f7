"""Which earlier bodies a later one is held against."""

from __future__ import annotations

import pytest

from harness.checks.repeats import Before, repeats
from tests.builders import Story, a_case

CHARGE = "tool:charge#1"


@pytest.mark.parametrize(
    ("first", "before"),
    [
        ("ApprovalRequired: ", []),  # with the answer it is called once more, by design
        ("ModelRetry: too much", [Before.RAISED]),
        (None, [Before.FINISHED]),
    ],
)
def test_a_tool_that_only_asked_whether_it_may_has_not_run(first: str | None, before: list[Before]) -> None:
    story = Story("crash@model#2/before").life().ran(CHARGE, error=first).crash().life().ran(CHARGE).finished()

    pairs = repeats(a_case(story, Story().life().ran(CHARGE).finished()), "tool")

    assert [pair.before for pair in pairs.get(CHARGE, ())] == before
