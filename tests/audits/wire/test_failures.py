"""What can be made to happen, and what a scenario is refused for."""

from __future__ import annotations

import pytest

from harness.audits.wire.failures import calling, check, plan
from harness.errors import UsageError
from harness.retries.values import Failure


@pytest.mark.parametrize(
    ("failure", "step", "limit", "why"),
    [
        pytest.param("teapot", None, 25, "no failure that can be made", id="unknown"),
        pytest.param("tool-exception", None, 25, "say which", id="no step"),
        pytest.param("503", None, 0, "allows no attempt", id="no attempt"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_sentence(failure, step, limit, why):
    with pytest.raises(UsageError, match=why):
        check(failure, step, limit)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure.TOOL_EXCEPTION, "2*error(RuntimeError: harness)@tool:charge#1"),
        (Failure.USER_ERROR, "2*error(UserError: harness)@tool:charge#1"),
        (Failure.CRASH, "2*crash@tool:charge#1/between"),
        (
            Failure.MODEL_RETRY,
            "; ".join(f"2*error(ModelRetry: harness)@tool:charge#1{again}" for again in ("", "+1", "+2")),
        ),
        (
            Failure.VALIDATION,
            "; ".join(f"2*error(pydantic.ValidationError: harness)@tool:charge#1{again}" for again in ("", "+1", "+2")),
        ),
        (Failure.UNAVAILABLE, "no fault"),
    ],
)
def test_a_body_fails_as_often_as_the_limit_says_under_every_name_of_its_call(failure, expected):
    assert str(plan(failure, "tool:charge#1", 2)) == expected


def test_a_process_may_die_when_a_body_begins():
    assert str(plan(Failure.CRASH, "step:plan#1", 2, early=True)) == "2*crash@step:plan#1/before"


def test_a_tool_is_called_alone_because_another_might_fail_first():
    assert calling("tool:charge#1") == [{"call": "charge"}, {"text": "done"}]
    assert calling("model#1") is None
    assert calling(None) is None
