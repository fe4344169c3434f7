"""The code of a person's own workflow that takes another way after a crash is what the finding is against."""

from __future__ import annotations

import pytest

from harness.checks import judge
from harness.history import Observation, UnitAnswered
from harness.verdict import Finding, Owner, Status
from tests.builders import KEEPS_ALL, Story, a_case

MARK, CHARGE = "step:mark#1", "step:charge#1"
PLAN = f"crash@{MARK}/after"
FAILED = {"failure": "activity StartToClose timeout"}


def life(story: Story, *, own: bool = True) -> Story:
    return story.life().entered("run", recorded=True, own=own)


def charged(story: Story) -> Story:
    key = f"u:{CHARGE}"
    return story.tried(CHARGE, 1, 1, key=key).unit(CHARGE, until="entered").effect("charge", CHARGE, "k")


def ended(story: Story, output: str, **values: object) -> Story:
    return story.left("run").committed("run").finished(output, **{"messages": [], **values})


def usual() -> Story:
    return ended(charged(life(Story()).unit(MARK)).unit(CHARGE), "charged")


def crashed(*, own: bool = True) -> Story:
    """It read in memory what the recorded step had left there, and the charge is left out in the next life."""
    return life(life(Story(PLAN), own=own).unit(MARK).crash(), own=own)


def found(story: Story, *names: str) -> list[Finding]:
    case = a_case(story, usual())
    verdicts = judge(case.history, case.baseline, case.scenario, KEEPS_ALL, names=names or None)
    assert Status.FAILED in {verdict.status for verdict in verdicts}
    return [finding for verdict in verdicts for finding in verdict.findings]


def test_another_way_of_the_workflow_is_told_once_and_against_whoever_wrote_it():
    (finding,) = found(ended(crashed(), "not charged"))
    assert (finding.check, finding.rule, finding.owner) == (
        "completion",
        "own-workflow-differs",
        Owner.CONFIGURATION,
    )
    assert "in life 2, the code of the workflow itself took another way" in finding.message
    assert finding.remedy.startswith(
        "let the code of the workflow depend on its arguments and on what its steps return"
    )


def test_work_that_the_workflow_left_out_is_told_where_its_output_is_the_same():
    (finding,) = found(ended(crashed(), "charged"))
    assert (finding.check, finding.rule, finding.owner) == ("effects", "own-workflow-differs", Owner.CONFIGURATION)


def test_a_step_without_attempts_left_is_what_the_workflow_allows():
    story = charged(life(Story(f"crash@{CHARGE}/between")).unit(MARK)).crash()
    story = ended(life(story), "undone").testimony(f"u:{CHARGE}", status="timed out", detail=FAILED)
    (finding,) = found(story)
    assert (finding.rule, finding.owner) == ("attempts-used-up", Owner.CONFIGURATION)
    assert "`step:charge#1` was given up after the one attempt that the workflow allows it" in finding.message


def test_a_run_that_failed_for_want_of_attempts_is_no_fault_of_the_engine_either():
    story = charged(life(Story(f"crash@{CHARGE}/between")).unit(MARK)).crash()
    story = life(story).left("run", error="ActivityError: charge").failed("charge", "ActivityError").dies("exit")
    (finding,) = found(story.ended().testimony(f"u:{CHARGE}", status="timed out", detail=FAILED))
    assert (finding.rule, finding.owner) == ("attempts-used-up", Owner.CONFIGURATION)


def test_a_history_that_cannot_be_replayed_is_told_alone():
    story = ended(crashed(), "not charged")
    story._write(Observation(name="replay", value={"ok": False, "message": "Nondeterminism"}))
    (finding,) = found(story)
    assert finding.rule == "cannot-replay"
    assert [each.owner for each in found(story, "completion", "determinism")] == [Owner.CONFIGURATION]


def test_what_the_workflow_asks_for_under_another_key_is_no_evidence_against_the_engine():
    story = ended(crashed().unit(MARK, key="another"), "not charged").testimony(f"u:{MARK}", "another")
    blamed = {finding.rule: finding.owner for finding in found(story)}
    assert blamed == {"own-workflow-differs": Owner.CONFIGURATION, "recorded-ran-again": Owner.CONFIGURATION}


def late() -> Story:
    """Nothing of the workflow had run when the first life ended."""
    return life(Story("crash@run/before").life().crash())


def test_a_workflow_that_ran_only_once_took_another_way_by_itself_too():
    (finding,) = found(ended(late().unit(MARK), "charged"))
    assert (finding.rule, finding.owner) == ("own-workflow-differs", Owner.CONFIGURATION)
    assert "0 of 1 times in a run that says it succeeded: the code of the workflow itself took" in finding.message


def answered_for_nothing() -> Story:
    """The engine answers for a step that no body of the run has ever returned from."""
    return ended(late().unit(MARK)._write(UnitAnswered(unit=f"u:{CHARGE}", said="charged")), "not charged")


def recorded_ran_again() -> Story:
    return ended(crashed().unit(MARK), "not charged")


def denied() -> Story:
    return ended(crashed().unit("step:log#1"), "not charged").testimony("u:step:log#1")


def result_of_nothing() -> Story:
    """The engine answers for a charge whose body never returned."""
    story = charged(life(Story(f"crash@{CHARGE}/before")).unit(MARK)).crash()
    return ended(life(story), "not charged").testimony(f"u:{MARK}", f"u:{CHARGE}")


def outcome_recorded() -> Story:
    """The first life had recorded an outcome, and the engine hands out another."""
    story = charged(life(Story("crash@run/after")).unit(MARK)).unit(CHARGE).left("run").committed("run").crash()
    return ended(life(story), "not charged")


def not_run_again() -> Story:
    story = charged(life(Story("crash@run/between")).unit(MARK)).unit(CHARGE).left("run").crash()
    return story.life().finished("not charged", messages=[])


def answered_with_another() -> Story:
    """What the engine gives for a step is none of what its body has returned."""
    return ended(answered("marked", "charged"), "not charged")


def answered(returned: str | None, later: str) -> Story:
    return life(life(Story(PLAN)).unit(MARK, said=returned).crash()).had(MARK, later)


WRONG = [
    recorded_ran_again,
    denied,
    result_of_nothing,
    outcome_recorded,
    not_run_again,
    answered_with_another,
    answered_for_nothing,
]


@pytest.mark.parametrize("story", WRONG)
def test_an_engine_that_is_seen_to_be_wrong_is_not_excused_by_the_workflow(story):
    blamed = {finding.rule for finding in found(story()) if finding.owner is Owner.ENGINE}
    assert "output-differs" in blamed


@pytest.mark.parametrize("returned", ["marked", None], ids=["the same", "nothing to compare"])
def test_an_engine_that_gives_what_the_step_returned_is_not_to_blame(returned):
    (finding,) = found(ended(answered(returned, "marked"), "not charged"))
    assert (finding.rule, finding.owner) == ("own-workflow-differs", Owner.CONFIGURATION)


def test_a_witness_that_is_not_asked_for_is_heard_all_the_same():
    (finding,) = found(recorded_ran_again(), "completion")
    assert (finding.rule, finding.owner) == ("output-differs", Owner.ENGINE)


def test_what_an_agent_of_the_workflow_says_otherwise_is_not_excused():
    story = ended(crashed(), "not charged", messages=[{"parts": [{"content": "another"}]}])
    rules = {finding.rule for finding in found(story)}
    assert "output-differs" in rules
    assert "own-workflow-differs" not in rules


def test_a_run_of_an_agent_has_no_code_of_the_persons_own_around_it():
    assert {finding.rule for finding in found(ended(crashed(own=False), "not charged"))} == {
        "effect-missing",
        "output-differs",
    }
