"""What is counted from a journal, on journals written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.audits.wire.counted import Wire, call_of, counted, longest_wait
from harness.audits.wire.failures import CUT_OFF
from harness.history import (
    Event,
    FaultFired,
    History,
    HttpRequest,
    Observation,
    Outcome,
    RunEnded,
    StepEntered,
    StepLeft,
    UnitEntered,
    UnitLeft,
    UnitTried,
    Waited,
)

MODEL, TOOL = "model#1", "tool:charge#1"
SENT = HttpRequest(method="POST", host="h", status=503)
FAILED = FaultFired(fault="25*error@tool:charge#1", step=TOOL, window="before")


def happened(*events: tuple[float, Event]) -> History:
    """A history in which each event has its second."""
    stamped = [{**event.to_json(), "time": time} for time, event in events]
    return History(tuple(Event.from_json(seq, values) for seq, values in enumerate(stamped, 1)))


def begun(step: str = MODEL) -> Event:
    return StepEntered(step=step)


def over(step: str = MODEL) -> Event:
    return StepLeft(step=step, outcome="error")


def tried() -> Event:
    return UnitTried(unit="u", step=TOOL, attempt=1, tries=0)


ENDED = (9.0, RunEnded(how="finished"))


def test_requests_and_bodies_are_counted_one_by_one():
    history = happened((1, begun()), (1, SENT), (1, SENT), (2, over()), (3, begun()), (3, SENT), (4, over()), ENDED)
    seen = counted(history, Wire("503", 25), Path())
    assert (seen.requests, seen.bodies, seen.unbounded) == (3, {MODEL: 2}, False)


@pytest.mark.parametrize(
    ("step", "call"),
    [
        pytest.param(None, "", id="what the workflow asks itself"),
        pytest.param("model#2", "", id="the only run of an agent"),
        pytest.param("run#2.model#1", "run#2", id="another one"),
        pytest.param("tool:fetch#1.run#2.model#1", "", id="what a tool begins is the tool's"),
        pytest.param("step:ask#2", "step:ask#2", id="a step"),
        pytest.param("step:ask#2.run#2.model#1", "step:ask#2", id="what a step begins is the step's"),
        pytest.param("step:child#1.step:ask#2", "step:child#1.step:ask#2", id="a step of a workflow that is called"),
    ],
)
def test_what_happens_belongs_to_a_call_of_a_step_or_to_a_run(step, call):
    assert call_of(step) == call


def test_waits_inside_are_exact_and_pauses_between_are_scaled_back():
    waited = Waited(seconds=2.5, step=MODEL)
    history = happened(
        (1.0, begun()), (1.1, waited), (1.1, waited), (1.2, over()), (1.5, begun()), (1.6, over()), ENDED
    )
    assert counted(history, Wire("503", 25, scale=10), Path()).seconds == 5.0 + 3.0
    assert longest_wait(history) == 5.0


def test_what_the_runs_that_a_body_begins_wait_for_is_waited_for_in_that_body():
    waits = (Waited(seconds=3, step=f"{TOOL}{run}") for run in ("", ".run#2", ".run#3.tool:look#1"))
    history = happened((1.0, begun(TOOL)), *((1.1, wait) for wait in waits), (1.2, over(TOOL)), ENDED)
    assert longest_wait(history) == 9.0


def test_where_everything_is_divided_by_one_factor_so_is_the_whole():
    history = happened((1.0, begun()), (2.0, Waited(seconds=20, step=MODEL)), (2.0, over()), ENDED)
    assert counted(history, Wire("503", 25, scale=20, pace=20), Path()).seconds == 20.0


def test_a_body_that_fails_before_it_begins_has_run_as_often_as_it_failed():
    history = happened((1.0, FAILED), (1.5, FAILED), (2.0, FAILED), ENDED)
    seen = counted(history, Wire("tool-exception", 25, TOOL, scale=2), Path())
    assert (seen.bodies, seen.seconds, seen.unbounded) == ({TOOL: 3}, 2.0, False)


@pytest.mark.parametrize(
    ("events", "limit", "unbounded"),
    [
        pytest.param([FAILED, FAILED], 2, False, id="it failed to the last, and nothing tried again"),
        pytest.param([FAILED, FAILED, begun(TOOL), over(TOOL)], 2, True, id="it was tried after its last failure"),
        pytest.param([FAILED, tried()], 1, True, id="so was a step, of which only attempts are told"),
        pytest.param([tried(), FAILED], 1, False, id="the last attempt at a step is the one that failed"),
        pytest.param([FAILED, begun(TOOL)], 2, False, id="it has failures left"),
        pytest.param([SENT, Observation(name=CUT_OFF, value=1)], 1, True, id="a request too many"),
        pytest.param([begun(), over()] * 25, 4, True, id="one body, again and again"),
        pytest.param([begun(), over()] * 24, 4, False, id="one body, not quite so often"),
        pytest.param([begun(), over()] * 33, 32, True, id="one body, more often than it may fail"),
        pytest.param([begun(), over()] * 27, 32, False, id="one body, and it may fail more often than that"),
    ],
)
def test_what_would_have_gone_on_is_unbounded(events, limit, unbounded):
    history = happened(*((1.0, event) for event in events), ENDED)
    seen = counted(history, Wire("tool-exception", limit, TOOL), Path())
    assert seen.unbounded is unbounded
    assert seen.bodies.get(TOOL, 0) <= limit


STEP = "step:plan#1"


def own(step: str = STEP, *, claimed: bool = False) -> list[Event]:
    """A step of a workflow's own, known as `step` when it has ended."""
    return [UnitEntered(unit="u", name="plan", step=STEP), UnitLeft(unit="u", step=step, claimed=claimed, outcome="ok")]


@pytest.mark.parametrize(
    ("events", "bodies", "covered"),
    [
        pytest.param([*own(), *own()], {STEP: 2}, False, id="a step that dies as what it is"),
        pytest.param(
            [*own(MODEL, claimed=True), begun(), over()], {STEP: 1, MODEL: 1}, True, id="one with a request in it"
        ),
        pytest.param([*own()] * 9, {STEP: 4}, False, id="no more often than it may die"),
    ],
)
def test_of_a_step_that_dies_there_are_only_units(events, bodies, covered):
    history = happened(*((1.0, event) for event in events), ENDED)
    seen = counted(history, Wire("crash", 4, STEP), Path())
    assert (seen.bodies, seen.covered) == (bodies, covered)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        pytest.param([Outcome(status="ok")], "ok", id="it ended well"),
        pytest.param([Outcome(status="error", error="no", error_type="ModelHTTPError")], "ModelHTTPError", id="error"),
        pytest.param([Observation(name=CUT_OFF, value=1), RunEnded(how="limit")], "cut off", id="a request too many"),
        pytest.param([*[begun()] * 26, RunEnded(how="stuck")], "cut off", id="tried again and again"),
        pytest.param([RunEnded(how="stuck")], "stuck", id="waits for something that never comes"),
    ],
)
def test_the_outcome_is_what_the_caller_saw_or_how_the_run_was_ended(events, outcome):
    assert counted(happened(*((1.0, event) for event in events)), Wire("503", 25), Path()).outcome == outcome


@pytest.mark.parametrize(
    ("events", "outlived"),
    [
        pytest.param([begun(), over(), Outcome(status="ok")], False, id="all that began was over"),
        pytest.param([begun(), Outcome(status="ok")], True, id="the run was over before what it began"),
        pytest.param([begun()], False, id="the run was ended itself"),
        pytest.param(
            [
                replace(begun(), incarnation=1),
                replace(begun(), incarnation=2),
                replace(over(), incarnation=2),
                Outcome(status="ok"),
            ],
            False,
            id="a process died in it, and the next one came to its end",
        ),
    ],
)
def test_what_a_run_does_not_wait_for_may_outlive_it(events: list[Event], outlived: bool):
    history = happened(*((time, event) for time, event in enumerate(events, 1)), ENDED)
    assert counted(history, Wire("503", 25), Path()).outlived is outlived
