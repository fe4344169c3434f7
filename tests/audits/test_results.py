"""Who tries again after what a body returns: where that may stand for a failure, only a run tells how often."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openai import APIConnectionError, BadRequestError, OpenAI, OpenAIError
from tenacity import (
    Retrying,
    retry,
    retry_any,
    retry_if_exception_type,
    retry_if_not_result,
    retry_if_result,
    retry_unless_exception_type,
    stop_after_attempt,
)
from tenacity.asyncio import retry_if_result as retry_if_later

from fixtures.audit import clients
from harness.audits.rules import found
from harness.retries.report import Measured, UnitAudit
from harness.retries.values import Failure
from tests.audits.live import asked, openai
from tests.audits.reports import report

API = OpenAI(api_key=clients.KEY, max_retries=0)
PRICES = httpx.Client(base_url="https://price.example.com")
NOTHING = retry_if_result(lambda result: result is None)
AGAIN = Retrying(stop=stop_after_attempt(9), retry=NOTHING)


@contextlib.contextmanager
def tolerant() -> Iterator[None]:
    """A person's own."""
    with contextlib.suppress(OpenAIError):
        yield


def raising() -> Any:
    return API.models.list()


def caught() -> Any:
    try:
        return API.models.list()
    except OpenAIError:
        return None


def caught_below() -> Any:
    return caught()


def caught_above() -> Any:
    try:
        return raising()
    except OpenAIError:
        return None


def caught_between() -> Any:
    return caught_above()


def raised_on() -> Any:
    try:
        return API.models.list()
    except OpenAIError as error:
        raise RuntimeError from error


def caught_apart() -> Any:
    try:
        return API.models.list()
    except BadRequestError:
        return None
    except (APIConnectionError, ValueError):
        raise


def caught_for_once() -> Any:
    for _ in range(2):
        try:
            return API.models.list()
        except OpenAIError as error:
            if "busy" in str(error):
                continue
            raise
    return None


def suppressed() -> Any:
    with contextlib.suppress(OpenAIError):
        return API.models.list()


def suppressed_apart() -> Any:
    with contextlib.suppress(KeyError):
        return API.models.list()


def tolerated() -> Any:
    with tolerant():
        return API.models.list()


def closed() -> Any:
    try:
        return API.models.list()
    finally:
        return None  # noqa: B012, SIM107


async def gathered() -> Any:
    return await asyncio.gather(asyncio.to_thread(API.models.list), return_exceptions=True)


def looked() -> Any:
    response = PRICES.get("/")
    return response.text if response.status_code == 200 else None


def handed() -> Any:
    return AGAIN(caught)


def client_of(body: Callable[[], Any], condition: Any) -> UnitAudit:
    """The client that a tool asks which has this body, and is tried nine times where the condition wants that."""
    tool = retry(stop=stop_after_attempt(9), retry=condition)(body) if condition else body
    return next(unit for unit in asked(openai(), None, [tool]) if unit.unit.startswith(f"tool:{body.__name__}."))


def predicted(unit: UnitAudit, *failures: Failure) -> list[float | None]:
    cells = {cell.failure: cell.predicted for cell in unit.cells}
    return [cells[failure] for failure in failures]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(raising, [1, 1, 1], id="everything is raised"),
        pytest.param(caught, [None, None, None], id="an answer is made of a failure"),
        pytest.param(caught_below, [None, None, None], id="in a helper"),
        pytest.param(caught_between, [None, None, None], id="between two helpers"),
        pytest.param(raised_on, [1, 1, 1], id="another error is made of it"),
        pytest.param(caught_apart, [1, None, 1], id="an answer is made of one failure"),
        pytest.param(caught_for_once, [None, None, None], id="it is raised sometimes"),
        pytest.param(suppressed, [None, None, None], id="it is suppressed"),
        pytest.param(suppressed_apart, [1, 1, 1], id="another is suppressed"),
        pytest.param(tolerated, [None, None, None], id="a context manager of one's own"),
        pytest.param(closed, [None, None, None], id="what is said in the end counts"),
        pytest.param(gathered, [None, None, None], id="errors are gathered"),
        pytest.param(looked, [None, None, 1], id="a status is no error, and a refusal is"),
    ],
)
def test_what_is_returned_in_place_of_a_failure_only_a_run_tells(body, expected):
    unit = client_of(body, NOTHING)
    assert predicted(unit, Failure.UNAVAILABLE, Failure.BAD_REQUEST, Failure.REFUSED) == expected
    assert predicted(unit, Failure.INVALID_RESPONSE) == [None]  # an answer without a meaning is one
    assert [one.name for one in unit.unknown if one.name != "loop of caught_for_once"] == ["tenacity"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        pytest.param(retry_if_not_result(bool), None, id="not a result"),
        pytest.param(retry_any(retry_if_exception_type(KeyError), NOTHING), None, id="any of both"),
        pytest.param(retry_if_exception_type(KeyError) | NOTHING, None, id="or"),
        pytest.param(retry_if_exception_type(OpenAIError) & NOTHING, 1, id="and, which nothing is"),
        pytest.param(retry_unless_exception_type(KeyError), None, id="everything that is returned"),
        pytest.param(lambda state: not state.outcome.failed and state.outcome.result() is None, None, id="one's own"),
        pytest.param(retry_if_exception_type(KeyError), 1, id="no result at all"),
    ],
)
def test_every_condition_on_results_is_seen(condition, expected):
    assert predicted(client_of(caught, condition), Failure.UNAVAILABLE) == [expected]


def test_an_asynchronous_one_is_too_and_an_object_that_is_handed_the_body():
    assert predicted(client_of(gathered, retry_if_later(lambda result: result is None)), Failure.REFUSED) == [None]
    assert predicted(client_of(handed, None), Failure.REFUSED) == [None]


def test_what_the_proof_finds_there_names_who_tries_again():
    unit = client_of(raising, NOTHING)
    cells = [cell.model_copy(update={"measured": Measured(requests=9)}) for cell in unit.cells]
    differing = [
        finding
        for finding in found(report(unit.model_copy(update={"cells": tuple(cells)})))
        if finding.rule == "prediction-differs"
    ]
    assert [one.message.partition(":")[0] for one in differing] == [
        "tenacity tries again after what code of your own returns in place of a failure"
    ]
    assert differing[0].origin.line
