"""Retry conditions are asked about far more than the classes of failure before one of them is called pointless."""

from __future__ import annotations

from typing import Any

import pytest
from dbos import DBOS
from httpx2 import AsyncClient, HTTPStatusError, Response
from openai import RateLimitError
from pydantic_ai import ModelRetry
from pydantic_ai.durable_exec.dbos import DBOSDurability, StepConfig
from pydantic_ai.durable_exec.prefect import PrefectDurability, TaskConfig
from pydantic_ai.exceptions import ModelHTTPError, ModelRateLimitError, ModelRequestTimeout, ModelTimeoutError
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig
from tenacity import (
    RetryCallState,
    retry,
    retry_all,
    retry_if_exception,
    retry_if_exception_type,
    retry_if_not_exception_type,
    retry_if_result,
    stop_after_attempt,
)

from tests.audits.live import asked, openai, rules

NEVER, ALWAYS = "condition-never-matches", "condition-always-matches"


class Busy(Exception):
    """What a library of the person's own raises."""

    def __init__(self, code: int) -> None:
        self.code = code


def judged(*subject: Any) -> set[str]:
    return rules(asked(*subject)) & {NEVER, ALWAYS}


def raising(*codes: int, **config: Any) -> AsyncClient:
    """A client whose transport tries again what its response is refused for."""

    def refuse(response: Response) -> None:
        if response.status_code in codes:
            response.raise_for_status()

    config = {"retry": retry_if_exception_type(HTTPStatusError), "stop": stop_after_attempt(3), **config}
    return AsyncClient(transport=AsyncHTTPX2TenacityTransport(config=RetryConfig(**config), validate_response=refuse))


@pytest.mark.parametrize(("codes", "said"), [((529,), set()), ((502, 504), set()), ((), {NEVER})])
def test_a_transport_may_try_again_what_is_no_class_of_failure(codes, said):
    assert judged(openai(max_retries=0, http=raising(*codes))) == said


def test_a_transport_whose_model_is_never_asked_has_its_condition_all_the_same():
    models = openai(max_retries=0), openai(max_retries=0, http=raising(429))
    assert judged(FallbackModel(*models, fallback_on=lambda _error: False)) == set()


def test_a_transport_may_look_at_the_response():
    polling = retry_if_result(lambda response: response.headers.get("x-ready") == "no")
    assert judged(openai(http=raising(retry=polling))) == set()


def status(*codes: int) -> Any:
    return lambda error: isinstance(error, ModelHTTPError) and error.status_code in codes


def loaded(error: BaseException) -> bool:
    return isinstance(error, RateLimitError)


MODELS = {
    "another status": (status(529), set()),
    "a status that there is not": (status(600), {NEVER}),
    "an error that pydantic-ai has replaced": (loaded, {NEVER}),
    "all but one status": (lambda error: not status(418)(error), set()),
}


@pytest.mark.parametrize(("wanted", "said"), MODELS.values(), ids=MODELS.keys())
def test_a_units_condition_is_asked_about_what_a_model_raises(wanted, said):
    config = StepConfig(retries_allowed=True, max_attempts=3, should_retry=wanted)
    assert judged(openai(max_retries=0), DBOSDurability(model_step_config=config)) == said

    def condition(_task: Any, _run: Any, state: Any) -> bool:
        return wanted(state.data)

    task = TaskConfig(retries=2, retry_condition_fn=condition)
    assert judged(openai(max_retries=0), PrefectDurability(model_task_config=task)) == said


CATEGORIES = {
    "a category": (lambda error: isinstance(error, ModelRateLimitError), set()),
    "one that carries no status": (lambda error: isinstance(error, ModelTimeoutError), set()),
    "a deadline of pydantic-ai's own": (lambda error: isinstance(error, ModelRequestTimeout), set()),
    "the name of a category": (lambda error: type(error).__name__ == "ModelServerError", set()),
    "the name of none": (lambda error: type(error).__name__ == "APITimeoutError", {NEVER}),
}


@pytest.mark.parametrize(("wanted", "said"), CATEGORIES.values(), ids=CATEGORIES.keys())
def test_a_units_condition_may_choose_by_the_categories_of_model_errors(wanted, said):
    config = StepConfig(retries_allowed=True, max_attempts=3, should_retry=wanted)
    assert judged(openai(max_retries=0), DBOSDurability(model_step_config=config)) == said


MESSAGES = {"RateLimitError": set(), "ModelServerError": set(), "status_code: 529": set(), "APITimeoutError": {NEVER}}


@pytest.mark.parametrize(("part", "said"), MESSAGES.items())
def test_a_tasks_condition_may_look_at_the_message_of_the_state(part, said):
    def condition(_task: Any, _run: Any, state: Any) -> bool:
        return part in state.message

    task = TaskConfig(retries=2, retry_condition_fn=condition)
    assert judged(openai(max_retries=0), PrefectDurability(model_task_config=task)) == said


def test_a_tasks_condition_may_choose_by_the_number_of_attempts():
    task = TaskConfig(retries=5, retry_condition_fn=lambda _task, run, _state: run.run_count < 3)
    assert judged(openai(max_retries=0), PrefectDurability(model_task_config=task)) == set()


def test_a_tasks_condition_may_be_about_its_own_deadline():
    def condition(_task: Any, _run: Any, state: Any) -> bool:
        return "TaskRunTimeoutError" in state.message

    def judge(**config: Any) -> set[str]:
        task = TaskConfig(retries=2, retry_condition_fn=condition, **config)
        return judged(openai(max_retries=0), PrefectDurability(model_task_config=task))

    assert (judge(timeout_seconds=5), judge()) == (set(), {NEVER})


def test_a_condition_that_is_asked_for_no_second_attempt_may_choose():
    config = StepConfig(retries_allowed=True, max_attempts=1, should_retry=status(429))
    assert judged(openai(max_retries=0), DBOSDurability(model_step_config=config)) == set()


def by_hand(state: RetryCallState) -> bool:
    return not state.outcome.failed and state.outcome.result() == "pending"


BODIES = {
    "results": (retry_if_result(lambda found: found is None), set()),
    "results, by hand": (by_hand, set()),
    "errors or results": (retry_if_exception(lambda _error: False) | retry_if_result(bool), set()),
    "an error and a result at once": (retry_all(retry_if_exception_type(), retry_if_result(bool)), {NEVER}),
    "an exception of one's own": (retry_if_exception(lambda error: isinstance(error, Busy)), set()),
    "its code": (retry_if_exception(lambda error: isinstance(error, Busy) and error.code == 7), set()),
    "an error of an SDK": (retry_if_exception(loaded), set()),
    "no status that there is": (
        retry_if_exception(lambda error: isinstance(error, HTTPStatusError) and error.response.status_code == 600),
        {NEVER},
    ),
    "all but a signal": (retry_if_not_exception_type(ModelRetry), set()),
    "all": (retry_if_exception_type(Exception), {ALWAYS}),
}


@pytest.mark.parametrize(("condition", "said"), BODIES.values(), ids=BODIES.keys())
def test_a_bodys_condition_is_asked_about_every_exception_and_about_results(condition, said):
    @retry(stop=stop_after_attempt(3), retry=condition)
    def charge() -> None:
        """Nothing."""

    assert judged(openai(), None, [charge]) == said


@pytest.mark.parametrize(("kinds", "said"), [((ModelRetry,), set()), ((), {ALWAYS})])
def test_a_steps_condition_may_refuse_a_signal_alone(kinds, said):
    @DBOS.step(name=f"but-{len(kinds)}", retries_allowed=True, should_retry=lambda error: not isinstance(error, kinds))
    def charge() -> None:
        """Nothing."""

    assert judged(openai(), DBOSDurability(), [charge]) == said


def test_of_an_error_that_a_condition_names_only_a_run_tells_what_its_constructor_sets():
    condition = retry_all(retry_if_exception_type(Busy), retry_if_exception(lambda error: error.code == 7))

    @retry(stop=stop_after_attempt(3), retry=condition)
    def charge() -> None:
        """Nothing."""

    unit = next(unit for unit in asked(openai(), None, [charge]) if unit.unit == "tool:charge")
    assert [layer.unknown for layer in unit.unknown] == ["it looks at `code` of Busy, which only a run shows"]
