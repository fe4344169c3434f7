"""What a Prefect flow does not do again when it is retried: what its tasks keep, whatever the flow itself keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
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


PROVEN = {
    "kept": ("keeping.run", "3 (agent output) = 3"),
    "forgotten": ("forgetting.run", "3 (agent output) × 2 (flow) = 6"),
}


@pytest.mark.parametrize(("name", "unit", "chain"), [(name, *told) for name, told in PROVEN.items()])
def test_a_flow_that_is_retried_asks_again_for_what_nobody_kept(tmp_path, name, unit, chain):
    cell = measured(tmp_path, f"fixtures.audit.kept_flow:{name}", "prefect", unit, F.INVALID_OUTPUT)
    assert cell.chain == chain
    assert cell.agrees is True
