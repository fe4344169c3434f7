"""Where code is running: what a context variable says is set for as long as it holds, and a body is named after it."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator

import pytest

from harness.steps import StepId
from harness.subjects.places import Body, Setting, placed, step_here

CHARGE, DELEGATE = StepId.of("tool", "charge"), StepId.of("tool", "delegate")


def test_a_setting_lasts_as_long_as_what_it_surrounds() -> None:
    with Setting(step_here, DELEGATE):
        with Setting(step_here, CHARGE):
            assert step_here.get() == CHARGE
        assert step_here.get() == DELEGATE
    assert step_here.get() is None


def test_a_setting_ends_with_an_error_that_it_lets_through() -> None:
    with pytest.raises(ValueError, match="declined"), Setting(step_here, CHARGE):
        raise ValueError("declined")
    assert step_here.get() is None


def test_a_generator_may_be_closed_in_another_context_than_it_was_begun_in() -> None:
    def stream() -> Iterator[int]:
        with Setting(step_here, CHARGE):
            yield 1

    running = stream()
    contextvars.copy_context().run(next, running)
    running.close()
    assert step_here.get() is None


def test_a_body_is_named_after_the_step_it_runs_inside_of() -> None:
    body = Body(CHARGE, call="turn1-charge-1")
    assert placed(body) is body
    with Setting(step_here, DELEGATE):
        inside = placed(body)
    assert (str(inside.step), inside.call) == ("tool:delegate#1.tool:charge#1", "turn1-charge-1")
