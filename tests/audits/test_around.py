"""What is around the code of a workflow of one's own, within one run, counts like every other layer."""

from __future__ import annotations

from functools import partial
from typing import Any

from dbos import DBOS
from openai import OpenAI
from prefect import flow, task
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from tenacity import retry, stop_after_attempt

from fixtures.audit import clients
from harness.audits import own
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
