"""Code that makes an error of its own of a client's: conditions are asked about that one, as far as that is known."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import openai
import pytest
from dbos import DBOS
from openai import OpenAI
from prefect import flow, task
from pydantic_ai import Agent

from fixtures.audit import clients
from harness.audits import own
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

client = OpenAI(api_key="sk-fixture", max_retries=1)
agent = Agent(clients.openai(), name="thinker")


class Passing(Exception):
    """May go better."""


class Lasting(Exception):
    """May not."""


class Coded(Exception):
    """Says in an attribute which of them it is."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def sort() -> Any:
    """Ask, and tell what may pass from what may not."""
    try:
        return client.models.list()
    except (openai.RateLimitError, openai.InternalServerError) as error:
        raise Passing from error
    except openai.APIError:
        raise Lasting("it is our own fault") from None


def sort_again() -> Any:
    """Make another error of that."""
    try:
        return sort()
    except Passing as error:
        raise ConnectionError(str(error)) from error


def code() -> Any:
    """Ask, and keep what was answered."""
    try:
        return client.models.list()
    except openai.APIStatusError as error:
        raise Coded(error.status_code) from error


def made(error: Exception) -> Exception:
    """Make an error."""
    return Passing(str(error))


def make() -> Any:
    """Ask, and raise what another function makes."""
    try:
        return client.models.list()
    except openai.APIError as error:
        raise made(error) from error


def log() -> Any:
    """Ask, and raise what was caught."""
    try:
        return client.models.list()
    except openai.APIError as error:
        DBOS.logger.info("%s", error)
        raise


def think() -> Any:
    """Run an agent, and make an error of its own of whatever that raises."""
    try:
        return agent.run_sync("hello")
    except Exception as error:
        raise Passing from error


def translated(function: Callable[[], Any]) -> Callable[[], Any]:
    """Make another error around a function."""

    @functools.wraps(function)
    def wrapped() -> Any:
        try:
            return function()
        except openai.APIError as error:
            raise Passing("it may pass") from error

    return wrapped


class Translated:
    """The same, of a class."""

    def __init__(self, function: Callable[[], Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function

    def __call__(self) -> Any:
        """Ask."""
        try:
            return self.function()
        except openai.InternalServerError as error:
            raise Passing from error


@translated
def decorated() -> Any:
    """Ask under a decorator."""
    return client.models.list()


@Translated
def kept() -> Any:
    """Ask under one that is a class."""
    return client.models.list()


def through_decorated() -> Any:
    """Have another function ask."""
    return decorated()


def through_kept() -> Any:
    """The same of the other one."""
    return kept()


def units(body: Callable[[], Any], wanted: Callable[[BaseException], bool], engine: Any) -> UnitAudit:
    """What a step or a task asks that has this body and tries three times what its condition wants."""
    if engine is dbos:
        step = DBOS.step(retries_allowed=True, max_attempts=3, should_retry=wanted)(body)

        @DBOS.workflow()
        def workflow() -> Any:
            """Call the step."""
            return step()
    else:

        def condition(_task: Any, _run: Any, state: Any) -> bool:
            return wanted(state.data)

        asked = task(retries=2, retry_condition_fn=condition)(body)

        @flow(name="asks")
        def workflow() -> Any:
            """Call the task."""
            return asked()

    return next(own.units_of(workflow, lambda unit: engine.layers(workflow, unit, {})))


@pytest.mark.parametrize("engine", [dbos, prefect], ids=["dbos", "prefect"])
@pytest.mark.parametrize(
    ("body", "wanted", "expected"),
    [
        pytest.param(sort, lambda error: isinstance(error, Passing), (6, 1), id="a condition about a type of its own"),
        pytest.param(sort, lambda error: type(error) is Passing, (6, 1), id="about that type and no other"),
        pytest.param(sort_again, lambda error: isinstance(error, ConnectionError), (6, 1), id="translated twice"),
        pytest.param(code, lambda error: getattr(error, "status", 0) >= 500, (None, None), id="about an attribute"),
        pytest.param(code, lambda error: "status 5" in str(error), (None, None), id="about what it says"),
        pytest.param(make, lambda error: isinstance(error, Passing), (6, 3), id="raised by another function"),
        pytest.param(log, lambda error: isinstance(error, Passing), (2, 1), id="not translated, only looked at"),
        pytest.param(log, lambda error: isinstance(error, openai.RateLimitError), (2, 1), id="nor of another type"),
        pytest.param(decorated, lambda error: isinstance(error, Passing), (6, 3), id="in a decorator"),
        pytest.param(through_decorated, lambda error: isinstance(error, Passing), (6, 3), id="in a helper's decorator"),
        pytest.param(through_kept, lambda error: isinstance(error, Passing), (6, 1), id="in a class that decorates"),
        pytest.param(think, lambda error: isinstance(error, Passing), (9, 3), id="an agent's error"),
    ],
)
def test_a_condition_is_asked_about_the_error_that_the_body_makes(
    body: Any, wanted: Any, expected: tuple[int | None, int | None], engine: Any
) -> None:
    unit = units(body, wanted, engine)
    cells = {cell.failure: cell.predicted for cell in unit.cells}
    assert (cells[Failure.UNAVAILABLE], cells[Failure.BAD_REQUEST]) == expected
    assert bool(unit.unknown) is (None in expected)
