"""Events make executions; nothing that one process began is finished by another."""

from __future__ import annotations

from tests.builders import Story

CHARGE = "tool:charge#1"


def test_an_execution_goes_as_far_as_its_process_got():
    story = (
        Story()
        .life()
        .entered("model#1", recorded=True)
        .left("model#1")
        .committing("model#1")
        .crash("crash@model#1/between")
    )
    (run,) = story.history().executions
    assert (run.finished, run.recorded) == (True, False)
    assert run.commit_entered is not None


def test_what_one_process_began_no_other_finishes():
    story = Story().life().entered(CHARGE).dies("death").life().left(CHARGE)
    (run,) = story.history().executions
    assert run.left is None


def test_a_body_that_raised_has_not_finished():
    (run,) = Story().life().ran(CHARGE, error="boom").history().executions
    assert (run.finished, run.left is not None) == (False, True)


def test_attempts_in_one_process_are_executions_of_their_own():
    first, second = Story().life().ran(CHARGE, error="boom").kept(CHARGE, attempt=2).history().executions
    assert (first.finished, first.recorded) == (False, False)
    assert (second.finished, second.recorded) == (True, True)


def test_an_attempt_that_was_given_up_may_return_after_the_next_one_began():
    story = Story().life().entered(CHARGE).entered(CHARGE, attempt=2).left(CHARGE, "late", attempt=1)
    first, second = story.left(CHARGE, "new", attempt=2).history().executions
    assert (first.left.result, second.left.result) == ("late", "new")


def test_a_unit_that_records_a_step_is_not_counted_beside_it():
    story = (
        Story()
        .life()
        .unit("step:charge#1", key="7", until="left")
        .entered(CHARGE, unit="7")
        .left(CHARGE)
        .committed(CHARGE)
    )
    (run,) = story.history().executions
    assert (run.step, run.recorded) == (CHARGE, True)


def test_a_unit_of_its_own_is_a_step():
    (run,) = Story().life().unit("step:reserve#1").history().executions
    assert (run.step, run.recorded, run.arguments) == ("step:reserve#1", True, None)


def test_a_unit_that_died_before_the_step_in_it_was_entered_is_known_by_its_key():
    story = Story("crash@model#1/before").life().unit("step:request#1", key="7", until="entered").crash()
    story.life().ran("model#1", unit="7")
    assert story.history().steps == ("model#1",)


def test_a_unit_whose_step_a_fault_kept_from_beginning_is_no_step():
    story = Story("error(503)@model#1").life().unit("step:request#1", key="7", until="entered")
    story.fires("error(503)@model#1")
    assert story.history().steps == ()


def test_a_unit_that_is_struck_itself_is_a_step():
    story = Story("crash@step:reserve#1/before").life().fires("crash@step:reserve#1/before").unit("step:reserve#1")
    assert story.history().steps == ("step:reserve#1",)


def test_a_unit_that_had_returned_is_a_step_whatever_is_struck_next():
    story = Story("error@model#1").life().unit("step:clock#1").fires("error@model#1")
    assert story.history().steps == ("step:clock#1",)
