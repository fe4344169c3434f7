"""A scenario about some owners: the errors of others are notes, and what follows from them fails nothing."""

from __future__ import annotations

import pytest

from harness.checks import Baseline, judge
from harness.checks.owners import held_against
from harness.faults import FaultPlan
from harness.scenario import Scenario
from harness.verdict import Finding, Owner, Severity, Status, Verdict, worst
from tests.builders import KEEPS_ALL, Story

OURS = (Owner.ENGINE, Owner.INTEGRATION)
LOST = "lost@run"


def verdicts(story: Story, *owners: Owner) -> tuple[Verdict, ...]:
    """What the checks say of a run beside the one without faults."""
    usual = Story().life().kept("model#1").finished().history()
    plan = FaultPlan.parse(story.plan)
    return judge(
        story.history(), Baseline(usual), Scenario(subject="m:agent", owners=owners).with_plan(plan), KEEPS_ALL
    )


def lost() -> Story:
    """A run whose answer was lost, and whose caller was told so."""
    story = Story(LOST).life().kept("model#1").fires(LOST)
    return story.failed("the answer was lost", "ConnectionError").dies("exit").ended()


def test_what_another_must_answer_for_is_a_note_and_so_is_what_follows_from_it():
    assert worst(each.status for each in verdicts(lost())) is Status.FAILED

    told = verdicts(lost(), *OURS)

    assert {each.status for each in told} == {Status.PASSED}
    (finding,) = [found for each in told for found in each.findings]
    assert (finding.rule, finding.severity) == ("not-retried", Severity.NOTE)
    assert "no failure here: the scenario is about what engine and integration must answer for" in finding.message


def test_what_they_must_answer_for_fails_beside_it():
    story = Story(f"crash@model#1/after; {LOST}~2").life().kept("model#1").crash().life().kept("model#1")
    story.fires(f"{LOST}~2").failed("the answer was lost", "ConnectionError").dies("exit").ended()

    told = verdicts(story, *OURS)

    failed = [each for each in told if each.status is Status.FAILED]
    assert failed
    assert {found.owner for each in failed for found in each.findings if found.severity is Severity.ERROR} <= {*OURS}


def test_a_fault_that_never_happened_is_still_unknown():
    story = lost()
    story.plan = f"{LOST}; crash@model#2/before~2"

    assert {each.check for each in verdicts(story, *OURS) if each.status is Status.UNKNOWN} == {"faults_fired"}


@pytest.mark.parametrize("owner", OURS)
def test_where_nobody_else_has_made_a_mistake_nothing_is_passed_over(owner):
    error = Finding("cache", "shared", None, Severity.ERROR, owner, "shared", "mend it")
    before = [
        Verdict.of("cache", [error]),
        Verdict("completion", Status.FAILED, (), "`liveness` says why"),
        Verdict.unknown("conversation", "the run did not complete, so there is nothing to compare"),
    ]

    assert held_against(OURS, before) == before
