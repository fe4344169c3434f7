"""Rules about what engines really are configured with: live objects on both sides of each rule, nothing started."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from dbos import DBOS
from httpx2 import AsyncClient, Response
from openai import AsyncOpenAI
from prefect import flow
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability, StepConfig
from pydantic_ai.durable_exec.prefect import PrefectDurability, TaskConfig
from pydantic_ai.durable_exec.temporal import TemporalAgent, TemporalDurability
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig
from pydantic_ai.toolsets import FunctionToolset
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig
from tenacity import (
    retry,
    retry_if_exception,
    stop_after_attempt,
    wait_chain,
    wait_exponential,
    wait_fixed,
    wait_incrementing,
    wait_none,
    wait_random,
    wait_random_exponential,
)

from fixtures.audit import awkward, clients, limited
from harness.audits import collect
from harness.audits.asking.sharing import shared
from harness.audits.rules import found
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.engines.temporal import given
from harness.engines.temporal import retries as temporal
from harness.retries.live import Unit
from tests.audits.reports import report

RUN = Unit("run")
QUIET = {"api_key": clients.KEY, "max_retries": 0}


def rules(units, engine: str) -> set[str]:
    return {finding.rule for finding in found(report(*units, engine=engine))}


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


@pytest.mark.parametrize(("attempts", "wrong"), [(1, True), (2, True), (3, False), (100, False), (None, False)])
def test_a_workflow_outlives_a_deploy(attempts, wrong):
    @DBOS.workflow(name=f"deployed-{attempts}", max_recovery_attempts=attempts)
    def workflow() -> None:
        """Nothing."""

    units = [collect.recovered_unit(dbos.layers(workflow, RUN, {}))]
    assert ("few-recoveries" in rules(units, "dbos")) is wrong
    assert ("unlimited-retries" in rules(units, "dbos")) is (attempts is None)


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
    units = collect.model_units(silent.wrapped, lambda unit: temporal.layers(silent, unit, {}))
    assert "heartbeat-without-beats" in rules(units, "temporal")
    agent = Agent(clients.openai(), name="beats", capabilities=[TemporalDurability(model_activity_config=beating)])
    units = collect.model_units(agent, lambda unit: temporal.layers(agent, unit, {}))
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


def asked(model=None, engine=None, **tenacious):
    """The units of an agent whose transport, if any is said, is tenacity's with this configuration."""
    if tenacious:
        transport = AsyncHTTPX2TenacityTransport(
            config=RetryConfig(**{"stop": stop_after_attempt(3), **tenacious}),
            validate_response=Response.raise_for_status,
        )
        provider = OpenAIProvider(openai_client=AsyncOpenAI(http_client=AsyncClient(transport=transport), **QUIET))
        model = OpenAIChatModel("gpt-5", provider=provider)
    capabilities = [] if engine is None else [engine]
    agent = Agent(model or clients.openai(), name="asked", tools=[], capabilities=capabilities)
    layers = {DBOSDurability: dbos.layers, PrefectDurability: prefect.layers}.get(type(engine))
    return collect.units_of(agent, lambda unit: layers(agent, unit, {}) if layers else ())


def under_steps(condition):
    steps = StepConfig(retries_allowed=True, max_attempts=3, should_retry=condition)
    return asked(engine=DBOSDurability(model_step_config=steps))


def under_tasks(condition):
    return asked(engine=PrefectDurability(model_task_config=TaskConfig(retries=3, retry_condition_fn=condition)))


CHOICES = {
    "dbos": (under_steps, lambda error: "400" not in str(error)),
    "prefect": (under_tasks, lambda _task, _run, state: "400" not in state.message),
    "tenacity": (lambda condition: asked(retry=retry_if_exception(condition)), lambda error: "400" not in str(error)),
}


@pytest.mark.parametrize("owner", CHOICES)
def test_a_condition_chooses_among_failures(owner):
    under, choice = CHOICES[owner]
    deciding = {"condition-always-matches", "condition-never-matches"}
    assert rules(under(lambda *_: True), owner) & deciding == {"condition-always-matches"}
    assert rules(under(lambda *_: False), owner) & deciding == {"condition-never-matches"}
    assert rules(under(choice), owner) & deciding == set()


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [(lambda _e: False, {"condition-never-matches"}), (lambda _e: True, {"condition-always-matches"}), (None, set())],
    ids=["never", "always", "none is said"],
)
def test_a_steps_condition_chooses_among_what_a_tool_raises(wanted, wrong):
    found = rules(wrongly_used(retries_allowed=True, should_retry=wanted), "dbos")
    assert found & {"condition-always-matches", "condition-never-matches"} == wrong


@pytest.mark.parametrize(
    ("wait", "steady"),
    [
        (wait_exponential(), True),
        (wait_fixed(1) + wait_incrementing(), True),
        (wait_chain(wait_fixed(1), wait_fixed(2)), True),
        (wait_random_exponential(), False),
        (wait_exponential() + wait_random(0, 1), False),
        (wait_chain(wait_fixed(1), wait_random(0, 1)), False),
        (lambda state: 2.0**state.attempt_number, False),
    ],
    ids=["exponential", "a sum", "a chain", "by chance", "and by chance", "and then by chance", "anybody's own"],
)
def test_what_waits_without_chance_comes_back_together(wait, steady):
    assert ("no-jitter" in rules(asked(wait=wait), "none")) is steady

    @retry(stop=stop_after_attempt(3), wait=wait)
    def charge() -> None:
        """Nothing."""

    agent = Agent(clients.openai(), tools=[charge])
    (tool,) = [unit for unit in collect.units_of(agent, lambda _unit: ()) if unit.unit == "tool:charge"]
    assert ("no-jitter" in rules([tool], "none")) is steady


@pytest.mark.parametrize(("wait", "flat"), [(wait_fixed(2), True), (wait_none(), True), (wait_exponential(), False)])
def test_a_tool_that_is_run_again_is_given_more_and_more_time(wait, flat):
    @retry(stop=stop_after_attempt(3), wait=wait)
    def charge() -> None:
        """Nothing."""

    units = collect.units_of(Agent(clients.openai(), tools=[charge]), lambda _unit: ())
    assert ("no-backoff" in rules(units, "none")) is flat


def test_a_client_that_two_agents_share_is_noted_for_each():
    module = sys.modules[awkward.__name__]
    (note,) = shared(awkward.first, [module])
    assert note.startswith("its client is shared with second:")
    assert shared(awkward.second, [module])[0].startswith("its client is shared with first:")
    assert shared(awkward.dark, [module]) == []
    assert shared(limited.hidden, [sys.modules[limited.__name__]]) == []
