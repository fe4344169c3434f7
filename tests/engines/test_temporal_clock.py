"""How times are scaled, and what stays as it was configured."""

from __future__ import annotations

import pytest

from harness.engines.temporal.clock import CEILING, FLOOR, PATIENCE, ROOM, Clock, choose

HURRIED = Clock(100.0, {"quick": 0.001, "slow": 0.2}, hurried=True)


@pytest.mark.parametrize(
    ("clock", "name", "configured", "expected"),
    [
        (Clock(100.0, {"quick": 0.001}), "quick", 60.0, 60.0),
        (HURRIED, "quick", 60.0, 0.6),
        (HURRIED, "quick", 10.0, FLOOR),
        (HURRIED, "quick", 0.1, 0.1),
        (HURRIED, "slow", 60.0, ROOM * 0.2),
        (HURRIED, "slow", 1.0, 1.0),
        (HURRIED, "unknown", 60.0, PATIENCE),
        (HURRIED, "unknown", 2.0, 2.0),
        (Clock(1.0, asked=True), "quick", 60.0, 60.0),
        (Clock(20.0, {"quick": 0.001}, asked=True), "quick", 60.0, 3.0),
        (Clock(1000.0, asked=True), "quick", 60.0, FLOOR),
    ],
    ids=[
        "nothing waits for it", "divided", "held to the floor", "never longer than configured", "room for its body",
        "room, but not more than configured", "nobody knows its body", "nobody knows, and it is short",
        "real time", "as asked", "as asked, held to the floor",
    ],
)  # fmt: skip
def test_a_timeout_is_scaled_where_a_run_waits_for_it(
    clock: Clock, name: str, configured: float, expected: float
) -> None:
    assert clock.timeout(name, configured) == pytest.approx(expected)


def test_a_wait_is_always_divided():
    assert Clock().wait(1.0) == pytest.approx(0.01)
    assert Clock(50.0).wait(1.0) == pytest.approx(0.02)
    assert Clock(1.0, asked=True).wait(1.0) == 1.0


def test_a_planned_delay_is_divided_as_the_timeouts_are():
    assert HURRIED.delay == 100.0
    assert Clock(100.0).delay == 1.0


@pytest.mark.parametrize(
    ("timeouts", "smallest", "longest"),
    [([30.0, 60.0], FLOOR, None), ([5.0, 3600.0], None, CEILING), ([0.1], 0.1, None)],
    ids=["the smallest comes to the floor", "the longest comes to the ceiling", "nothing is stretched"],
)
def test_the_factor_fits_the_configured_timeouts(timeouts: list[float], smallest: float, longest: float) -> None:
    factor = choose(timeouts)
    assert factor is not None
    assert smallest is None or min(timeouts) / factor == pytest.approx(smallest)
    assert longest is None or max(timeouts) / factor == pytest.approx(longest)


def test_without_timeouts_there_is_no_factor():
    assert choose([]) is None
