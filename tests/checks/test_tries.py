"""Attempts that were declared: what counts as more of them, in one life and over all."""

from __future__ import annotations

import pytest

from harness.checks.attempts import attempts
from harness.verdict import Finding, Owner, Severity
from tests.builders import Story, a_case

CHARGE = "tool:charge#1"
KEY = f"u:{CHARGE}"
Attempts = list[tuple[int, int]]
"""The engine's own number of each attempt, and how many it declares."""


def found(story: Story, baseline: Story | None = None) -> list[Finding]:
    usual = baseline or lived([[(1, 3)]])
    return [finding for finding in attempts(a_case(story, usual)).findings if finding.rule == "too-many"]


def lived(lives: list[Attempts], *, bodies: bool = True) -> Story:
    """A run that attempts the charge so in each of its lives; without `bodies` an error keeps each from beginning."""
    story = Story()
    for number, made in enumerate(lives):
        story = story.dies().life() if number else story.life()
        for attempt, tries in made:
            story.tried("step:charge#1", attempt, tries, key=KEY)
            if bodies:
                story.ran(CHARGE, unit=KEY, attempt=attempt)
    return story.finished()


@pytest.mark.parametrize(
    "lives",
    [
        pytest.param([[(1, 1)]], id="once"),
        pytest.param([[(1, 3), (2, 3), (3, 3)]], id="all of them"),
        pytest.param([[(1, 2), (2, 2)], [(1, 2), (2, 2)]], id="anew in each life, as a process counts"),
        pytest.param([[(1, 2)], [(2, 2)]], id="over all lives"),
        pytest.param([[(1, 2), (2, 2), (1, 2), (2, 2)]], id="anew in one life, as in a flow that is retried"),
        pytest.param([[(1, 2), (1, 2), (2, 2), (2, 2)]], id="two at once under one key"),
        pytest.param([[(1, 2)], [(2, 2), (1, 2), (2, 2)]], id="anew after the rest of what a life before had begun"),
        pytest.param([[(number, 0) for number in range(1, 30)]], id="any number of times"),
        pytest.param([[(4, 0)], [(5, 0)]], id="any number of times, as a server counts"),
    ],
)
def test_as_often_as_declared_is_not_too_often(lives: list[Attempts]) -> None:
    assert found(lived(lives)) == []


@pytest.mark.parametrize(
    ("lives", "said"),
    [
        pytest.param([[(1, 1), (2, 1)]], "tried twice by life 1, and keeper itself says", id="a second attempt of one"),
        pytest.param([[(1, 2), (2, 2), (2, 2)]], "tried 3 times by life 1", id="a number that was used twice"),
        pytest.param(
            [[(1, 2)], [(2, 2)], [(3, 2)]], "tried 3 times by life 3", id="over all lives, as a server counts"
        ),
        pytest.param([[(1, 2)], [(1, 2), (2, 2), (3, 2)]], "tried 3 times by life 2", id="in the life after a crash"),
    ],
)
def test_more_than_declared_is_the_engines_fault(lives: list[Attempts], said: str) -> None:
    (finding,) = found(lived(lives))
    assert (finding.step, finding.severity, finding.owner) == (CHARGE, Severity.ERROR, Owner.ENGINE)
    assert f"`charge` was {said}" in finding.message
    assert finding.events


def test_attempts_that_never_came_to_a_body_are_known_by_their_unit_in_the_fault_free_run() -> None:
    (finding,) = found(lived([[(1, 1), (2, 1)]], bodies=False))
    assert finding.step == CHARGE


def test_a_unit_that_no_run_knows_is_called_as_it_is() -> None:
    (finding,) = found(lived([[(1, 1), (2, 1)]], bodies=False), Story().life().finished())
    assert finding.step == "step:charge#1"


def test_each_step_is_told_once() -> None:
    assert len(found(lived([[(1, 1), (2, 1)], [(1, 1), (2, 1)]]))) == 1
