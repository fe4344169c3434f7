"""An error of Temporal's own may say itself how long the server waits: wherever it is made, and however."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from harness.retries.values import Failure
from tests.audits import workflows

F = Failure
client = httpx.AsyncClient(timeout=5)
sdk = openai.OpenAI(api_key="sk-fixture", max_retries=0, timeout=5)
SAID: dict[str, Any] = {
    "schedule_to_close_timeout": timedelta(seconds=40),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=15)),
}


@activity.defn
async def pull_soon(url: str) -> str:
    """Say so of a status."""
    answer = await client.get("https://api.example.com/job")
    if answer.status_code in (429, 503):
        raise ApplicationError(f"busy: {url}", next_retry_delay=timedelta(seconds=5))
    return answer.raise_for_status().text


def _busy(after: float) -> ApplicationError:
    return ApplicationError("busy", next_retry_delay=timedelta(seconds=after))


@activity.defn
async def pull_late(url: str) -> str:
    """Say so of a status, and of a wait that leaves room for no other attempt."""
    answer = await client.get("https://api.example.com/job")
    if answer.status_code in (429, 503):
        raise ApplicationError("busy", next_retry_delay=timedelta(seconds=50))
    if answer.status_code == 400:
        raise ApplicationError("bad", non_retryable=True)
    return answer.raise_for_status().text


@activity.defn
async def pull_as_told(url: str) -> str:
    """Say what the answer says."""
    answer = await client.get("https://api.example.com/job")
    if answer.status_code == 429:
        raise _busy(float(answer.headers.get("Retry-After", 1)))
    return answer.raise_for_status().text


@activity.defn
async def ask_as_told(prompt: str) -> str:
    """Say so of an error of a client's, in a helper."""
    try:
        return str(sdk.models.list())
    except openai.RateLimitError as error:
        raise _busy(float(error.response.headers.get("Retry-After", 1))) from error


def _asking(name: str, function: Any) -> Any:
    async def run(self: Any, prompt: str) -> str:
        return str(await workflow.execute_activity(function, prompt, **SAID))

    run.__qualname__ = f"{name}.run"
    return workflow.defn(type(name, (), {"run": workflow.run(run), "__module__": __name__}))


@pytest.mark.parametrize(
    ("function", "failure", "expected"),
    [
        (pull_soon, F.RATE_LIMITED, (8, 2)),
        (pull_soon, F.REFUSED, (2, None)),
        (pull_late, F.RATE_LIMITED, (2, 1)),
        (pull_as_told, F.RATE_LIMITED, (None, 2)),
        (pull_as_told, F.REFUSED, (2, None)),
        (ask_as_told, F.RATE_LIMITED, (None, 2)),
        (ask_as_told, F.UNAVAILABLE, (2, None)),
    ],
    ids=lambda value: str(getattr(value, "__name__", value)),
)
def test_how_long_an_error_says_to_wait_counts(function, failure, expected):
    unit = next(one for name, one in workflows.units(_asking("Asking", function)).items() if name != "run")
    cell = unit.cell(failure)
    assert (cell.predicted, cell.least) == expected


def test_what_takes_longest_need_not_be_what_is_most():
    units = workflows.units(_asking("Waiting", pull_late))
    cell = next(one for name, one in units.items() if name != "run").cell(F.RATE_LIMITED)
    assert (cell.predicted, cell.least, cell.seconds) == (2, 1, 40)


SUBJECT = """
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    import httpx
    from temporalio.exceptions import ApplicationError

client = httpx.AsyncClient(timeout=5)

@activity.defn
async def pull(url: str) -> str:
    answer = await client.get("https://api.example.com/job")
    if answer.status_code == 429:
        raise ApplicationError("busy", next_retry_delay=timedelta(seconds=60))
    return answer.raise_for_status().text

@workflow.defn
class Pulls:
    @workflow.run
    async def run(self, prompt: str) -> str:
        wait, policy = timedelta(seconds=30), RetryPolicy(maximum_attempts=3)
        return await workflow.execute_activity(pull, prompt, start_to_close_timeout=wait, retry_policy=policy)
"""


def test_it_is_divided_in_the_proof_as_any_wait_is(tmp_path: Path):
    cell = workflows.measured_in(tmp_path, SUBJECT, "Pulls", "step:pull.client", F.RATE_LIMITED)
    assert (cell.counted, cell.seconds) == (3, 120)
