"""What dies with a process is no chance: it differs behind a crash, and never between runs without faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from harness.explore.properties import DoesNotSurvive, close_benches, durable, scenarios, survives
from harness.scenario import Scenario
from harness.verdict import Owner


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def test_an_effect_that_counts_in_a_module_does_not_survive() -> None:
    calls = [{"call": "pay", "args": {"order_id": order}} for order in "ab"]

    @given(scenarios("tests.explore.properties.forgetful:till", script=[*calls, "done"], tools={"pay": "repeatable"}))
    @durable(max_examples=30, derandomize=True, database=None)
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive, match=r"number: 2 became 1: it ran in life 2, without what `pay` had") as caught:
        holds()

    assert [(each.rule, each.owner) for each in caught.value.report.findings] == [("effect-differs", Owner.TOOL)]
