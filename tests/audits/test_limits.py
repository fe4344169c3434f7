"""What only takes away: usage limits, limits on concurrency, deadlines; and what wraps a model."""

from __future__ import annotations

import math

import pytest
from pydantic_ai import UsageLimits

from fixtures.audit import limited
from harness.audits import collect
from harness.audits.asking.enclosing import enclosed
from harness.audits.asking.limits import Usage, concurrency
from harness.audits.asking.modeling import Asker
from harness.audits.asking.outcomes import Outcome
from harness.retries.arithmetic import AtMost, Course, spelled, times
from harness.retries.live import Answer, TimedOut
from harness.retries.values import Failure, RetryLayer

F = Failure


def units(agent, usage: Usage | None = None):
    return {unit.unit: unit for unit in collect.units_of(agent, lambda _unit: (), usage)}


def test_a_run_that_is_told_nothing_has_pydantic_ais_own_limit():
    usage = Usage()
    assert usage.layer.settings == {"request_limit": "50"}
    assert usage.layer.origin.said == "default"
    assert "no agent holds them" in usage.layer.notes[0]


def test_a_usage_limit_stops_what_an_agent_would_try_more_often():
    found = units(limited.stubborn)
    again, asked = found["run"].cell(F.INVALID_OUTPUT), found["tool:guess"].cell(F.MODEL_RETRY)
    assert again.chain == "50 (usage limits stop 101 (agent output)) = 50"
    assert asked.chain == "50 (usage limits stop 101 (agent)) = 50"
    assert (again.stops, asked.stops) == ("usage limits", "usage limits")
    assert found["model"].cell(F.UNAVAILABLE).predicted == 3  # it counts turns, not what an SDK sends


LIMITS = {
    "a number of their own": (UsageLimits(request_limit=7), 7.0),
    "none": (UsageLimits(request_limit=None), 101.0),
    "made in the call": (UsageLimits, 101.0),
    "senseless": (UsageLimits(request_limit=-1), 101.0),
}


@pytest.mark.parametrize(("given", "turns"), LIMITS.values(), ids=LIMITS.keys())
def test_limits_that_a_workflow_names_are_those_of_its_runs(given, turns):
    assert units(limited.stubborn, Usage(given))["run"].cell(F.INVALID_OUTPUT).predicted == turns


def test_limits_that_nobody_can_see_are_unknown_and_leave_the_worst():
    unit = units(limited.stubborn, Usage(UsageLimits))["run"]
    assert [layer.name for layer in unit.layers if layer.unknown] == ["usage limits"]
    assert unit.unknown == ()  # the verdict does not depend on them


def test_limits_on_concurrency_are_told_with_what_they_hold_up():
    model, agent = (layer for unit in ("model", "run") for layer in units(limited.limited)[unit].layers[-1:])
    assert model.settings == {"max_running": "2", "max_queued": "5"}
    assert agent.settings == {"max_running": "3", "max_queued": "no limit"}
    assert "kept through every retry" in model.notes[0]
    assert concurrency(None, "agent") is None


def test_a_limiter_of_somebodys_own_is_unknown():
    assert "only known in a run" in units(limited.shared)["model"].layers[-1].unknown
    assert units(limited.shared)["model"].unknown == ()


def test_a_model_that_wraps_another_is_asked_itself():
    asker = Asker(limited.twice.model)
    assert spelled(asker.ask(F.UNAVAILABLE).expression) == "3 (openai) × 2 (Twice) = 6"
    assert "Twice" in [layer.name for layer in asker.layers]


def test_what_wraps_a_fallback_is_unknown():
    asker = Asker(limited.hidden.model)
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    assert "around a fallback" in next(layer.unknown for layer in asker.layers if layer.name == "Twice")


def test_retries_in_the_models_settings_are_those_of_the_sdk():
    asker = Asker(limited.settled.model, limited.settled.model_settings)
    assert spelled(asker.ask(F.UNAVAILABLE).expression) == "5 (openai) = 5"
    assert next(layer for layer in asker.layers if layer.name == "openai").settings["max_retries"] == "4"


class Around:
    """A layer written by hand."""

    def __init__(self, attempts: int | None = 1, **given) -> None:
        self.layer = RetryLayer(**{"name": "around", "kind": "container", **given})
        self.attempts, self.seen = attempts, None

    def answer(self, error: BaseException) -> Answer:
        self.seen = error
        return Answer(self.attempts, lambda _attempt: 1.0, error)


def course(attempts: int | None) -> Outcome:
    done = Course().repeated(attempts, lambda _attempt: 10.0)
    return Outcome(times(attempts, "sdk", endless=attempts is None), done, None if attempts is None else OSError())


def cell_of(outcome: Outcome, *lives: Around):
    return enclosed(outcome, lives, F.UNAVAILABLE, {})


def test_a_deadline_ends_what_would_never_have_ended():
    flow, after = Around(each=35.0), Around(2, name="after")
    assert cell_of(course(None), flow, after).chain == ("4 (around ends unlimited (sdk) after 35 s) × 2 (after) = 8")
    assert isinstance(flow.seen, TimedOut)
    total = cell_of(course(None), Around(all=35.0))
    assert (total.predicted, total.stops, total.seconds) == (4, "around", 35.0)


def test_what_never_ends_is_not_tried_again():
    outer = Around(3)
    assert math.isinf(cell_of(course(None), outer).predicted)
    assert outer.seen is None


def test_a_timeout_that_does_not_interrupt_cuts_nothing():
    assert cell_of(course(3), Around(kind="limit", all=5.0, interrupts=False)).chain == "3 (sdk) = 3"


def test_a_limit_that_is_unknown_leaves_the_prediction_what_it_is():
    assert cell_of(course(3), Around(kind="limit", unknown="nobody knows")).predicted == 3
    assert cell_of(course(3), Around(unknown="nobody knows")).predicted is None


def test_a_limit_is_no_deadline():
    assert str(AtMost(most=2, layer="usage limits", part=times(9, "agent"))) == "2 (usage limits stop 9 (agent))"


def test_an_engine_is_asked_for_the_agents_units_inside_a_workflow():
    from fixtures.audit import own_temporal
    from harness.audits import own
    from harness.engines.temporal import retries

    options = {"workflow_attempts": 1}
    ask = lambda unit: retries.layers(own_temporal.Limited, unit, options)  # noqa: E731
    found = {unit.unit: unit for unit in own.units_of(own_temporal.Limited, ask)}
    assert found["agent.model"].cell(F.UNAVAILABLE).chain == "3 (openai) × 2 (temporal activity) = 6"
    assert found["agent.run"].cell(F.INVALID_OUTPUT).chain == "2 (usage limits stop 6 (agent output)) = 2"
    assert found["step:archive"].cell(F.TOOL_EXCEPTION).chain == "unlimited (temporal activity) = unlimited"
