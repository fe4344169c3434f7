"""What the engine itself says, brought beside the steps that were seen."""

from __future__ import annotations

from typing import Any

import pytest

from harness.checks.account import account, time_scale
from harness.scenario import Scenario
from harness.verdict import UnitAccount
from tests.builders import Story

CHARGE = "tool:charge#1"


def key_of(story: Story, step: str) -> str:
    """The unit that a step was recorded in."""
    return next(run.entered.unit for run in story.history().executions if run.step == step and run.entered.unit)


def test_a_unit_is_told_by_the_step_that_was_seen_in_it():
    story = Story().life().kept("model#1").kept(CHARGE).finished()
    story.testimony(key_of(story, CHARGE), "nobody's", attempts=2)
    assert [(unit.step, unit.attempts) for unit in account(story.history())] == [(CHARGE, 2), (None, 2)]


def test_each_invocation_has_units_and_a_run_of_its_own():
    story = Story().life().kept("model#1").invokes(2).kept("model#1").finished()
    key = key_of(story, "model#1")
    told = account(story.testimony(key, "run").history())
    assert [(unit.step, unit.name) for unit in told] == [("run#2.model#1", key), ("run#2", "run")]


def test_times_and_failures_are_what_the_adapter_kept():
    detail: dict[str, Any] = {"configured": {"timeout": 60.0}, "effective": {"timeout": 6.0}, "last_failure": "late"}
    (unit,) = account(Story().testimony("u", detail=detail).history())
    assert (unit.configured, unit.effective, unit.failure) == ({"timeout": 60.0}, {"timeout": 6.0}, "late")


def unit(configured: dict[str, float], effective: dict[str, float]) -> UnitAccount:
    return UnitAccount("u", None, "u", "recorded", configured=configured, effective=effective)


SCALES = {
    "no times at all": ([unit({}, {})], None, ""),
    "no times, but a factor that was asked for": ([], 5, "times are divided by 5 (`--time-scale 5`)"),
    "real time": ([unit({"timeout": 60}, {"timeout": 60})], None, "times are real"),
    "real time that was asked for": ([unit({"timeout": 60}, {"timeout": 60})], 1, "times are real (`--time-scale 1`)"),
    "waits alone": (
        [unit({"close_timeout": 60, "interval": 1}, {"close_timeout": 60, "interval": 0.01})],
        None,
        "timeouts are as configured and waits are divided by 100; `--time-scale 1` is real time",
    ),
    "timeouts that stopped at their floor": (
        [unit({"timeout": 60}, {"timeout": 6}), unit({"timeout": 1}, {"timeout": 0.3})],
        None,
        "timeouts are divided by up to 10; `--time-scale 1` is real time",
    ),
    "a time that only one side knows": ([unit({"timeout": 60}, {"delay": 1})], None, ""),
}


@pytest.mark.parametrize(("units", "asked", "said"), SCALES.values(), ids=SCALES.keys())
def test_the_time_scale_in_use_is_said_in_words(units: list[UnitAccount], asked: float | None, said: str):
    assert time_scale(units, Scenario.make(subject="a:b", time_scale=asked)) == said
