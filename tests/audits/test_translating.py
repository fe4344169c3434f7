"""Code that makes an error of its own of a client's: conditions are asked about that one, as far as that is known."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import openai
import pytest
from dbos import DBOS
from openai import OpenAI
from prefect import flow, task
from pydantic_ai import Agent
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from fixtures.audit import clients
from harness.audits import own
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.engines.temporal import retries as temporal
from harness.retries.arithmetic import factors
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from tests.audits import workflows

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


class Described(Exception):
    """Says what it says of what its constructor sets."""

    def __init__(self, status: int) -> None:
        self.status = status

    def __str__(self) -> str:
        return f"status {self.status}"


def describe() -> Any:
    """Ask, and make an error of that."""
    try:
        return client.models.list()
    except openai.APIStatusError as error:
        raise Described(error.status_code) from error


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


@pytest.mark.parametrize("engine", [dbos, prefect], ids=["dbos", "prefect"])
@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        pytest.param(lambda error: isinstance(error, Described) and error.status == 503, "`status`", id="an attribute"),
        pytest.param(lambda error: isinstance(error, Described) and "503" in str(error), "the text", id="its text"),
    ],
)
def test_of_an_error_whose_constructor_nobody_called_only_a_run_tells_what_it_says(wanted: Any, what: str, engine: Any):
    unit = units(describe, wanted, engine)
    assert [layer.unknown for layer in unit.unknown] == [f"it looks at {what} of Described, which only a run shows"]


def later() -> Any:
    """Ask when it is too late for the clauses."""
    try:
        ask = lambda: client.models.list()  # noqa: E731, PLW0108
    except openai.APIError as error:
        raise Lasting from error
    return ask()


def twice() -> Any:
    """Ask within the clauses, and without."""
    try:
        client.models.list()
    except openai.APIError as error:
        raise Lasting from error
    return client.models.list()


def perhaps() -> Any:
    """Ask, and make an error of some of what that raises."""
    try:
        return client.models.list()
    except openai.APIError as error:
        if "harness" in str(error):
            raise
        raise Lasting from error


def hidden() -> Any:
    """Ask, and catch what another function names."""
    try:
        return client.models.list()
    except others():
        raise
    except openai.APIError as error:
        raise Lasting from error


def others() -> type[Exception]:
    """Name an error."""
    return openai.BadRequestError


def each() -> Any:
    """Ask in two places, within clauses in both."""
    try:
        client.models.list()
    except openai.APIError as error:
        raise Lasting from error
    try:
        return client.models.list()
    except openai.BadRequestError:
        raise Lasting("ours") from None


@pytest.mark.parametrize("engine", [dbos, prefect], ids=["dbos", "prefect"])
@pytest.mark.parametrize(
    ("body", "most"),
    [(sort, 1), (each, 1), (later, 3), (twice, 3), (perhaps, 3), (hidden, 3)],
    ids=lambda one: str(getattr(one, "__name__", one)),
)
def test_an_error_that_is_surely_caught_does_not_come_up_as_it_is(body: Any, most: int, engine: Any):
    unit = units(body, lambda error: not isinstance(error, Lasting), engine)
    assert unit.cell(Failure.BAD_REQUEST).predicted == most


@activity.defn
async def refuse() -> Any:
    """Ask, and say in an error of Temporal's own whether it may be tried again."""
    try:
        return client.models.list()
    except openai.RateLimitError as error:
        raise ApplicationError("limited", non_retryable=True) from error


@activity.defn
async def refuse_some() -> Any:
    """Ask, and say in an error of Temporal's own what may be tried again."""
    try:
        return client.models.list()
    except openai.RateLimitError as error:
        raise ApplicationError("limited", type="Limited", non_retryable=error.status_code == 400) from error
    except openai.BadRequestError as error:
        raise ApplicationError(f"ours: {error}", type="Bad", non_retryable=True) from error
    except openai.AuthenticationError as error:
        if "key" in str(error):
            raise ApplicationError("no key", type="RuntimeError") from error
        raise
    except openai.InternalServerError as error:
        raise ApplicationError("theirs", type="RuntimeError" if error.status_code == 500 else "Other") from error


@activity.defn
async def delay() -> Any:
    """Ask, and say in an error of Temporal's own when to try again, as the provider does."""
    try:
        return client.models.list()
    except openai.RateLimitError as error:
        after = error.response.headers.get("retry-after")
        raise ApplicationError("limited", next_retry_delay=timedelta(seconds=int(after)) if after else None) from error


@activity.defn
async def judge() -> Any:
    """Ask, and say in an error of Temporal's own whether it is final."""
    try:
        return client.models.list()
    except openai.RateLimitError as error:
        raise ApplicationError("limited", type="Limited", non_retryable="never" in str(error)) from error


@activity.defn
async def rename() -> Any:
    """Ask, and make an error of another type of that."""
    try:
        return client.models.list()
    except openai.RateLimitError as error:
        raise Passing("limited") from error


BRIEFLY: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=60),
    "retry_policy": RetryPolicy(maximum_attempts=4, non_retryable_error_types=["RuntimeError"]),
}


@workflow.defn
class Refusing:
    @workflow.run
    async def run(self) -> Any:
        """Call the one."""
        return await workflow.execute_activity(refuse, **BRIEFLY)


@workflow.defn
class RefusingSome:
    @workflow.run
    async def run(self) -> Any:
        """Call another."""
        return await workflow.execute_activity(refuse_some, **BRIEFLY)


@workflow.defn
class Delaying:
    @workflow.run
    async def run(self) -> Any:
        """Call one that says when."""
        return await workflow.execute_activity(delay, **BRIEFLY)


@workflow.defn
class Judging:
    @workflow.run
    async def run(self) -> Any:
        """Call one that says whether."""
        return await workflow.execute_activity(judge, **BRIEFLY)


@workflow.defn
class Renaming:
    @workflow.run
    async def run(self) -> Any:
        """Call the other on its worker."""
        return await workflow.execute_local_activity(rename, **BRIEFLY)


def test_what_an_error_of_temporals_says_to_the_server_is_known_where_it_is_spelled_out():
    unit = workflows.units(Refusing)["step:refuse.client"]
    cells = {cell.failure: cell.predicted for cell in unit.cells}
    assert (cells[Failure.RATE_LIMITED], cells[Failure.UNAVAILABLE]) == (2, 8)  # of the client alone
    assert not unit.unknown


def test_what_it_says_only_a_run_tells_where_it_is_not():
    unit = workflows.units(RefusingSome)["step:refuse_some.client"]
    cells = {cell.failure: cell.predicted for cell in unit.cells}
    known = {Failure.BAD_REQUEST: 1, Failure.UNAUTHORIZED: 4, Failure.REFUSED: 8}  # the second may come up as it is
    assert {failure: cells[failure] for failure in known} == known
    assert [cells[failure] for failure in (Failure.RATE_LIMITED, Failure.UNAVAILABLE)] == [None, None]
    assert [one.unknown for one in unit.unknown] == ["it looks at `type` of ApplicationError, which only a run shows"]


@pytest.mark.parametrize(
    ("around", "name", "untold"),
    [(Delaying, "delay", "next_retry_delay"), (Judging, "judge", "non_retryable")],
)
def test_of_what_is_spelled_out_in_part_the_rest_is_named(around, name, untold):
    unit = workflows.units(around)[f"step:{name}.client"]
    assert [one.unknown for one in unit.unknown] == [
        f"it looks at `{untold}` of ApplicationError, which only a run shows"
    ]


def test_a_local_activity_need_not_know_what_an_error_says():
    unit = workflows.units(Renaming)["step:rename.client"]
    assert {cell.predicted for cell in unit.cells if cell.failure is Failure.RATE_LIMITED} == {8}
    assert not unit.unknown


def test_what_an_error_says_is_unknown_where_the_workflow_around_it_is_as_well():
    layers = functools.partial(temporal.layers, RefusingSome)
    every = {unit.unit: unit for unit in own.units_of(RefusingSome, lambda unit: layers(unit, {}))}
    cell = every["step:refuse_some.client"].cell(Failure.RATE_LIMITED)
    assert {one.layer: one.times for one in factors(cell.expression)}["temporal activity"] is None
