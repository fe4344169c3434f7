"""The last look: nothing one step simpler than what is shown fails. What fails is said by hand; the runs are real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.explore.properties import close_benches
from harness.explore.properties.simplest import simplest
from harness.scenario import Scenario

CALL = {"call": "charge", "args": {"order_id": "a", "cents": 1}}
REJECTED = {"call": "charge", "args": {}, "on_retry": {"args": {"order_id": "a", "cents": 1}}}


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def drawn(script: list[Any], *faults: str) -> Scenario:
    return Scenario.make(subject="fixtures.agents.till:agent", script=script, faults=list(faults))


def crashes_at(step: str, window: str = "") -> Callable[[Scenario], bool]:
    return lambda scenario: any(step in fault and fault.endswith(window) for fault in scenario.faults)


CASES: dict[str, tuple[Scenario, Callable[[Scenario], bool], list[Any], str]] = {
    "a fault that is not needed": (
        drawn(["done"], "crash@model#1/before", "crash@run/after~2"),
        crashes_at("run"),
        ["done"],
        "crash@run/before",
    ),
    "an earlier moment": (drawn(["done"], "crash@run/after"), crashes_at(""), ["done"], "crash@model#1/before"),
    "a call in front of the fault": (
        drawn([{"calls": [CALL, CALL]}, "done"], "crash@tool:charge#2/between"),
        crashes_at("tool:charge", "between"),
        [CALL, "done"],
        "crash@tool:charge#1/between",
    ),
    "a turn in front of the fault": (
        drawn([CALL, "done"], "crash@model#2/after"),
        crashes_at("model", "after"),
        ["done"],
        "crash@model#1/after",
    ),
    "a call that was rejected first, a word, an ending": (
        drawn([{"text": "Let me see.", "calls": [REJECTED]}, "That was it."], "crash@model#1/before"),
        lambda scenario: "charge" in str(scenario.script) and bool(scenario.faults),
        [CALL, "done"],
        "crash@model#1/before",
    ),
    "every fault": (
        drawn([CALL, CALL, "That was it."], "crash@model#1/before", "crash@model#2/before~2"),
        lambda scenario: "charge" in str(scenario.script),
        [CALL, "done"],
        "no fault",
    ),
}


@pytest.mark.parametrize(("scenario", "fails", "script", "plan"), CASES.values(), ids=CASES)
def test_what_is_not_needed_is_left_out(
    scenario: Scenario, fails: Callable[[Scenario], bool], script: list[Any], plan: str
) -> None:
    found = simplest(scenario, fails, shorten=True)

    assert (found.script, str(found.plan)) == (script, plan)


def test_a_conversation_that_a_person_wrote_stays_as_it_is() -> None:
    scenario = drawn([CALL, "done"], "crash@model#1/before")

    assert simplest(scenario, crashes_at("model"), shorten=False) == scenario


def test_it_ends_where_everything_fails_for_ever() -> None:
    scenario = drawn([{"calls": [CALL, CALL, CALL]}, CALL, "bye"], "crash@run/after", "crash@run/after~2")

    found = simplest(scenario, lambda _: True, shorten=True)

    assert (found.script, str(found.plan)) == (["done"], "no fault")
