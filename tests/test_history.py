"""Events make executions, executions make steps; nothing that one process began is finished by another."""

from __future__ import annotations

import json

import pytest

from harness.history import (
    Effect,
    Event,
    FaultFired,
    History,
    Note,
    Outcome,
    StepEntered,
    StepLeft,
    located,
    spelled,
)
from tests.builders import Story

CHARGE = "tool:charge#1"


@pytest.mark.parametrize(
    "kind", [kind for kind in Event.kinds.values() if kind is not Event], ids=lambda kind: kind.__name__
)
def test_every_kind_of_event_survives_json(kind):
    required = {
        name: "x" for name in kind.__dataclass_fields__ if kind.__dataclass_fields__[name].kw_only and name in SAMPLES
    }
    event = kind(**{name: SAMPLES[name] for name in required}, seq=3, time=1.5, pid=7, worker=1, incarnation=2)
    values = json.loads(json.dumps(event.to_json()))
    assert "seq" not in values
    assert Event.from_json(3, values) == event


SAMPLES = {
    "run": "r", "engine": "e", "subject": "s", "plan": "p", "how": "finished", "cause": "crash", "act": "kill",
    "method": "POST", "host": "h", "seconds": 0.5,
    "unit": "u", "name": "n", "step": "model#1", "claimed": True, "fault": "hang@model#1", "window": "before",
    "status": "ok", "text": "t", "stimulus": "approval", "kind": "k", "role": "validator",
}  # fmt: skip


def test_an_event_of_a_later_version_is_a_note_and_unknown_fields_are_left_out():
    unknown = Event.from_json(4, {"kind": "Teleported", "to": "mars"})
    assert isinstance(unknown, Note)
    assert (unknown.seq, "Teleported" in unknown.text) == (4, True)
    newer = {"kind": "Effect", "name": "charge", "colour": "red"}
    assert Event.from_json(5, newer) == Effect(seq=5, name="charge")


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


def test_steps_stand_in_the_order_of_their_first_body():
    story = Story().life().kept("model#1").kept(CHARGE).kept("model#1").kept("model#2")
    history = story.history()
    assert history.steps == ("model#1", CHARGE, "model#2")
    assert [len(runs) for runs in history.by_step.values()] == [2, 1, 1]
    assert history.recorded_steps() == {"model#1", CHARGE, "model#2"}


def test_invocations_are_told_apart_by_their_run():
    story = Story().life().kept("model#1").outcome("one").invokes(2).kept("model#1").kept("run").outcome("two")
    history = story.history()
    assert history.steps == ("model#1", "run#2.model#1", "run#2")
    assert {number: outcome.output for number, outcome in history.outcomes.items()} == {1: "one", 2: "two"}


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


def test_the_last_outcome_of_an_invocation_counts():
    history = Story().life().failed().dies("death").life().outcome("done").history()
    assert history.outcomes[1].status == "ok"


def test_lives_deaths_and_faults_are_counted():
    story = Story("crash@model#1/before; crash@model#1/before~2").life().crash().life().crash().life().finished()
    history = story.history()
    assert history.incarnations == 3
    assert [death.cause for death in history.deaths()] == ["crash", "crash"]
    assert [fired.fault for fired in history.fired] == ["crash@model#1/before", "crash@model#1/before~2"]


def test_the_calls_of_one_response_are_siblings_in_message_order():
    calls = ("tool:a#1", "tool:b#1")
    story = Story().life().kept("model#1", calls=calls).kept("tool:b#1").kept("tool:a#1")
    history = story.kept("model#2", calls=("tool:c#1",)).kept("tool:c#1").history()
    assert history.siblings() == {"tool:a#1": calls, "tool:b#1": calls}


def test_a_call_that_was_rejected_is_nobodys_sibling():
    calls = ("tool:a#1", "tool:b#1", "tool:c#1")
    history = Story().life().kept("model#1", calls=calls).kept("tool:b#1").kept("tool:c#1").history()
    assert history.siblings() == {"tool:b#1": calls[1:], "tool:c#1": calls[1:]}


def test_a_history_can_be_cut():
    story = Story().life().kept("model#1").finished()
    history = story.history()
    cut = history.before(history.of(Outcome)[0].seq)
    assert cut.outcomes == {}
    assert cut.of(StepEntered) == history.of(StepEntered)
    assert len(list(cut)) == len(cut.events) < len(history.events)


def test_an_empty_history_has_nothing():
    history = History(())
    assert (history.steps, history.outcomes, history.incarnations, history.fired) == ((), {}, 0, ())
    assert history.of(StepLeft) == ()
    assert history.of(FaultFired) == ()
