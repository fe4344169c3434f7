"""What Hypothesis shrinks to is what a person would have tried: engines that are wrong in one way, each shown at its
simplest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given

from harness.explore.properties import DoesNotSurvive, close_benches, durable, scenarios, survives, surviving
from harness.explore.properties.patience import CUT_SHORT
from harness.scenario import Scenario

TILL = "fixtures.agents.till:agent"
A_CHARGE: dict[str, Any] = {"call": "charge", "args": {"order_id": "order_id", "cents": 1}}


class Another:
    """Equal to a charge of which one argument is another: the order or the amount, that is all the same."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict) or other.keys() != A_CHARGE.keys():
            return False
        usual, args = A_CHARGE["args"], other["args"]
        return args.keys() == usual.keys() and sum(args[name] != usual[name] for name in usual) == 1

    __hash__ = None  # type: ignore[assignment]


ANOTHER = Another()
QUIETLY: dict[str, Any] = {"derandomize": True, "database": None, "phases": [Phase.generate, Phase.shrink]}

SIMPLEST: dict[str, tuple[list[Any], str]] = {
    "loses_the_last_record": (["done"], "crash@model#1/after"),
    "repeats_model_requests": (["done"], "crash@model#1/after"),
    "forgets_the_runs_outcome": (["done"], "crash@run/after"),
    "repeats_tools": ([A_CHARGE, "done"], "crash@tool:charge#1/after"),
    "commits_before_the_body": ([A_CHARGE, "done"], "crash@tool:charge#1/before"),
    "returns_a_neighbours_result": ([{"calls": [A_CHARGE, ANOTHER]}, "done"], "crash@tool:charge#2/after"),
    "swaps_parallel_results": ([{"calls": [A_CHARGE, ANOTHER]}, "done"], "crash@tool:charge#2/after"),
    "ignores_arguments": ([{"calls": [A_CHARGE, A_CHARGE]}, "done"], "no fault"),
    "one_key_for_two_tools": ([{"calls": [A_CHARGE, A_CHARGE]}, "done"], "no fault"),
    "doubles_usage": (["done"], "crash@model#1/before"),
    "drops_message_history": (["done"], "crash@model#1/before"),
    "rare.forgets_in_the_third_life": (["done"], "crash@model#1/before; crash@model#1/after~2"),
}
"""The shortest conversation and the simplest plan that show what is wrong with an engine."""


@pytest.fixture(autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


@pytest.mark.slow
@pytest.mark.parametrize("engine", SIMPLEST)
def test_a_broken_engine_is_shown_at_its_simplest(engine: str) -> None:
    @given(scenarios(TILL, [f"fixtures.engines.{engine}:Engine"], rounds=3))
    @durable(max_examples=100, **QUIETLY)
    def everything_survives(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive) as caught:
        everything_survives()

    found = caught.value.scenario
    assert (found.script, str(found.plan)) == SIMPLEST[engine]


def test_a_search_that_hangs_too_often_says_that_it_ended_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surviving, "HANGS", 0)  # so that any other scenario is one too many

    @given(scenarios(TILL, ["fixtures.engines.repeats_tools:Engine"]))
    @durable(max_examples=20, derandomize=True, database=None, phases=[Phase.generate])
    def everything_survives(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive, match=CUT_SHORT):
        everything_survives()


def test_the_reference_engine_survives_the_same() -> None:
    tried = []

    @given(scenarios(TILL, rounds=3))
    @durable(max_examples=25, derandomize=True, database=None)
    def everything_survives(scenario: Scenario) -> None:
        survives(scenario)
        tried.append(str(scenario.plan))

    everything_survives()

    assert len(set(tried)) > 10
