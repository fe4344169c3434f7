"""What is around the code of a workflow of one's own, or on the way to its units, counts like every other layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from dbos import DBOS
from openai import OpenAI
from prefect import flow, task
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.durable_exec.prefect import PrefectDurability
from tenacity import retry, stop_after_attempt

from fixtures.audit import clients
from harness.audits import collect, own
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

F = Failure
client = OpenAI(api_key="sk-fixture", max_retries=0)
thrice = retry(stop=stop_after_attempt(3), reraise=True)


def found(workflow: Any, engine: Any = prefect) -> dict[str, UnitAudit]:
    """The units of a workflow of one's own."""
    return {unit.unit: unit for unit in own.units_of(workflow, partial(_layers, workflow, engine))}


def _layers(workflow: Any, engine: Any, unit: Any) -> Any:
    return engine.layers(workflow, unit, {})


@task(retries=1)
def helper() -> Any:
    """Ask in a task."""
    return client.responses.create(model="gpt-5", input="hello")


@flow(retries=1)
@thrice
def patient() -> Any:
    """Ask in a task, and in the flow itself."""
    client.models.list()
    return helper()


def test_a_decorator_on_a_flows_function_is_between_the_flow_and_its_tasks():
    units = found(patient)
    chain = "2 (prefect task) × 3 (tenacity of patient) × 2 (flow) = 12"
    assert units["step:helper.client"].cell(F.UNAVAILABLE).chain == chain
    assert units["client"].cell(F.UNAVAILABLE).chain == "3 (tenacity of patient) × 2 (flow) = 6"


durable = Agent(clients.openai(), name="durable", capabilities=[DBOSDurability()])


@DBOS.workflow(max_recovery_attempts=2)
@thrice
async def insistent(prompt: str) -> None:
    """Run an agent."""
    await durable.run(prompt)


@DBOS.workflow(max_recovery_attempts=2)
async def plain(prompt: str) -> None:
    """The same without a decorator."""
    await durable.run(prompt)


def test_a_decorator_on_a_workflows_function_is_around_its_agents_and_dies_with_the_process():
    (once, again) = (found(workflow, dbos)["durable.model"] for workflow in (plain, insistent))
    assert again.cell(F.UNAVAILABLE).predicted == 3 * once.cell(F.UNAVAILABLE).predicted
    assert again.cell(F.CRASH).predicted == once.cell(F.CRASH).predicted == 3


@flow(retries=4, name="sub")
def sub() -> Any:
    """A flow that another one calls; it asks in itself, too."""
    client.models.list()
    return helper()


@thrice
def sometimes() -> Any:
    """A plain function that is tried again around a task."""
    return helper()


@flow(retries=2, name="outer")
def outer() -> Any:
    """Ask on each way."""
    helper()
    sometimes()
    return sub()


WAYS = {
    "step:helper.client": "2 (prefect task) × 3 (flow) = 6",
    "step:sometimes.helper.client": "2 (prefect task) × 3 (tenacity of sometimes) × 3 (flow) = 18",
    "step:sub.helper.client": "2 (prefect task) × 5 (flow sub) × 3 (flow) = 30",
    "sub.client": "5 (flow sub) × 3 (flow) = 15",
}


def test_a_flow_that_another_one_calls_is_around_what_it_asks():
    units = found(outer)
    assert {name: units[name].cell(F.UNAVAILABLE).chain for name in units if name != "run"} == WAYS


@task(retries=1)
def calls() -> Any:
    """A task that calls another one."""
    return helper()


@flow
def nested() -> Any:
    """Ask in a task in a task."""
    return calls()


def test_a_task_inside_a_task_is_told_of_there_alone():
    assert found(nested).keys() == {"step:calls.helper.client", "run"}


recorded = Agent(clients.openai(), name="recorded", capabilities=[PrefectDurability()], tools=[calls])


@flow(retries=1, name="runs-an-agent")
async def runs_an_agent() -> None:
    """Run an agent whose units are all there, in a flow that another one calls."""
    await recorded.run("hello")


@flow
async def hires() -> None:
    """Call it."""
    await runs_an_agent()


def test_an_agent_in_a_flow_that_another_one_calls_has_that_around_it():
    units = found(hires)
    assert units["runs_an_agent.recorded.model"].cell(F.UNAVAILABLE).chain == "3 (openai) × 2 (flow runs-an-agent) = 6"
    tool = units["runs_an_agent.recorded.tool:calls"].cell(F.TOOL_EXCEPTION)
    assert tool.chain == "2 (prefect task of calls) × 2 (flow runs-an-agent) = 4"


def test_a_tool_that_calls_a_flow_has_that_around_what_it_asks():
    def asks() -> Any:
        """Ask in a flow."""
        return sub()

    agent = Agent(clients.openai(), name="asks", capabilities=[PrefectDurability()], tools=[asks])
    units = {unit.unit: unit for unit in collect.units_of(agent, partial(_layers, agent, prefect))}
    chain = "2 (prefect task of helper) × 5 (flow sub) = 10"
    assert units["tool:asks.sub.helper.client"].cell(F.UNAVAILABLE).chain == chain


@DBOS.workflow(max_recovery_attempts=4)
async def inner_one(prompt: str) -> None:
    """A workflow that another one calls."""
    await durable.run(prompt)


@DBOS.workflow(max_recovery_attempts=1)
async def outer_one(prompt: str) -> None:
    """Call it. As DBOS counts, a body that dies each time then runs 2 times out here, and 5 times in there."""
    await inner_one(prompt)


def test_a_workflow_that_another_one_calls_is_recovered_by_its_own_number():
    units = found(outer_one, dbos)
    crashes = {name: unit.cell(F.CRASH).predicted for name, unit in units.items() if unit.cell(F.CRASH)}
    assert (crashes["run"], crashes["inner_one.run"], crashes["inner_one.durable.model"]) == (2, 5, 5)
