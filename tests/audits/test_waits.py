"""Waits: whether they follow what the provider says, whether they vary, and whether they grow in the end."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.retries import wait_retry_after
from tenacity import stop_after_attempt, wait_exponential, wait_fixed

from harness.retries.values import RETRY_AFTER
from tests.audits.live import asked, openai, rules, tenacious


def waiting(wait: Any, attempts: int = 3) -> set[str]:
    return rules(asked(openai(max_retries=0, http=tenacious(wait=wait, stop=stop_after_attempt(attempts)))))


AS_LONG = wait_fixed(RETRY_AFTER)
HEADERS = {
    "not read": (AS_LONG, True),
    "not read, and longer waits": (wait_exponential(), True),
    "read, and its own waits are as long": (wait_retry_after(fallback_strategy=AS_LONG, max_wait=60), False),
    "read, and others": (wait_retry_after(fallback_strategy=wait_exponential(), max_wait=60), False),
}


@pytest.mark.parametrize(("wait", "ignored"), HEADERS.values(), ids=HEADERS.keys())
def test_a_transport_that_reads_the_header_is_known_by_another_number(wait, ignored):
    assert ("retry-after-ignored" in waiting(wait)) is ignored
