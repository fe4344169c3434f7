"""Waits: whether they follow what the provider says, whether they vary, and whether they grow in the end."""

from __future__ import annotations

import random
from typing import Any

import pytest
from pydantic_ai.retries import wait_retry_after
from tenacity import stop_after_attempt, wait_chain, wait_exponential, wait_fixed, wait_none, wait_random

from harness.audits.rules import found
from harness.retries.values import RETRY_AFTER
from tests.audits.live import asked, openai, tenacious
from tests.audits.reports import report


def waiting(wait: Any, attempts: int = 3) -> dict[str, str]:
    """What is found where a transport waits so: the messages by their rules."""
    units = asked(openai(max_retries=0, http=tenacious(wait=wait, stop=stop_after_attempt(attempts))))
    return {finding.rule: finding.message for finding in found(report(*units))}


AS_LONG = wait_fixed(RETRY_AFTER)
HEADERS = {
    "not read": (AS_LONG, True),
    "not read, and longer waits": (wait_exponential(), True),
    "not read, and by chance": (wait_fixed(1) + wait_random(0, 2), True),
    "read, and others by chance": (wait_retry_after(fallback_strategy=wait_random(0, 2), max_wait=60), False),
    "read, and its own waits are as long": (wait_retry_after(fallback_strategy=AS_LONG, max_wait=60), False),
    "read, and others": (wait_retry_after(fallback_strategy=wait_exponential(), max_wait=60), False),
}


@pytest.mark.parametrize(("wait", "ignored"), HEADERS.values(), ids=HEADERS.keys())
def test_a_transport_that_reads_the_header_is_known_by_another_number(wait, ignored):
    assert ("retry-after-ignored" in waiting(wait)) is ignored


def test_to_ask_whether_the_header_is_read_leaves_chance_to_everybody_else():
    random.seed(1)
    expected = random.random()
    random.seed(1)
    waiting(wait_fixed(1) + wait_random(0, 2))
    assert random.random() == expected


GROWING = {
    "at once": (wait_none(), "at once"),
    "as long": (wait_fixed(3), "after 3 s every time"),
    "by chance": (wait_random(1, 3), "after 3 s at most: its waits never grow"),
    "and by chance": (wait_fixed(1) + wait_random(0, 2), "after 3 s at most: its waits never grow"),
    "one's own": (lambda _state: 3.0, "after 3 s at most: its waits never grow"),
    "longer and longer": (wait_exponential(), None),
    "longer by chance": (wait_exponential() + wait_random(0, 1), None),
    "longer in the end": (wait_chain(*[wait_fixed(3)] * 6, wait_fixed(20)), None),
}


@pytest.mark.parametrize(("wait", "said"), GROWING.values(), ids=GROWING.keys())
def test_waits_are_said_to_be_alike_only_where_they_are(wait, said):
    assert waiting(wait, attempts=8).get("no-backoff") == (said and f"tenacity transport tries again {said}")
