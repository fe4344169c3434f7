"""Executions make steps, and a history answers what checks ask."""

from __future__ import annotations

import pytest

from harness.history import FaultFired, History, Outcome, ServerChanged, StepEntered, StepLeft
from tests.builders import Story

CHARGE = "tool:charge#1"


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


def test_the_last_outcome_of_an_invocation_counts():
    history = Story().life().failed().dies("death").life().outcome("done").history()
    assert history.outcomes[1].status == "ok"


def test_lives_deaths_and_faults_are_counted():
    story = Story("crash@model#1/before; crash@model#1/before~2").life().crash().life().crash().life().finished()
    history = story.history()
    assert history.incarnations == 3
    assert [death.cause for death in history.deaths()] == ["crash", "crash"]
    assert [fired.fault for fired in history.fired] == ["crash@model#1/before", "crash@model#1/before~2"]


@pytest.mark.parametrize(
    ("story", "kills"),
    [
        pytest.param(Story().life().dies("crash").life().dies("crash").life().finished(), 2, id="crashes"),
        pytest.param(Story().life().dies("death").life().finished(), 1, id="killed by somebody else"),
        pytest.param(Story().life().dies("hang").life().finished(), 0, id="ended by the harness"),
        pytest.param(Story().life().dies("exit").life().finished(), 0, id="lives that the scenario asks for"),
        pytest.param(Story("duplicate@model#1").life().life(twin=True).wakes().finished(), 0, id="a second owner"),
    ],
)
def test_only_what_was_killed_counts_as_a_kill(story: Story, kills: int) -> None:
    assert story.history().kills == kills


def test_the_death_of_a_server_is_a_kill_and_its_new_start_is_none() -> None:
    assert History((ServerChanged(act="kill"), ServerChanged(act="start"))).kills == 1


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
