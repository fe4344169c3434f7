"""What a deadline ends is not without end: the budget judges how much happens before it."""

from __future__ import annotations

import sys
from datetime import timedelta
from math import inf, isinf
from typing import Any

import httpx
import pytest
from openai import OpenAI
from pydantic_ai.durable_exec.temporal import TemporalDurability
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig
from tenacity import RetryCallState, retry, stop_after_attempt, stop_after_delay, stop_never, wait_fixed, wait_none

from fixtures.audit import clients
from harness.audits.rules import found
from harness.retries.values import Failure
from harness.verdict import Severity
from tests.audits.live import asked, openai, rules, tenacious
from tests.audits.reports import report

DONE = {"unlimited-retries", "many-retries"}
QUICK = RetryPolicy(initial_interval=timedelta(milliseconds=1), backoff_coefficient=1.0)


def activity(seconds: float, **said: Any) -> TemporalDurability:
    attempt = timedelta(seconds=seconds)
    return TemporalDurability(activity_config=ActivityConfig(start_to_close_timeout=attempt, **said))


def of_a_model(durability: Any = None, http: Any = None) -> set[str]:
    return rules(asked(openai(max_retries=0, timeout=5, http=http), durability)) & DONE


@pytest.mark.parametrize(
    ("seconds", "policy", "judged"),
    [
        (None, None, {"unlimited-retries"}),
        (20, None, set()),
        (100, None, {"many-retries"}),
        (100, QUICK, {"many-retries"}),
    ],
    ids=["nothing ends it", "few fit into its time", "more than the budget", "nobody knows how many"],
)
def test_an_activity_without_a_number_may_end_by_the_time_for_all_attempts(seconds, policy, judged):
    said = {"schedule_to_close_timeout": timedelta(seconds=seconds)} if seconds else {}
    assert of_a_model(activity(10, retry_policy=policy, **said)) == judged


@pytest.mark.parametrize(
    ("stop", "judged"),
    [
        (stop_never, "unlimited-retries"),
        (stop_after_delay(60) & stop_never, "unlimited-retries"),
        (stop_after_delay(60), "many-retries"),
        (stop_after_delay(60) | stop_never, "many-retries"),
        (stop_after_delay(60) & stop_after_attempt(3), "many-retries"),
    ],
    ids=["never", "and never", "by the clock", "by the clock or never", "by both"],
)
def test_a_policy_that_stops_by_the_clock_is_over_the_budget_and_not_without_end(stop, judged):
    http = tenacious(stop=stop, wait=wait_none())
    assert of_a_model(http=http) == {judged}

    @retry(stop=stop, wait=wait_none())
    def charge() -> None:
        """Nothing."""

    units = [unit for unit in asked(openai(), None, [charge]) if unit.tool]
    assert rules(units) & DONE == {judged}


@pytest.mark.parametrize(
    ("stop", "attempts"),
    [
        (stop_after_attempt(10**6), 10**6),
        (stop_after_attempt(10**6) | stop_after_attempt(10**7), 10**6),
        (stop_after_attempt(10**6) & stop_after_attempt(10**7), 10**7),
        (stop_after_attempt(10**6) | stop_never, 10**6),
        (stop_after_attempt(10**6) & stop_never, inf),
        (stop_after_attempt(10**6) | stop_after_delay(60), inf),
        (stop_after_attempt(sys.maxsize), inf),
    ],
    ids=["one", "the lower", "the higher", "or never", "and never", "or by the clock", "none that is meant"],
)
def test_a_number_that_nobody_tries_to_its_end_is_told_all_the_same(stop, attempts):
    def waits(state: RetryCallState) -> float:
        return 2.0 * (not isinf(attempts))

    @retry(stop=stop, wait=waits)
    def charge() -> None:
        """Nothing."""

    model, *others = asked(openai(max_retries=0, http=tenacious(stop=stop, wait=waits)), None, [charge])
    tool = next(unit for unit in others if unit.tool)
    found = (model.cell(Failure.UNAVAILABLE), tool.cell(Failure.TOOL_EXCEPTION))
    assert [cell.predicted for cell in found] == [attempts] * 2
    assert [cell.seconds for cell in found] == [None if isinf(attempts) else (attempts - 1) * 2.0] * 2


def test_a_clock_and_waits_make_a_number():
    assert of_a_model(http=tenacious(stop=stop_after_delay(10), wait=wait_fixed(5))) == set()


SLOW = httpx.Client(base_url="https://stock.example.com", timeout=5)
BUSY = OpenAI(api_key=clients.KEY, max_retries=2)


def stock() -> Any:
    """Ask somebody who may not answer for five seconds."""
    return SLOW.get("/").raise_for_status()


def think() -> Any:
    """Ask with waits of an SDK in between: 1.5 seconds, less a quarter of them, as chance has it."""
    return BUSY.models.list()


@pytest.mark.parametrize(
    ("body", "seconds", "failure", "expected"),
    [
        pytest.param(stock, 6, Failure.READ_TIMEOUT, (2, 11.0), id="a timeout"),
        pytest.param(stock, 6, Failure.UNAVAILABLE, (7, 6.0), id="an answer at once"),
        pytest.param(think, 3, Failure.RATE_LIMITED, (9, 3.375), id="waits that chance makes short"),
    ],
)
def test_a_clock_goes_on_by_what_an_attempt_itself_takes(body, seconds, failure, expected):
    wait = wait_fixed(1) if body is stock else wait_none()
    tool = retry(stop=stop_after_delay(seconds), wait=wait)(body)
    unit = next(unit for unit in asked(openai(), None, [tool]) if unit.unit.startswith(f"tool:{body.__name__}."))
    cell = unit.cell(failure)
    assert (cell.predicted, cell.seconds) == expected


def test_the_clock_of_a_unit_ends_what_is_inside_it():
    endless = tenacious(stop=stop_never, wait=wait_fixed(4))
    assert of_a_model(activity(10, retry_policy=RetryPolicy(maximum_attempts=1)), endless) == set()
    assert of_a_model(None, endless) == {"unlimited-retries"}


@pytest.mark.parametrize(("seconds", "severity"), [(None, Severity.ERROR), (20, Severity.WARNING)])
def test_a_permanent_error_is_grave_where_no_clock_ends_it(seconds, severity):
    said = {"schedule_to_close_timeout": timedelta(seconds=seconds)} if seconds else {}
    units = asked(openai(max_retries=0, timeout=5), activity(10, **said))
    (finding,) = [one for one in found(report(*units)) if one.rule == "permanent-error-retried"]
    assert (finding.severity, Failure.BAD_REQUEST in finding.failures) == (severity, True)


@pytest.mark.parametrize(("retries", "cut"), [(0, set()), (20, {"inner-retries-cut"})])
def test_the_time_for_all_attempts_cuts_what_is_inside_one_only_where_that_goes_on_as_long(retries, cut):
    said = {
        "start_to_close_timeout": None,
        "schedule_to_close_timeout": timedelta(seconds=40),
        "retry_policy": RetryPolicy(timedelta(seconds=15)),
    }
    model = openai(max_retries=retries, timeout=5)
    judged = rules(asked(model, TemporalDurability(activity_config=ActivityConfig(**said))))
    assert judged & {"inner-retries-cut"} == cut
