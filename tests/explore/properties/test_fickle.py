"""Two fault-free runs that take different steps are one clear failure, and not conversations left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis.stateful import run_state_machine_as_test

from harness.explore.properties import (
    DoesNotSurvive,
    DurableMachine,
    close_benches,
    durable,
    fault_plans,
    scenarios,
    survives,
)
from harness.explore.properties.reproduction import told
from harness.faults import FaultPlan
from harness.scenario import Scenario
from harness.verdict import Owner

SUBJECT = "tests.explore.properties.fickle"
TWO_CHARGES: list[Any] = [{"call": "charge", "args": {"order_id": "a"}}, {"call": "charge", "args": {"order_id": "b"}}]
CHARGE: dict[str, Any] = {"call": "charge", "args": {"order_id": "order_id"}}
QUIETLY = durable(max_examples=60, derandomize=True, database=None)


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def found(search: Callable[[], None]) -> Scenario:
    """The scenario that a search shows, which has to be about two fault-free runs."""
    with pytest.raises(DoesNotSurvive, match=r"two fault-free runs took different steps: `.*tool:charge#") as caught:
        search()
    (finding,) = caught.value.report.findings
    assert (finding.check, finding.owner) == ("determinism", Owner.TOOL)
    assert caught.value.scenario.faults == ()
    assert told(caught.value.scenario, caught.value.report).count("took different steps") == 2  # here and in the file
    return caught.value.scenario


@pytest.mark.parametrize("agent", ["seeded", "chancy"])
def test_a_drawn_conversation_whose_fault_free_runs_differ_is_shown_with_the_first_difference(agent: str) -> None:
    @given(scenarios(f"{SUBJECT}:{agent}", rounds=2))
    @QUIETLY
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    shown = found(holds)

    if agent == "seeded":
        assert shown.script == [CHARGE, "done"]


@pytest.mark.parametrize("agent", ["seeded", "chancy"])
def test_so_is_a_conversation_that_a_person_wrote(agent: str) -> None:
    given_script = Scenario.make(subject=f"{SUBJECT}:{agent}", script=[*TWO_CHARGES, "done"])

    @given(fault_plans(given_script.subject, script=given_script.script))
    @QUIETLY
    def holds(plan: FaultPlan) -> None:
        survives(given_script.with_plan(plan))

    assert found(holds) == given_script


def test_a_scenario_without_faults_is_held_against_another_run_of_it() -> None:
    scenario = Scenario.make(subject=f"{SUBJECT}:seeded", script=[CHARGE, "done"])

    assert found(lambda: survives(scenario) and None) == scenario


def test_several_runs_in_one_store_fail_for_it() -> None:
    machine = type("Machine", (DurableMachine,), {"subject": f"{SUBJECT}:seeded"})

    found(lambda: run_state_machine_as_test(machine, settings=QUIETLY))
