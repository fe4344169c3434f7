"""A run that is stuck, and what it waits for."""

from __future__ import annotations

from dataclasses import replace

from harness.checks.liveness import liveness
from harness.history import ProcessEnded
from harness.verdict import Finding, Owner, Status
from tests.builders import KEEPS_ALL, Story, a_case

SEARCH = "tool:search#1"


def usual() -> Story:
    return Story().life().kept("model#1").kept(SEARCH).kept("model#2").finished()


def stuck(story: Story) -> Story:
    return story.dies("hang").ended("stuck", "no progress for 10 s")


def found(story: Story) -> list[Finding]:
    verdict = liveness(a_case(story, usual()))
    assert (verdict.status is Status.FAILED) is bool(verdict.findings)
    return list(verdict.findings)


def the(story: Story) -> tuple[str, str | None, Owner]:
    (finding,) = found(story)
    assert "(no progress for 10 s)" in finding.message
    return finding.rule, finding.step, finding.owner


def test_a_run_that_ended_is_alive():
    assert found(usual()) == []


def test_a_hang_that_an_engine_ended_is_no_finding():
    fault = f"hang@{SEARCH}"
    story = Story(fault).life().kept("model#1").fires(fault).kept(SEARCH).kept("model#2").finished()
    assert found(story) == []


def test_a_hang_that_nothing_ended_is_a_missing_timeout():
    fault = f"hang@{SEARCH}"
    story = stuck(Story(fault).life().kept("model#1").fires(fault))
    assert the(story) == ("no-timeout", SEARCH, Owner.CONFIGURATION)


def test_a_hang_that_a_timeout_did_not_end_is_not_said_to_have_none():
    fault = f"hang@{SEARCH}"
    story = stuck(Story(fault).life().kept("model#1").fires(fault, wait=2.0))
    (finding,) = found(story)
    assert "a timeout around it passed after 2 seconds and ended nothing" in finding.message
    assert "cannot interrupt a thread" in finding.remedy


def test_the_remedy_of_a_hang_is_what_to_write_under_this_engine():
    fault = f"hang@{SEARCH}"
    story = stuck(Story(fault).life().kept("model#1").fires(fault))
    limiting = replace(KEEPS_ALL, timeouts={"tool": "`@task(limit=SECONDS)` on `{name}`"})
    (finding,) = liveness(a_case(story, usual(), contract=limiting)).findings
    assert finding.remedy == f"give `{SEARCH}` a timeout: `@task(limit=SECONDS)` on `search`"


def test_a_body_that_never_returned_is_named():
    story = stuck(Story().life().kept("model#1").entered("tool:ask#1").entered("tool:ask#1.model#1"))
    assert the(story) == ("waits-for-ever", "tool:ask#1.model#1", Owner.CONFIGURATION)


def test_attempts_without_end_are_counted():
    story = Story().life().kept("model#1")
    for attempt in range(1, 8):
        story.ran(SEARCH, error="ConnectionError: gone", attempt=attempt)
    assert the(stuck(story)) == ("retries-for-ever", SEARCH, Owner.CONFIGURATION)
    assert "`search` was tried 7 times and never given up" in found(story)[0].message


def test_attempts_that_fail_before_their_body_are_attempts_too():
    fault = f"9*error(401)@{SEARCH}"
    story = Story(fault).life().kept("model#1")
    for _attempt in range(9):
        story.fires(fault)
    assert the(stuck(story)) == ("retries-for-ever", SEARCH, Owner.CONFIGURATION)


def test_an_answer_of_a_model_that_is_never_recorded_is_the_engines_affair():
    story = Story().life()
    for attempt in range(1, 8):
        story.entered("model#1", unit="u:model", attempt=attempt).left("model#1")
    assert the(stuck(story)) == ("never-recorded", "model#1", Owner.ENGINE)


def test_a_result_that_is_never_recorded_is_told_with_what_the_engine_says_of_it():
    story = Story().life().kept("model#1")
    for attempt in range(1, 8):
        story.entered(SEARCH, unit="u:search", attempt=attempt).left(SEARCH)
    stuck(story).testimony("u:search", detail={"last_failure": "ValueError: no JSON"})
    assert the(story) == ("never-recorded", SEARCH, Owner.CONFIGURATION)
    assert (
        "`search` returned 7 times, and its result was never recorded: ValueError: no JSON" in found(story)[0].message
    )


def test_bodies_that_an_engine_does_not_record_may_return_often():
    story = Story().life().kept("model#1")
    for number in range(1, 8):
        story.ran(f"tool:search#{number}")
    assert the(stuck(story))[0] == "nothing-runs"


def test_a_few_attempts_are_not_endless():
    story = Story().life().kept("model#1")
    for attempt in range(1, 4):
        story.ran(SEARCH, error="ConnectionError: gone", attempt=attempt)
    assert the(stuck(story)) == ("nothing-runs", "run", Owner.ENGINE)


def test_an_engine_that_waits_for_nothing_is_told_with_what_it_says_itself():
    story = stuck(Story("crash@model#2/before").life().kept("model#1").kept(SEARCH).crash().life())
    assert the(story.testimony("u:model#1")) == ("nothing-runs", "run", Owner.ENGINE)
    assert found(story)[0].message.endswith("; keeper says: u:model#1 recorded")
    assert "if the machine was only busy, wait longer for it" in found(story)[0].remedy


def test_a_unit_that_an_engine_cannot_begin_is_told_with_what_the_engine_says_of_it():
    failing = {"attempts": 12, "status": "started", "detail": {"last_failure": "NotFoundError: no such activity"}}
    story = stuck(Story().life()).testimony("u:model#1", **failing)
    assert the(story) == ("never-begins", "run", Owner.CONFIGURATION)
    assert "u:model#1 was tried 12 times" in found(story)[0].message
    assert "last with NotFoundError: no such activity" in found(story)[0].message


def test_a_body_that_an_earlier_life_left_open_is_not_waited_for():
    story = Story("crash@model#2/before").life().kept("model#1").entered(SEARCH).crash().life().kept(SEARCH)
    assert the(stuck(story))[0] == "nothing-runs"


def test_the_stacks_are_pointed_at():
    story = stuck(Story().life().entered(SEARCH))
    line = next(event.seq for event in story.events if isinstance(event, ProcessEnded))
    story.events[line - 1] = replace(story.events[line - 1], stacks="Thread 0x1: wait")
    (finding,) = found(story)
    assert f"the stacks are in line {line} of the journal" in finding.message
    assert line in finding.events


def test_a_journal_without_an_end_is_unknown():
    assert liveness(a_case(Story().life().kept("model#1"), usual())).status is Status.UNKNOWN


def test_a_run_that_failed_did_not_wait():
    assert found(Story().life().failed().dies("exit").ended()) == []


def test_attempts_of_an_earlier_life_are_over():
    fault = f"9*error(503)@{SEARCH}"
    story = Story(fault).life().kept("model#1")
    for _attempt in range(9):
        story.fires(fault)
    story.dies("death").life().entered("model#2")
    assert the(stuck(story)) == ("waits-for-ever", "model#2", Owner.CONFIGURATION)


def test_what_nobody_takes_from_its_queue_is_named_with_the_queue() -> None:
    story = stuck(Story().life().kept("model#1")).testimony(
        "child-1", name="pack", status="queued", detail={"queue": "parcels"}
    )
    (finding,) = found(story)
    assert (finding.rule, finding.owner) == ("waits-in-queue", Owner.CONFIGURATION)
    assert "`pack` waits in the queue 'parcels', and nothing takes it from there" in finding.message
