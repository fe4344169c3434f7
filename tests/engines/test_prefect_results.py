"""What a Prefect flow does not do again when it is retried: what its tasks keep, whatever the flow itself keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.settings import PREFECT_TASKS_DEFAULT_PERSIST_RESULT, temporary_settings
from pydantic_ai import Agent
from pydantic_ai.durable_exec.prefect import PrefectDurability, TaskConfig
from pydantic_ai.models.test import TestModel

from harness.engines.prefect import retries
from harness.retries.live import Unfit, Unit
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure


def runs(flow_keeps: bool | None, unit: Unit, **config: TaskConfig) -> int | None:
    """How often a flow that is retried once does everything in which a run came to nothing."""
    agent = Agent(TestModel(), name="kept", capabilities=[PrefectDurability(**config)])
    subject = flow(lambda: None, name="around", retries=1, persist_result=flow_keeps)
    *_units, around = retries.layers(subject, replace(unit, owner=agent), {})
    return around.answer(Unfit()).attempts


LOST = {"nothing is kept": TaskConfig(persist_result=False), "nothing is found": TaskConfig(cache_policy=NO_CACHE)}
RUN, TOOL = Unit("run"), Unit("tool", "look")


@pytest.mark.parametrize("flow_keeps", [None, True, False])
def test_pydantic_ais_tasks_keep_their_results_whatever_the_flow_does(flow_keeps):
    assert (runs(flow_keeps, RUN), runs(flow_keeps, TOOL)) == (1, 1)


@pytest.mark.parametrize("flow_keeps", [None, True, False])
@pytest.mark.parametrize("config", LOST.values(), ids=LOST.keys())
def test_what_a_task_does_not_keep_is_done_again_whatever_the_flow_does(config, flow_keeps):
    assert (runs(flow_keeps, RUN, model_task_config=config), runs(flow_keeps, TOOL, model_task_config=config)) == (2, 1)
    assert (runs(flow_keeps, RUN, tool_task_config=config), runs(flow_keeps, TOOL, tool_task_config=config)) == (1, 2)


USUAL = task(lambda: None, name="usual")


@pytest.mark.parametrize(("flow_keeps", "times"), [(True, 1), (False, 2)])
def test_a_task_of_ones_own_that_says_nothing_does_as_its_flow_says(flow_keeps, times):
    config = Unit("tool", "look", USUAL, metadata={"prefect": False})
    assert runs(flow_keeps, config) == times
    with temporary_settings({PREFECT_TASKS_DEFAULT_PERSIST_RESULT: False}):
        assert runs(flow_keeps, config) == 2


class Shop:
    """Deps that JSON can say nothing of, and that can be pickled."""


@dataclass
class Order:
    """Deps that pydantic-ai looks into."""

    number: int = 1
    pay: Any = None


def transient(_task: Any, _run: Any, _state: Any) -> bool:
    """A condition."""
    return True


PICKLED = {"prefect": TaskConfig(retries=1, retry_condition_fn=transient)}


def strayed(unit: Unit, deps: Any = None, **config: Any) -> tuple[str, int | None]:
    """What keeps a unit's task from what it kept, and how often a flow that is retried once does it at worst.

    The agent has the tool `look` with a function in its metadata, and the tool `wait` without any.
    """
    agent = Agent(TestModel(), name="strayed", capabilities=[PrefectDurability(**config)])
    agent.tool_plain(metadata=PICKLED)(look)
    agent.tool_plain(metadata={"prefect": TaskConfig(retries=1)})(wait)
    one, *_units, flows = retries.layers(agent, unit, {"flow_retries": 1}, lambda: deps)
    assert flows.sparing.answer(Unfit()).attempts == 1
    return one.layer.strays, flows.answer(Unfit()).attempts


def look() -> None:
    """Nothing."""


def wait() -> None:
    """Nothing."""


LOOK, WAIT = Unit("tool", "look", metadata=PICKLED), Unit("tool", "wait", metadata={"prefect": TaskConfig(retries=1)})
STRAYED = {
    "a tool of which JSON cannot say all": (LOOK, None, ("the metadata of tool look", 2)),
    "the model, which is given all tools": (Unit("model"), None, ("the metadata of tool look", 2)),
    "another tool": (WAIT, None, ("", 1)),
    "deps of a plain class": (WAIT, Shop(), ("the deps", 2)),
    "deps of a dataclass": (WAIT, Order(), ("", 1)),
    "a function in such deps": (WAIT, Order(pay=look), ("the deps", 2)),
    "deps that cannot be pickled": (WAIT, Lock(), ("", 1)),
}


@pytest.mark.parametrize(("unit", "deps", "said"), STRAYED.values(), ids=STRAYED.keys())
def test_what_was_kept_under_a_key_that_is_pickled_may_not_be_found(unit, deps, said):
    assert strayed(unit, deps) == said


def test_a_policy_of_ones_own_that_has_another_key_for_anything_is_left_alone():
    def key(_context: Any, _given: Any) -> str:
        raise LookupError("order")

    config = TaskConfig(cache_policy=CachePolicy.from_cache_key_fn(key))
    assert strayed(LOOK, Shop(), tool_task_config=config) == ("", 1)


PROVEN = {
    "kept": ("keeping.run", "3 (agent output) = 3"),
    "forgotten": ("forgetting.run", "3 (agent output) × 2 (flow) = 6"),
    "strayed": ("straying.run", "3 (agent output) × 2 (flow) = 6"),
}


@pytest.mark.parametrize(("name", "unit", "chain"), [(name, *told) for name, told in PROVEN.items()])
def test_a_flow_that_is_retried_asks_again_for_what_nobody_kept(tmp_path, name, unit, chain):
    cell = measured(tmp_path, f"fixtures.audit.kept_flow:{name}", "prefect", unit, F.INVALID_OUTPUT)
    assert cell.chain == chain
    assert cell.agrees is True


def test_a_flow_that_is_retried_calls_a_tool_again_of_which_nothing_is_found(tmp_path):
    cell = measured(
        tmp_path, "fixtures.audit.kept_flow:straying", "prefect", "tool:look", F.MODEL_RETRY, flow_retries=1
    )
    assert cell.chain == "2 (agent) × 2 (flow) = 4"
    assert cell.agrees is True
