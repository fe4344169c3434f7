"""What is predicted is what one call comes to, and so is what is measured, however many calls a workflow makes."""

from __future__ import annotations

import pytest

from harness import audit
from harness.retries.values import Failure
from tests.audits.cells import audited, measured


@pytest.mark.parametrize(
    ("engine", "name", "unit", "chain", "calls"),
    [
        pytest.param(
            "prefect",
            "goes_on",
            "step:in_both.translate.client",
            "2 (openai) × 3 (prefect task) × 2 (flow in-both) × 2 (flow) = 24",
            2,
            id="two at once in a flow that is tried again on both levels, and another task after them",
        ),
        pytest.param(
            "prefect",
            "goes_on",
            "step:excuse.client",
            "2 (openai) × 8 (prefect task) × 2 (flow) = 32",
            1,
            id="the one that comes after them",
        ),
        pytest.param(
            "dbos",
            "side_by_side",
            "step:summarize.client",
            "2 (openai) × 3 (dbos step) = 6",
            4,
            id="four at once, and no failure of the workflow",
        ),
        pytest.param(
            "dbos",
            "insists",
            "step:insist.summarize.client",
            "2 (openai) × 3 (dbos step) × 2 (tenacity of insist) = 12",
            1,
            id="one that a decorator makes again",
        ),
        pytest.param(
            "dbos",
            "is_stubborn",
            "step:stubborn.client",
            "2 (openai) × 3 (dbos step) × 2 (tenacity) = 12",
            1,
            id="a step under a decorator",
        ),
        pytest.param(
            "dbos",
            "is_advised",
            "step:advise.agent.model",
            "2 (openai) × 3 (dbos step) = 6",
            1,
            id="an agent in a step, which runs anew in each attempt",
        ),
    ],
)
def test_requests_belong_to_the_call_that_they_were_made_in(tmp_path, engine, name, unit, chain, calls):
    cell = measured(tmp_path, f"fixtures.audit.several:{name}", engine, unit, Failure.UNAVAILABLE)
    assert cell.chain == chain
    assert (cell.counted, cell.measured.calls, cell.measured.capped) == (cell.predicted, calls, False)


def test_a_step_of_a_workflow_that_another_one_calls_is_measured_where_it_is(tmp_path):
    unit = "step:pack.ship"
    cell = measured(tmp_path, "fixtures.audit.several:orders", "dbos", unit, Failure.TOOL_EXCEPTION)
    assert (cell.chain, cell.counted) == ("3 (dbos step) = 3", 3)


BOTH = """
from dbos import DBOS
from openai import AsyncOpenAI

client = AsyncOpenAI(api_key="sk-fixture", max_retries=1)

@DBOS.step(retries_allowed=True, max_attempts=3)
async def ask(llm: AsyncOpenAI, prompt: str) -> str:
    return (await llm.responses.create(model="gpt-5", input=prompt)).output_text

@DBOS.workflow()
async def both(prompt: str) -> str:
    first = await client.responses.create(model="gpt-5", input=prompt)
    return await ask(client, first.output_text)
"""


def test_what_a_workflow_itself_asks_is_not_what_its_step_is_measured_at(tmp_path):
    (tmp_path / "both.py").write_text(BOTH)
    report = audit(f"{tmp_path / 'both.py'}:both", "dbos")
    (step,) = [unit for unit in report.units if unit.unit == "step:ask.client"]
    assert {cell.failure for cell in step.cells if cell.counted != cell.predicted} == {Failure.CRASH}
    assert step.cell(Failure.CRASH).agrees is None  # of many deaths some are measured
    assert not [finding for finding in report.findings if finding.rule == "prediction-differs"]


BY_HAND = """
from anthropic import AsyncAnthropic
from dbos import DBOS
from openai import AsyncOpenAI

one, other = AsyncOpenAI(api_key="k", max_retries=1), AsyncAnthropic(api_key="k", max_retries=3)

@DBOS.step()
async def ask(prompt: str) -> str:
    return (await one.responses.create(model="gpt-5", input=prompt)).output_text

@DBOS.step(retries_allowed=True, max_attempts=2, interval_seconds=0.1)
async def ask_both(prompt: str) -> str:
    try:
        return (await one.responses.create(model="gpt-5", input=prompt)).output_text
    except Exception:
        said = [{"role": "user", "content": prompt}]
        return str((await other.messages.create(model="claude", max_tokens=5, messages=said)).content)

@DBOS.workflow()
async def falling(prompt: str) -> str:
    try:
        return await ask(prompt)
    except Exception:
        return await ask_both(prompt)
"""


def test_whom_code_falls_back_on_by_hand_is_measured_in_another_step_and_in_the_same(tmp_path):
    (tmp_path / "falling.py").write_text(BY_HAND)
    report = audited(tmp_path, f"{tmp_path / 'falling.py'}:falling", "dbos", Failure.UNAVAILABLE)
    cells = {unit.unit: unit.cell(Failure.UNAVAILABLE) for unit in report.units if unit.host}
    found = {name: (cell.predicted, cell.counted) for name, cell in cells.items()}
    assert found == {"step:ask.one": (2, 2), "step:ask_both.one": (4, 4), "step:ask_both.other": (8, 8)}


STEPPED = """
from dbos import DBOS
from openai import OpenAI
from pydantic_ai import Agent

client = OpenAI(api_key="sk-fixture", max_retries=1)
agent = Agent("openai:gpt-5", name="stepped")

@agent.tool_plain
@DBOS.step(retries_allowed=True, max_attempts=3)
def fetch(which: str) -> str:
    return str(client.models.list())
"""


def test_what_a_tool_that_is_a_step_asks_is_measured_beside_the_agents_own_requests(tmp_path):
    (tmp_path / "stepped.py").write_text(STEPPED)
    report = audited(tmp_path, f"{tmp_path / 'stepped.py'}:agent", "dbos", Failure.UNAVAILABLE)
    (asked,) = [unit for unit in report.units if unit.unit == "tool:fetch.client"]
    cell = asked.cell(Failure.UNAVAILABLE)
    assert (cell.predicted, cell.counted, cell.unmeasured) == (6, 6, "")


FORGETTING = """
from dbos import DBOS
from openai import OpenAI

client = OpenAI(api_key="sk-fixture", max_retries=1)

@DBOS.step(retries_allowed=True, max_attempts=3)
def ask() -> None:
    client.models.list()

@DBOS.workflow()
def child() -> None:
    ask()

@DBOS.workflow()
async def forgetting(prompt: str) -> None:
    await DBOS.register_queue_async("later", polling_interval_sec=60)
    await DBOS.enqueue_workflow_async("later", child)
"""


def test_what_a_workflow_begins_and_does_not_wait_for_is_unmeasured_and_not_nothing(tmp_path):
    (tmp_path / "forgetting.py").write_text(FORGETTING)
    report = audit(f"{tmp_path / 'forgetting.py'}:forgetting", "dbos")
    (asked,) = [unit for unit in report.units if unit.unit == "step:child.ask.client"]
    assert {cell.counted for cell in asked.cells} == {None}
    *asking, dying = asked.cells
    assert all("does not wait for" in cell.unmeasured for cell in asking)
    assert dying.unmeasured == "the run never came to step:child#1.step:ask#1, where it was to fail"
    assert not [finding for finding in report.findings if finding.rule == "prediction-differs"]
