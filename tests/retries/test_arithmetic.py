"""What nested retries come to, as an expression for a person and as a course that a deadline can cut."""

from __future__ import annotations

import math

import pytest

from harness.retries.arithmetic import AtMost, Course, Product, added, factors, product, spelled, times

SDK, TASK, FLOW = times(3, "openai"), times(4, "prefect task"), times(2, "flow")
ENDLESS = times(None, "temporal activity", endless=True)
UNKNOWN = times(None, "custom transport")

EXPRESSIONS = {
    "nested layers multiply": (product(SDK, TASK, FLOW), "3 (openai) × 4 (prefect task) × 2 (flow) = 24"),
    "a layer that tries once is left out": (product(SDK, times(1, "flow")), "3 (openai) = 3"),
    "one layer remains": (product(times(1, "openai"), times(1, "flow")), "1 (openai) = 1"),
    "fallbacks add": (added(SDK, times(3, "anthropic")), "3 (openai) + 3 (anthropic) = 6"),
    "a sum is nested in brackets": (
        product(added(SDK, times(1, "groq")), TASK),
        "(3 (openai) + 1 (groq)) × 4 (prefect task) = 16",
    ),
    "a deadline truncates": (
        product(AtMost(most=1, seconds=60, layer="temporal activity", part=SDK), times(5, "temporal activity")),
        "1 (temporal activity ends 3 (openai) after 60 s) × 5 (temporal activity) = 5",
    ),
    "without end": (product(SDK, ENDLESS), "3 (openai) × unlimited (temporal activity) = unlimited"),
    "unknown is never one": (product(UNKNOWN, TASK), "? (custom transport) × 4 (prefect task) = ?"),
    "unknown in a sum": (added(SDK, UNKNOWN), "3 (openai) + ? (custom transport) = ?"),
    "unknown hides what never ends": (product(UNKNOWN, ENDLESS), None),
}


@pytest.mark.parametrize(("expression", "text"), EXPRESSIONS.values(), ids=EXPRESSIONS.keys())
def test_an_expression_says_what_it_comes_to(expression, text):
    if text is None:
        assert expression.total is None
    else:
        assert spelled(expression) == text


def test_products_of_products_are_flat():
    nested = product(product(SDK, TASK), FLOW)
    assert isinstance(nested, Product)
    assert [factor.layer for factor in factors(nested)] == ["openai", "prefect task", "flow"]


def test_factors_are_found_under_deadlines_and_in_sums():
    expression = product(AtMost(most=2, seconds=1, layer="x", part=added(SDK, TASK)), FLOW)
    assert [factor.times for factor in factors(expression)] == [3, 4, 2]


def test_a_factor_remembers_its_first_waits():
    assert times(4, "prefect task", wait=lambda attempt: 2.0**attempt).waits == (2.0, 4.0, 8.0)
    assert len(times(None, "x", endless=True, wait=lambda _attempt: 1.0).waits) == 24


def test_a_course_repeats_with_its_waits():
    course = Course().repeated(3, lambda attempt: attempt).repeated(2, lambda _attempt: 10)
    assert course.begun == (0, 1, 3, 13, 14, 16)
    assert (course.requests, course.seconds) == (6, 16)


def test_requests_take_their_time():
    course = Course(seconds=600.0).repeated(3, lambda _attempt: 1.0)
    assert course.begun == (0, 601, 1202)
    assert course.seconds == 1802


DEADLINES = {
    "after everything": (100, 3),
    "in the middle": (15, 2),
    "in the moment of a request": (10, 1),
    "before the second": (0.5, 1),
    "none": (None, 3),
}


@pytest.mark.parametrize(("deadline", "left"), DEADLINES.values(), ids=DEADLINES.keys())
def test_a_deadline_leaves_what_has_begun(deadline, left):
    course = Course().repeated(3, lambda _attempt: 10)
    assert course.ended(deadline).requests == left


def test_what_is_too_long_to_be_written_down_still_takes_its_time():
    course = Course(seconds=1.0).repeated(10**6, lambda _attempt: 2.0)
    assert (course.requests, course.seconds, course.endless) == (10**6, 3 * 10**6 - 2, False)


def test_a_course_without_end_ends_at_its_deadline():
    endless = Course().repeated(None, lambda _attempt: 10)
    assert math.isinf(endless.requests)
    assert math.isinf(endless.seconds)
    cut = endless.ended(35)
    assert (cut.requests, cut.endless) == (4, False)


def test_nothing_comes_after_what_never_ends():
    endless = Course().repeated(None, lambda _attempt: 1)
    assert endless.repeated(3, lambda _attempt: 1) is endless
    assert endless.then(Course()) is endless


def test_fallbacks_follow_each_other():
    both = Course().repeated(2, lambda _attempt: 5).then(Course())
    assert both.begun == (0, 5, 5)
