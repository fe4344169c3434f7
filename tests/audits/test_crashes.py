"""How often a body runs when its process dies each time: predicted, and measured with real deaths."""

from __future__ import annotations

import math

import pytest

from fixtures.audit import documented_prefect
from harness import audit
from harness.audits import collect
from harness.audits.proof import _is_of, _limit
from harness.audits.rules import found
from harness.audits.targets import target
from harness.engines.prefect import retries as prefect
from harness.retries.arithmetic import times
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from harness.steps import StepId
from tests.audits.reports import cell, growing, measured, model, report

F = Failure
ENDLESS = times(None, "dbos recovery", endless=True)


def dying(factor, **more) -> UnitAudit:
    return model(cell(F.CRASH, factor, counts="executions", **more))


def test_under_temporal_the_activity_is_tried_again_as_its_policy_says():
    proven = audit("fixtures.audit.own_temporal:Limited", "temporal", options={"workflow_attempts": 1})
    (asked,) = [unit for unit in proven.units if unit.unit == "agent.model"]
    died = asked.cell(F.CRASH)
    assert (died.chain, died.counted, died.agrees) == ("2 (temporal activity) = 2", 2, True)
    assert "prediction-differs" not in {finding.rule for finding in proven.findings}


def test_under_prefect_nothing_begins_it_again_by_itself():
    agent = documented_prefect.openai
    (unit, *_rest) = collect.units_of(agent, lambda unit: prefect.layers(agent, unit, {}))
    assert unit.cell(F.CRASH).predicted == 1
    assert "by itself" in target(unit, unit.cell(F.CRASH), UnitAudit(unit="model"), False, {})


def test_what_a_run_asks_after_the_last_death_is_no_request_that_died():
    unit = dying(times(101, "dbos recovery"))
    died = target(unit, unit.cells[0], unit, True, {})
    assert [step for step in ("model#1", "model#2", "tool:charge#1") if _is_of(StepId.parse(step), died)] == ["model#1"]


MEASURED_TO = {"few": (times(3, "dbos recovery"), 4), "many": (times(101, "dbos recovery"), 3), "endless": (ENDLESS, 3)}


@pytest.mark.parametrize(("factor", "deaths"), MEASURED_TO.values(), ids=MEASURED_TO.keys())
def test_few_deaths_are_measured_to_their_end_and_of_many_some(factor, deaths):
    assert _limit(cell(F.CRASH, factor)) == deaths


@pytest.mark.parametrize(("number", "most"), [(10, 15), (1000, 1005), (1001, 25), (10**9, 25)])
def test_of_what_would_take_too_long_as_many_are_measured_as_of_what_never_ends(number, most):
    assert _limit(cell(F.UNAVAILABLE, times(number, "openai"))) == most


AGREES = {
    "equal": (times(3, "dbos recovery"), measured(3), True),
    "fewer": (times(3, "dbos recovery"), measured(2), False),
    "more": (times(3, "dbos recovery"), measured(4, capped=True), False),
    "stopped below": (times(101, "dbos recovery"), measured(3, capped=True), None),
    "ended below": (times(101, "dbos recovery"), measured(3), False),
    "endless": (ENDLESS, measured(3, capped=True), True),
}


@pytest.mark.parametrize(("factor", "seen", "agrees"), AGREES.values(), ids=AGREES.keys())
def test_a_measurement_that_was_stopped_below_a_number_neither_agrees_nor_differs(factor, seen, agrees):
    assert cell(F.CRASH, factor, measured=seen).agrees is agrees


@pytest.mark.parametrize("failure", [F.CRASH, F.TOOL_EXCEPTION])
def test_what_was_stopped_is_not_fewer_than_a_bound_allows(failure):
    assert not cell(failure, ENDLESS, measured=measured(25, capped=True), bound=True).is_below
    assert cell(failure, ENDLESS, measured=measured(25), bound=True).is_below


def test_no_budget_is_about_deaths():
    assert dying(times(101, "dbos recovery")).worst is None
    assert not {"many-retries", "stacked-retries"} & {one.rule for one in found(report(dying(times(101, "dbos step"))))}
    both = model(cell(F.UNAVAILABLE, growing(2, "openai")), cell(F.CRASH, ENDLESS))
    assert both.worst.failure is F.UNAVAILABLE
    assert not math.isinf(both.worst.predicted)
