"""How times are scaled where a timeout has to act: alike, with room for bodies, and never a delay past its timeout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.history import History, StepEntered, StepLeft, UnitEntered
from harness.subjects.clock import (
    CEILING,
    EASE,
    FLOOR,
    ROOM,
    Clock,
    Limit,
    configured,
    eased,
    in_order,
    learned,
    limited,
    limits,
    passed,
    shortened,
)


def took(seconds: float, *configured: float, step: str = "tool:charge#1") -> History:
    """A fault-free run of one body that took so long, with these timeouts around it."""
    entered = StepEntered(seq=1, time=100.0, pid=1, step=step, limits=list(configured))
    return History((entered, StepLeft(seq=2, time=100.0 + seconds, pid=1, step=step)))


@pytest.mark.parametrize(
    ("history", "configured", "effective"),
    [
        pytest.param(took(0.0, 20.0), 20.0, FLOOR, id="the only one comes to the floor"),
        pytest.param(took(0.0, 20.0, 600.0), 600.0, CEILING, id="the longest comes to the ceiling"),
        pytest.param(took(0.0, 20.0, 600.0), 20.0, FLOOR, id="and then the shortest stays at the floor"),
        pytest.param(took(0.5, 20.0), 20.0, 0.5 * ROOM, id="bodies keep their room"),
        pytest.param(took(5.0, 20.0), 20.0, 20.0, id="none becomes longer than it was"),
        pytest.param(took(0.0, 20.0), 0.1, 0.1, id="nor one that is shorter than the floor"),
        pytest.param(took(0.0), 20.0, 20.0, id="nothing known, nothing scaled"),
        pytest.param(took(9.0, 20.0, step="run"), 20.0, FLOOR, id="how long the run took says nothing of bodies"),
    ],
)
def test_a_timeout_is_scaled_by_what_the_fault_free_run_showed(
    history: History, configured: float, effective: float
) -> None:
    assert learned(history).limit(configured) == Limit(configured, pytest.approx(effective))


def test_a_delay_stays_on_its_side_of_the_shortest_timeout() -> None:
    assert passed(15.0) == 15.0
    with limited(Limit(600.0, 3.0)), limited(Limit(20.0, 2.0)):
        assert passed(15.0) < 2.0 < passed(25.0)
        assert [limit.configured for limit in limits()] == [600.0, 20.0]
    assert limits() == ()


def test_what_limits_a_unit_inside_of_a_body_is_known_too() -> None:
    inside = UnitEntered(seq=3, time=100.0, unit="u", name="settle", step="tool:charge#1.step:settle#1", limits=[600.0])

    assert learned(History((*took(0.0), inside))).limit(600.0) == Limit(600.0, pytest.approx(FLOOR))


def test_a_timeout_of_the_whole_run_leaves_it_room() -> None:
    bodies = [*took(0.0, 60.0), *took(0.0, 60.0, step="tool:charge#2")]
    first, *others = [replace(event, worker=1) for event in bodies]
    clock = learned(History((first, *(replace(event, time=event.time + 2.0) for event in others))))

    assert clock.limit(60.0) == Limit(60.0, pytest.approx(FLOOR, abs=20.0))
    assert clock.limit(60.0, whole=True) == Limit(60.0, 2.0 * ROOM)
    assert clock.limit(5.0, whole=True) == Limit(5.0, 5.0), "never longer than it was"


@pytest.mark.parametrize(
    ("around", "scaled", "effective"),
    [
        pytest.param(Limit(60.0, 6.0), Limit(600.0, 3.0), 6.0 + FLOOR, id="what is around it acts first"),
        pytest.param(Limit(60.0, 6.0), Limit(60.0, 3.0), 6.0 + FLOOR, id="also when both are as long"),
        pytest.param(Limit(60.0, 6.0), Limit(20.0, 3.0), 3.0, id="a shorter one acts before it"),
        pytest.param(Limit(60.0, 60.0), Limit(60.1, 60.1), 60.1, id="none becomes longer than it was"),
    ],
)
def test_timeouts_act_in_the_order_in_which_they_were_configured(
    around: Limit, scaled: Limit, effective: float
) -> None:
    with limited(around):
        assert in_order(scaled) == Limit(scaled.configured, pytest.approx(effective))
    assert in_order(scaled) == scaled


@pytest.mark.parametrize(
    ("clock", "effective", "whole"),
    [
        pytest.param(Clock(200.0, 0.5, run_floor=1.0), 0.5, 1.0, id="as usual"),
        pytest.param(Clock(200.0, 0.5, run_floor=1.0, ease=EASE), 5.0, 10.0, id="ten times as long"),
        pytest.param(Clock(200.0, 5.0, run_floor=9.0, ease=EASE), 50.0, 60.0, id="and never longer than configured"),
        pytest.param(Clock(20.0, asked=True, ease=EASE), 30.0, 30.0, id="a person's own factor, too"),
        pytest.param(Clock(5.0, asked=True, ease=EASE), 60.0, 60.0, id="up to real time"),
    ],
)
def test_a_run_that_is_done_again_has_more_time(clock: Clock, effective: float, whole: float) -> None:
    assert clock.limit(60.0).effective == effective
    assert clock.limit(60.0, whole=True).effective == whole


@pytest.mark.parametrize(
    ("factor", "ease", "divisor"), [(40, 1, 40), (40, 10, 4), (5, 10, 1), (1, 10, 1), (0.5, 10, 0.5)]
)
def test_no_factor_is_eased_to_more_than_real_time(factor: float, ease: float, divisor: float) -> None:
    assert eased(factor, ease) == divisor


def test_only_what_was_scaled_is_told_twice() -> None:
    with limited(Limit(600.0, 600.0)):
        assert (configured(), shortened()) == ([600.0], [])
        with limited(Limit(20.0, 0.5)):
            assert (configured(), shortened()) == ([600.0, 20.0], [600.0, 0.5])


def test_a_factor_of_the_persons_own_is_kept_to() -> None:
    assert Clock(10.0, asked=True).limit(20.0) == Limit(20.0, 2.0)
