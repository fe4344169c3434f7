"""How the times of a unit that an engine limits are scaled, and what stays as it was configured."""

from __future__ import annotations

import pytest

from harness.engines.clock import UNKNOWN, Clock, choose
from harness.subjects.clock import CEILING, FLOOR


@pytest.mark.parametrize(
    ("clock", "configured", "effective"),
    [
        (Clock(), 60.0, 60.0),
        (Clock(100.0), 60.0, 60.0),
        (Clock(100.0, {"charge": 0.01}, hurried=True), 60.0, 0.6),
        (Clock(100.0, {"charge": 0.2}, hurried=True), 60.0, 2.0),
        (Clock(100.0, {"charge": 0.01}, hurried=True), 10.0, FLOOR),
        (Clock(100.0, {"charge": 9.0}, hurried=True), 60.0, 60.0),
        (Clock(100.0, hurried=True), 60.0, UNKNOWN),
        (Clock(100.0, hurried=True), 2.0, 2.0),
        (Clock(10.0, asked=True), 60.0, 6.0),
        (Clock(1.0, asked=True), 60.0, 60.0),
        (Clock(1000.0, asked=True), 60.0, FLOOR),
        (Clock(1000.0, asked=True), 0.1, 0.1),
        (Clock(100.0, {"charge": 0.2}, hurried=True, ease=10.0), 60.0, 20.0),
        (Clock(1000.0, asked=True, ease=10.0), 60.0, 3.0),
    ],
    ids=[
        "nothing waits for it",
        "nothing waits for it, though a factor is known",
        "a hang waits for it",
        "ten times what the body takes",
        "the floor",
        "never longer than configured",
        "a body that nobody has seen",
        "a body that nobody has seen, under a short timeout",
        "asked",
        "real time",
        "asked, the floor",
        "shorter than the floor",
        "once more, with ten times the time",
        "once more, asked",
    ],
)
def test_a_timeout_is_divided_only_where_it_must_act_and_never_to_less_than_its_body_needs(
    clock: Clock, configured: float, effective: float
) -> None:
    assert clock.timeout("charge", configured) == pytest.approx(effective)


def test_waits_are_always_divided() -> None:
    assert Clock(10.0).wait(30.0) == 3.0
    assert Clock(1.0, asked=True).wait(30.0) == 30.0
    assert Clock().wait(1.0) < 0.1


@pytest.mark.parametrize(
    ("clock", "divisor"),
    [(Clock(50.0), 1.0), (Clock(50.0, hurried=True), 50.0), (Clock(5.0, asked=True), 5.0)],
    ids=["nothing waits", "a timeout must act", "asked"],
)
def test_a_planned_delay_is_divided_as_the_timeouts_it_may_run_into(clock: Clock, divisor: float) -> None:
    assert clock.delay == divisor


@pytest.mark.parametrize(
    ("timeouts", "factor"),
    [([], None), ([0.0], None), ([60.0], 60.0 / FLOOR), ([3.0, 600.0], 600.0 / CEILING), ([0.1], 1.0)],
    ids=["none", "zero means none", "one", "the longest to the ceiling", "never slower"],
)
def test_the_factor_brings_the_shortest_to_the_floor_or_the_longest_to_the_ceiling(
    timeouts: list[float], factor: float | None
) -> None:
    assert choose(timeouts) == factor
