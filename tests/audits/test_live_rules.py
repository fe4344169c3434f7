"""Rules about what engines really are configured with: live objects on both sides of each rule, nothing started."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from dbos import DBOS
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.settings import (
    PREFECT_RESULTS_PERSIST_BY_DEFAULT,
    PREFECT_TASKS_DEFAULT_PERSIST_RESULT,
    temporary_settings,
)
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability, StepConfig
from pydantic_ai.durable_exec.prefect import PrefectDurability, TaskConfig
from pydantic_ai.durable_exec.temporal import TemporalAgent, TemporalDurability
from pydantic_ai.toolsets import FunctionToolset
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

from fixtures.audit import awkward, clients, limited
from harness.audits import collect
from harness.audits.asked import body_unit
from harness.audits.asking.sharing import shared
from harness.audits.rules import found
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.engines.temporal import given
from harness.engines.temporal import retries as temporal
from harness.retries.live import Unit
from tests.audits.live import rules
from tests.audits.reports import report

RUN = Unit("run")


def kept(*, persisted: bool, retries: int = 2):
    one = flow(lambda: None, name="kept", retries=retries, persist_result=persisted)
    return [collect.recovered_unit(prefect.layers(one, RUN, {}))]


@pytest.mark.parametrize(
    ("units", "wrong"),
    [
        pytest.param(kept(persisted=False), True, id="retried, and keeps nothing"),
        pytest.param(kept(persisted=True), False, id="retried, and keeps its results"),
        pytest.param(kept(persisted=False, retries=0), False, id="not retried"),
    ],
)
def test_a_flow_that_is_retried_keeps_its_results(units, wrong):
    assert ("flow-retries-without-results" in rules(units, "prefect")) is wrong


@pytest.mark.parametrize("persisted", [True, False])
def test_what_a_retried_flow_does_in_no_task_is_lost_where_it_is_more_than_one_thing(persisted):
    run = kept(persisted=persisted)
    one = prefect.layers(flow(lambda: None, retries=2), Unit("flow"), {})
    units = (body_unit("a", one), body_unit("b", one), *run)
    told = found(report(*units, engine="prefect"))
    assert [finding.remedy.partition(",")[0] for finding in told if finding.rule == "flow-retries-without-results"] == [
        "put it into tasks that keep their results"
    ]
    assert "flow-retries-without-results" not in rules([body_unit("a", one), *run], "prefect")


@pytest.mark.parametrize(
    ("given", "origin", "usual"),
    [
        (TaskConfig(), "default", {"retries"}),
        (TaskConfig(retries=3), "explicit", {"retry_delay_seconds"}),
        (TaskConfig(retries=3, retry_delay_seconds=5.0), "explicit", set()),
        (TaskConfig(timeout_seconds=40.0), "explicit", {"retries"}),
    ],
)
def test_of_a_tasks_configuration_it_is_told_what_pydantic_ai_said(given, origin, usual):
    agent = Agent(clients.openai(), name="a", capabilities=[PrefectDurability(model_task_config=given)])
    one, *_rest = prefect.layers(agent, Unit("model"), {})
    assert (one.layer.origin.said, one.layer.usual.keys()) == (origin, usual)
    assert {whose.partition(" ")[0] for whose in one.layer.usual.values()} <= {"pydantic_ai"}


def under_a_flow(*tasks, **said):
    one = flow(lambda: None, name="around", retries=2, **said)
    lives = [prefect.layers(one, Unit("own", task.name, task), {}) for task in tasks]
    asked = [body_unit(f"step:{number}", layers) for number, layers in enumerate(lives)]
    return [*asked, collect.recovered_unit(prefect.layers(one, RUN, {}))]


OWN = task(lambda: None, name="keeps its own", persist_result=True)
USUAL = task(lambda: None, name="as the flow does")
LOST = task(lambda: None, name="is found by nobody", persist_result=True, cache_policy=NO_CACHE)


@pytest.mark.parametrize(
    ("tasks", "wrong"), [((OWN, OWN), False), ((OWN, USUAL), True), ((USUAL,), True), ((OWN, LOST), True), ((), True)]
)
def test_tasks_that_keep_their_own_results_need_no_flow_that_does(tasks, wrong):
    assert ("flow-retries-without-results" in rules(under_a_flow(*tasks), "prefect")) is wrong


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ({"cache_policy": NO_CACHE}, True),
        ({"persist_result": False}, True),
        ({}, False),
        ({"persist_result": True}, False),
    ],
)
def test_a_task_that_keeps_nothing_is_named_where_its_flow_keeps_results(said, lost):
    @task(name="charge", **said)
    def charge() -> None:
        """Nothing."""

    every = found(report(*under_a_flow(charge, USUAL, persist_result=True), engine="prefect"))
    told = [one for one in every if one.rule == "flow-retries-without-results"]
    assert ["task charge keeps no result" in one.message for one in told] == [True] * lost
    assert ["let charge keep its result" in one.remedy for one in told] == [True] * lost


@pytest.mark.parametrize("retries", [0, 1])
def test_what_makes_another_key_of_a_task_in_the_retry_is_named_once(retries):
    def transient(_task, _run, _state) -> bool:
        return True

    agent = Agent(clients.openai(), name="a", capabilities=[PrefectDurability()])
    agent.tool_plain(name="look", metadata={"prefect": TaskConfig(retry_condition_fn=transient)})(lambda: None)
    units = collect.units_of(agent, lambda unit: prefect.layers(agent, unit, {"flow_retries": retries}))
    told = [one for one in found(report(*units, engine="prefect")) if one.rule == "flow-retries-without-results"]
    assert ["model, tool:look may run again" in one.message for one in told] == [True] * retries
    assert ["leave in the metadata of tool look only" in one.remedy for one in told] == [True] * retries


@pytest.mark.parametrize("setting", [PREFECT_RESULTS_PERSIST_BY_DEFAULT, PREFECT_TASKS_DEFAULT_PERSIST_RESULT])
def test_results_are_kept_where_prefects_settings_say_so(setting):
    with temporary_settings({setting: True}):
        assert "flow-retries-without-results" not in rules(under_a_flow(USUAL), "prefect")


@pytest.mark.parametrize(("attempts", "wrong"), [(1, True), (2, True), (3, False), (100, False), (None, False)])
def test_a_workflow_outlives_a_deploy(attempts, wrong):
    @DBOS.workflow(name=f"deployed-{attempts}", max_recovery_attempts=attempts)
    def workflow() -> None:
        """Nothing."""

    units = [collect.recovered_unit(dbos.layers(workflow, RUN, {}))]
    assert ("few-recoveries" in rules(units, "dbos")) is wrong
    assert ("unlimited-retries" in rules(units, "dbos")) is (attempts is None)


@pytest.mark.parametrize("attempts", ["3", 1.5, True, -1])
def test_a_number_of_recoveries_that_is_none_is_unknown_and_says_so(attempts):
    @DBOS.workflow(name=f"senseless-{attempts}", max_recovery_attempts=attempts)
    def workflow() -> None:
        """Nothing."""

    lives = dbos.layers(workflow, RUN, {})
    unit = collect.recovered_unit(lives)
    assert lives[0].answer(ConnectionError("harness")).unknown == f"max_recovery_attempts={attempts!r} makes no sense"
    assert [(cell.failure, cell.predicted) for cell in unit.cells] == [("crash", None)]
    assert "unknown-layer" in rules([unit], "dbos")


def under_dbos(seconds: float):
    steps = StepConfig(retries_allowed=True, max_attempts=3, interval_seconds=10)
    agent = Agent(clients.openai(), name="late", capabilities=[DBOSDurability(model_step_config=steps)])
    return collect.units_of(agent, lambda unit: dbos.layers(agent, unit, {"workflow_timeout": seconds}))


def under_prefect(seconds: float):
    tasks = TaskConfig(retries=3, retry_delay_seconds=[1, 2, 4])
    agent = Agent(clients.openai(), name="late", capabilities=[PrefectDurability(model_task_config=tasks)])
    return collect.units_of(agent, lambda unit: prefect.layers(agent, unit, {"flow_timeout": seconds}))


def under_temporal(seconds: float):
    policy = RetryPolicy(maximum_attempts=5)
    activities = ActivityConfig(start_to_close_timeout=timedelta(seconds=60), retry_policy=policy)
    agent = Agent(clients.openai(), name="late", capabilities=[TemporalDurability(activity_config=activities)])
    return collect.units_of(agent, lambda unit: temporal.layers(agent, unit, {"workflow_timeout": seconds}))


ENGINES = {"dbos": under_dbos, "prefect": under_prefect, "temporal": under_temporal}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("seconds", "late"), [(5, True), (100_000, False)], ids=["short", "long"])
def test_what_a_unit_takes_at_worst_is_within_the_workflows_deadline(engine, seconds, late):
    assert ("past-deadline" in rules(ENGINES[engine](seconds), engine)) is late


@pytest.mark.filterwarnings("ignore:`TemporalAgent` is deprecated")
def test_a_body_that_never_heartbeats_is_given_no_heartbeat_timeout():
    beating = ActivityConfig(start_to_close_timeout=timedelta(seconds=60), heartbeat_timeout=timedelta(seconds=5))
    silent = TemporalAgent(Agent(clients.openai(), name="silent"), model_activity_config=beating)
    units = [collect.model_of(silent.wrapped, lambda unit: temporal.layers(silent, unit, {})).unit]
    assert "heartbeat-without-beats" in rules(units, "temporal")
    agent = Agent(clients.openai(), name="beats", capabilities=[TemporalDurability(model_activity_config=beating)])
    units = [collect.model_of(agent, lambda unit: temporal.layers(agent, unit, {})).unit]
    assert "heartbeat-without-beats" not in rules(units, "temporal")


@pytest.mark.filterwarnings("ignore:`TemporalAgent` is deprecated")
@pytest.mark.parametrize(("id", "wrong"), [("shop", False), ("shpo", True)])
@pytest.mark.parametrize("argument", ["toolset_activity_config", "tool_activity_config", "of the capability"])
def test_a_toolset_is_configured_by_an_id_that_it_has(argument, id, wrong):  # noqa: A002
    given.remember()
    toolset = FunctionToolset([abs], id="shop")
    beat = ActivityConfig(start_to_close_timeout=timedelta(seconds=9))
    if argument == "of the capability":
        capability = TemporalDurability(toolset_activity_config={id: beat})
        agent = bare = Agent(clients.openai(), name="shop", toolsets=[toolset], capabilities=[capability])
    else:
        config = {id: {"abs": beat}} if argument == "tool_activity_config" else {id: beat}
        bare = Agent(clients.openai(), name="shop", toolsets=[toolset])
        agent = TemporalAgent(bare, **{argument: config})
    units = list(collect.units_of(bare, lambda unit: temporal.layers(agent, unit, {})))
    assert ("tool-config-ignored" in rules(units, "temporal")) is wrong


def wrongly_used(**config):
    @DBOS.step(name=f"wrong-{len(config)}", **config)
    def charge() -> None:
        """Nothing."""

    agent = Agent(clients.openai(), name="wrong", tools=[charge], capabilities=[DBOSDurability()])
    units = collect.units_of(agent, lambda unit: dbos.layers(agent, unit, {}))
    return [unit for unit in units if unit.unit.startswith("tool:")]


def test_a_user_error_is_not_tried_again():
    assert "permanent-error-retried" in rules(wrongly_used(retries_allowed=True), "dbos")
    assert "permanent-error-retried" not in rules(wrongly_used(), "dbos")


def test_a_client_that_two_agents_share_is_noted_for_each():
    module = sys.modules[awkward.__name__]
    (note,) = shared(awkward.first, [module])
    assert note.startswith("its client is shared with second:")
    assert shared(awkward.second, [module])[0].startswith("its client is shared with first:")
    assert shared(awkward.dark, [module]) == []
    assert shared(limited.hidden, [sys.modules[limited.__name__]]) == []
