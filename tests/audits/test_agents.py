"""An agent that a step of a workflow of one's own runs: what is asked again there is more than its model."""

from __future__ import annotations

from functools import partial

import pytest
import requests
from dbos import DBOS
from prefect import flow, task
from pydantic_ai import Agent, UnexpectedModelBehavior, UsageLimits
from pydantic_ai.durable_exec.prefect import PrefectDurability
from pydantic_ai.exceptions import ModelHTTPError
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from fixtures.audit import running_agents
from harness.audits import own
from harness.audits.rules import found
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.values import Failure
from tests.audits.cells import measured
from tests.audits.reports import report

F = Failure
agent = Agent(running_agents.model, retries=3)
few = UsageLimits(request_limit=2)


@agent.tool_plain
def look(place: str) -> str:
    return place


hidden = Agent(running_agents.model, name="hidden")
session = requests.Session()
session.mount("https://", requests.adapters.HTTPAdapter(max_retries=3))


@hidden.tool_plain
def fetch(place: str) -> str:
    return session.get(place).text


class Busy(Exception):
    """What a step makes of the end of a run."""


async def is_busy(_task, _run, state) -> bool:
    try:
        await state.result()
    except Busy:
        return True
    except Exception:  # noqa: BLE001
        return False
    return False


@task(retries=2, retry_condition_fn=is_busy)
async def translating() -> str:
    try:
        return (await agent.run("x")).output
    except UnexpectedModelBehavior as error:
        raise Busy from error


@task(retries=2, retry_condition_fn=is_busy)
async def refusing() -> str:
    return (await agent.run("x")).output


@task(retries=1)
async def sparing() -> str:
    return (await agent.run("x", usage_limits=few)).output


@DBOS.step(retries_allowed=True, max_attempts=5)
async def stepping() -> str:
    return (await agent.run("x")).output


def units(workflow, engine):
    return {unit.unit: unit for unit in own.units_of(workflow, partial(_layers, engine, workflow))}


def _layers(engine, workflow, unit):
    return engine.layers(workflow, unit, {})


@task(retries=2)
async def hiding() -> str:
    return (await hidden.run("x")).output


plain = Agent(running_agents.model, name="plain")
asking = Agent(running_agents.model, name="asking")


@plain.tool_plain
def find(place: str) -> str:
    return place


@asking.tool_plain
async def delegate(place: str) -> str:
    return (await agent.run(place)).output


def refused(one):
    """A helper that runs an agent again when its model was refused."""

    @retry(retry=retry_if_exception_type(ModelHTTPError), stop=stop_after_attempt(6))
    async def ask() -> str:
        return (await one.run("x")).output

    return ask


def flowing(step, retries=1):
    async def around() -> None:
        await step()

    return flow(retries=retries)(around)


def working(step):
    async def around() -> None:
        await step()

    return around


RUNS = {
    "a task": (running_agents.main, prefect, "write.writer", "4 (agent output) × 3 (prefect task) × 2 (flow) = 24"),
    "a step": (working(stepping), dbos, "step.agent", "4 (agent output) × 5 (dbos step) = 20"),
    "limits of its runs": (
        flowing(sparing),
        prefect,
        "step.agent",
        "2 (usage limits stop 4 (agent output)) × 2 (prefect task) × 2 (flow) = 8",
    ),
    "a condition that refuses the end of a run": (
        flowing(refusing),
        prefect,
        "step.agent",
        "4 (agent output) × 2 (flow) = 8",
    ),
    "code that makes another error of that": (
        flowing(translating),
        prefect,
        "step.agent",
        "4 (agent output) × 3 (prefect task) × 2 (flow) = 24",
    ),
}


@pytest.mark.parametrize(("workflow", "engine", "name", "chain"), RUNS.values(), ids=RUNS)
def test_a_run_that_a_step_makes_asks_for_a_better_output_in_each_of_its_attempts(workflow, engine, name, chain):
    assert units(workflow, engine)[f"step:{name}.run"].cell(F.INVALID_OUTPUT).chain == chain


def test_the_tools_of_an_agent_that_a_step_runs_are_units_of_the_step():
    every = units(running_agents.main, prefect)
    tool = every["step:write.writer.tool:charge"]
    assert {cell.failure: cell.chain for cell in tool.cells if cell.failure is not F.CRASH} == {
        F.TOOL_EXCEPTION: "3 (prefect task) × 2 (flow) = 6",
        F.USER_ERROR: "3 (prefect task) × 2 (flow) = 6",
        F.MODEL_RETRY: "5 (agent) × 3 (prefect task) × 2 (flow) = 30",
        F.VALIDATION: "5 (agent) × 3 (prefect task) × 2 (flow) = 30",
    }
    assert tool.called == "write"
    assert all(cell.bound for cell in tool.cells if cell.failure is not F.CRASH)
    assert "modelretry-retried" not in {one.rule for one in found(report(*every.values(), engine="prefect"))}


def test_a_tool_fails_as_no_model_does_but_where_it_asks_one():
    def chain(one, name):
        return units(working(refused(one)), prefect)[f"ask.one.{name}"].cell(F.TOOL_EXCEPTION).chain

    assert chain(plain, "tool:find") == "1 (body) = 1"
    assert chain(asking, "tool:delegate") == "6 (tenacity of ask) = 6"


def test_so_does_a_tool_of_a_durable_agent():
    durable = Agent(running_agents.model, name="durable", capabilities=[PrefectDurability()])
    durable.tool_plain(find)
    cell = units(working(refused(durable)), prefect)["ask.one.tool:find"].cell(F.TOOL_EXCEPTION)
    assert cell.chain == "1 (body) = 1"


def test_a_flow_that_is_never_retried_is_known_whatever_is_inside_of_a_run():
    fetched = units(flowing(hiding, retries=0), prefect)["step:step.hidden.tool:fetch.session"]
    assert fetched.cell(F.RATE_LIMITED).chain == "? (Session) × ? (prefect task) = ?"


def test_what_a_run_in_a_step_asks_again_is_measured(tmp_path):
    name = "step:write.writer.run"
    cell = measured(tmp_path, "fixtures.audit.running_agents:main", "prefect", name, F.INVALID_OUTPUT)
    assert (cell.predicted, cell.counted) == (24, 24)


def test_the_task_of_an_agents_model_is_inside_of_the_task_that_runs_the_agent(tmp_path):
    name = "step:record.recorded.model"
    cell = measured(tmp_path, "fixtures.audit.running_agents:recording", "prefect", name, F.BAD_REQUEST)
    assert (cell.chain, cell.counted) == ("2 (prefect task) × 3 (prefect task of record) = 6", 6)
