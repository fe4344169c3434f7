"""What an engine asks a retry condition of the person's own, and when it does not hear it."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import pytest
from dbos import error as errors
from prefect import flow, task
from prefect.task_engine import SyncTaskRunEngine
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability, StepConfig
from pydantic_ai.models.test import TestModel

from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.live import TimedOut, Unit

LOST = ConnectionError("lost")


def own(retried: Any) -> prefect.TaskLayer:
    (layer, _flow) = prefect.layers(flow(lambda: None, name="own"), Unit("own", "task", retried), {})
    return layer


def test_a_condition_is_asked_with_dboss_own_error_at_the_deadline():
    def late(error: BaseException) -> bool:
        return isinstance(error, errors.DBOSStepTimeoutError) and "5 seconds" in str(error)

    config = StepConfig(retries_allowed=True, timeout_seconds=5, should_retry=late)
    agent = Agent(TestModel(), name="late", capabilities=[DBOSDurability(model_step_config=config)])
    (layer,) = dbos.layers(agent, Unit("model"), {})
    assert (layer.answer(TimedOut("")).attempts, layer.answer(LOST).attempts) == (3, 1)


def lost_only(_task, _run, state) -> bool:
    try:
        state.result()
    except ConnectionError:
        return True
    except ValueError:
        return False
    return False


def test_a_plain_condition_is_asked_with_the_error_of_a_plain_task():
    layer = own(task(lambda: None, name="b", retries=2, retry_condition_fn=lost_only))
    assert (layer.answer(LOST).attempts, layer.answer(ValueError()).attempts) == (3, 1)


def test_a_condition_that_lets_the_tasks_own_error_out_is_a_no_to_that():
    layer = own(task(lambda: None, name="b", retries=2, retry_condition_fn=lost_only))
    answer = layer.answer(TypeError("harness"))
    assert (answer.attempts, answer.unknown) == (1, "")


@pytest.mark.filterwarnings("ignore:coroutine 'State.aresult' was never awaited")
def test_a_plain_condition_of_an_async_task_only_gets_a_promise():
    async def body() -> None:
        """Nothing."""

    assert own(task(body, name="c", retries=2, retry_condition_fn=lost_only)).answer(LOST).attempts == 1


class Mute(Exception):
    """One that says nothing until it was made properly."""

    def __repr__(self) -> str:
        raise AttributeError("code")


def test_a_condition_is_shown_the_state_that_prefects_own_engine_shows():
    shown: list[Any] = []

    def look(_task, _run, state) -> bool:
        shown.append((state.name, state.type, state.message, state.data))
        return False

    asked = task(lambda: None, name="shown", retries=1, retry_condition_fn=look)
    own(asked).answer(LOST)
    SyncTaskRunEngine(asked, task_run=SimpleNamespace(id="1")).can_retry(LOST)
    assert shown[0] == shown[1]
    own(asked).answer(Mute())
    assert shown[2][2].endswith("exception: Mute")


def test_a_condition_is_asked_with_prefects_own_error_at_the_deadline():
    def late(_task, _run, state) -> bool:
        return isinstance(state.data, TimeoutError) and "TaskRunTimeoutError('Scope" in state.message

    layer = own(task(lambda: None, name="late", retries=2, timeout_seconds=5, retry_condition_fn=late))
    assert (layer.answer(TimedOut("")).attempts, layer.answer(LOST).attempts) == (3, 1)


def test_a_condition_that_is_no_function_is_a_no():
    layer = own(task(lambda: None, name="d", retries=2, retry_condition_fn=functools.partial(lost_only)))
    assert layer.answer(LOST).attempts == 1
    assert layer.layer.notes == ("retry_condition_fn is no plain function, and Prefect then never retries",)


def test_a_condition_that_raises_is_unknown():
    def broken(_task, _run, _state) -> bool:
        raise LookupError("no policy")

    assert (
        "LookupError: no policy"
        in own(task(lambda: None, name="e", retries=2, retry_condition_fn=broken)).answer(LOST).unknown
    )
