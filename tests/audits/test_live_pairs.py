"""The same rules as in the table by hand, each with a live configuration that it is for, and one that it lets be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from dbos import DBOS
from pydantic import ValidationError
from pydantic_ai.durable_exec.dbos import DBOSDurability, StepConfig
from pydantic_ai.durable_exec.prefect import PrefectDurability, TaskConfig
from pydantic_ai.durable_exec.temporal import TemporalDurability
from pydantic_ai.models.fallback import FallbackModel
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig
from tenacity import (
    retry,
    retry_if_exception,
    retry_if_exception_type,
    stop_after_attempt,
    wait_chain,
    wait_exponential,
    wait_fixed,
    wait_incrementing,
    wait_none,
    wait_random,
    wait_random_exponential,
)

from tests.audits.live import asked, openai, rules, tenacious


def steps(**said: Any) -> DBOSDurability:
    return DBOSDurability(model_step_config=StepConfig(retries_allowed=True, **said))


def tasks(**said: Any) -> PrefectDurability:
    return PrefectDurability(model_task_config=TaskConfig(retries=3, **said))


def activities(seconds: float, attempts: int) -> TemporalDurability:
    policy = RetryPolicy(maximum_attempts=attempts)
    config = ActivityConfig(start_to_close_timeout=timedelta(seconds=seconds), retry_policy=policy)
    return TemporalDurability(activity_config=config)


def alone(**said: Any) -> Any:
    return openai(**{"max_retries": 0, **said})


def chain(*models: Any) -> tuple[FallbackModel]:
    return (FallbackModel(*models),)


def stepped(**said: Any) -> Any:
    @DBOS.step(name="charge of a pair", **said)
    def charge() -> None:
        """Nothing."""

    return alone(), DBOSDurability(), [charge]


def retried(**said: Any) -> Any:
    @retry(stop=stop_after_attempt(3), **said)
    def charge() -> None:
        """Nothing."""

    return alone(), None, [charge]


PAIRS = {
    "stacked-retries": (lambda: (openai(), steps()), lambda: (alone(), steps())),
    "many-retries": (lambda: (openai(max_retries=9),), lambda: (openai(),)),
    "unlimited-retries": (lambda: (alone(), activities(60, 0)), lambda: (alone(), activities(60, 5))),
    "sdk-under-engine": (lambda: (openai(), tasks()), lambda: (alone(), tasks())),
    "fallback-multiplied": (lambda: chain(openai(), openai()), lambda: chain(alone(), alone())),
    "fallback-not-reached": (
        lambda: chain(alone(http=tenacious(reraise=True)), alone()),
        lambda: chain(alone(), alone()),
    ),
    "permanent-error-retried": (lambda: (alone(), steps()), lambda: (openai(), None)),
    "no-backoff": (
        lambda: (alone(), tasks(retry_delay_seconds=2)),
        lambda: (alone(), tasks(retry_delay_seconds=[1, 2, 4])),
    ),
    "no-jitter": (
        lambda: (alone(), tasks(retry_delay_seconds=[1, 2, 4])),
        lambda: (alone(), tasks(retry_delay_seconds=[1, 2, 4], retry_jitter_factor=0.5)),
    ),
    "retry-after-ignored": (lambda: (alone(), steps()), lambda: (openai(), None)),
    "inner-timeout-not-shorter": (
        lambda: (alone(), activities(60, 5)),
        lambda: (alone(timeout=20), activities(60, 5)),
    ),
    "inner-retries-cut": (
        lambda: (openai(max_retries=9, timeout=2), activities(5, 5)),
        lambda: (alone(timeout=2), activities(5, 5)),
    ),
    "modelretry-retried": (lambda: stepped(retries_allowed=True), stepped),
    "effects-without-key": (lambda: stepped(retries_allowed=True), stepped),
}


@pytest.mark.parametrize("rule", PAIRS)
def test_a_rule_finds_what_really_is_configured_and_lets_the_rest_be(rule):
    wrong, right = PAIRS[rule]
    assert rule in rules(asked(*wrong()))
    assert rule not in rules(asked(*right()))


DECIDING = {"condition-always-matches", "condition-never-matches"}
NEVER, ALWAYS = (lambda *_: False), (lambda *_: True)


def but_400(error: BaseException) -> bool:
    return "400" not in str(error)


OWNERS = {
    "dbos": (lambda wanted: (alone(), steps(should_retry=wanted)), but_400),
    "prefect": (
        lambda wanted: (alone(), tasks(retry_condition_fn=wanted)),
        lambda _task, _run, state: "400" not in state.message,
    ),
    "tenacity": (lambda wanted: (alone(http=tenacious(retry=retry_if_exception(wanted))),), but_400),
    "dbos, of a tool": (
        lambda wanted: stepped(retries_allowed=True, should_retry=wanted),
        lambda error: isinstance(error, OSError),
    ),
    "tenacity, of a tool": (
        lambda wanted: retried(retry=retry_if_exception(wanted)),
        lambda error: isinstance(error, OSError),
    ),
}


@pytest.mark.parametrize("owner", OWNERS)
def test_a_condition_chooses_among_failures(owner):
    under, choice = OWNERS[owner]
    assert rules(asked(*under(ALWAYS))) & DECIDING == {"condition-always-matches"}
    assert rules(asked(*under(NEVER))) & DECIDING == {"condition-never-matches"}
    assert rules(asked(*under(choice))) & DECIDING == set()


def test_a_condition_may_name_what_no_message_makes():
    found = rules(asked(*retried(retry=retry_if_exception_type(ValidationError))))
    assert "permanent-error-retried" in found
    assert not found & DECIDING


def test_a_condition_that_nobody_has_set_is_none():
    assert rules(asked(*retried())) & DECIDING == set()


@pytest.mark.parametrize(
    ("wait", "steady"),
    [
        (wait_exponential(), True),
        (wait_fixed(1) + wait_incrementing(1), True),
        (wait_chain(wait_fixed(1), wait_fixed(2)), True),
        (wait_random_exponential(), False),
        (wait_exponential() + wait_random(0, 1), False),
        (wait_chain(wait_fixed(1), wait_random(0, 1)), False),
        (lambda state: 2.0**state.attempt_number, False),
    ],
    ids=["exponential", "a sum", "a chain", "by chance", "and by chance", "and then by chance", "anybody's own"],
)
def test_what_waits_without_chance_comes_back_together(wait, steady):
    assert ("no-jitter" in rules(asked(alone(http=tenacious(wait=wait))))) is steady
    assert ("no-jitter" in rules(asked(*retried(wait=wait)))) is steady


@pytest.mark.parametrize(
    ("wait", "flat"),
    [(wait_fixed(2), True), (wait_none(), True), (wait_exponential(), False)],
    ids=["always as long", "at once", "longer and longer"],
)
def test_a_tool_that_is_run_again_is_given_more_and_more_time(wait, flat):
    assert ("no-backoff" in rules(asked(*retried(wait=wait)))) is flat
