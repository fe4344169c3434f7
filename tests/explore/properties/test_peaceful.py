"""A conversation that fails by itself is shown without any fault, whatever was drawn for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given

from harness.explore.properties import DoesNotSurvive, close_benches, durable, fault_plans, scenarios, survives
from harness.faults import FaultPlan
from harness.scenario import Scenario

CHARGE: dict[str, Any] = {"call": "charge", "args": {"order_id": "a", "cents": 1}}
TWICE = Scenario.make(
    subject="fixtures.agents.till:agent",
    engine="fixtures.engines.one_key_for_two_tools:Engine",
    script=[{"calls": [CHARGE, CHARGE]}, "done"],
)
"""The second charge is never made, crash or no crash."""


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def found(*actions: str) -> DoesNotSurvive:
    """What is shown of plans with these actions in that conversation."""

    @given(fault_plans(TWICE.subject, engine=TWICE.engine, script=TWICE.script, actions=actions))
    @durable(max_examples=5, derandomize=True, database=None)
    def holds(plan: FaultPlan) -> None:
        survives(TWICE.with_plan(plan))

    with pytest.raises(DoesNotSurvive) as caught:
        holds()
    return caught.value


def test_what_fails_in_every_run_is_shown_without_faults() -> None:
    shown = found("crash")

    assert shown.scenario == TWICE
    assert str(shown).startswith(f"{TWICE.subject} under {TWICE.engine} fails without any fault: failed")
    assert {finding.rule for finding in shown.report.findings} == {"asked-never-ran"}


def test_so_is_what_is_drawn_for_a_tool_whose_key_two_calls_share() -> None:
    @given(scenarios(TWICE.subject, rounds=1, tools={"charge": "keyed:order_id"}))
    @durable(max_examples=50, derandomize=True, database=None)
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive, match="fails without any fault") as caught:
        holds()

    ((calls, ending), faults) = caught.value.scenario.script, caught.value.scenario.faults
    assert (len(calls["calls"]), ending, faults) == (2, "done", ())
    assert [finding.check for finding in caught.value.report.findings] == ["idempotency_keys"]


def test_a_failure_of_another_kind_keeps_its_fault() -> None:
    """A run that an error ends at once has not come to what fails by itself."""
    shown = found("error")

    assert shown.scenario.faults == ("error(503)@model#1",)
    assert "asked-never-ran" not in {finding.rule for finding in shown.report.findings}
