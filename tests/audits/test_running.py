"""`DBOS.run_step`: what it is given is a step, with the options that the call says."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOS
from openai import OpenAI
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from tenacity import retry, stop_after_attempt

from fixtures.audit import clients
from harness import audit
from harness.audits import collect, own
from harness.engines.dbos import retries as dbos
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

F = Failure
client = OpenAI(api_key="sk-fixture")
other = OpenAI(api_key="sk-fixture", max_retries=0)
MOST = 4
FOUR = {"retries_allowed": True, "max_attempts": MOST}


def _layers(workflow: Any, unit: Any) -> Any:
    return dbos.layers(workflow, unit, {})


def found(workflow: Any) -> dict[str, UnitAudit]:
    """The units of a workflow of one's own."""
    return {unit.unit: unit for unit in own.units_of(workflow, partial(_layers, workflow))}


def chains(workflow: Any) -> dict[str, str]:
    """What each unit but the run comes to where the provider answers 503."""
    cells = {name: unit.cell(F.UNAVAILABLE) for name, unit in found(workflow).items()}
    return {name: cell.chain for name, cell in cells.items() if cell is not None}


def ask() -> Any:
    """Ask in no step of its own."""
    return client.models.list()


async def ask_later() -> Any:
    """The same later."""
    return ask()


@retry(stop=stop_after_attempt(2))
def insistent() -> Any:
    """The same in a decorator."""
    return ask()


@DBOS.workflow()
def runs_spelled(prompt: str) -> None:
    """Say the options in the call."""
    DBOS.run_step({"retries_allowed": True, "max_attempts": 5, "name": "ask it"}, ask)


@DBOS.workflow()
async def runs_named(prompt: str) -> None:
    """Name them."""
    await DBOS.run_step_async(FOUR, ask_later)


@DBOS.workflow()
def runs_decorated(prompt: str) -> None:
    """Run a function with a decorator."""
    DBOS.run_step(dict(retries_allowed=True, max_attempts=MOST), insistent)  # noqa: C408  one may


@DBOS.workflow()
def runs_unnamed(prompt: str) -> None:
    """Run what has no name, or one of this function alone."""

    def send() -> Any:
        return ask()

    DBOS.run_step({"retries_allowed": True}, lambda: client.models.list())  # noqa: PLW0108  it is the lambda that is meant
    DBOS.run_step(None, send)


@DBOS.workflow()
def runs_both(prompt: str) -> None:
    """Call the same function in a step and in none."""
    DBOS.run_step(FOUR, ask)
    ask()


def test_the_options_of_a_call_are_those_of_its_step():
    assert chains(runs_spelled) == {"step:ask.client": "3 (openai) × 5 (dbos step) = 15"}
    assert chains(runs_named) == {"step:ask_later.client": "3 (openai) × 4 (dbos step) = 12"}
    chain = "3 (openai) × 2 (tenacity of insistent) × 4 (dbos step) = 24"
    assert chains(runs_decorated) == {"step:insistent.insistent.client": chain}
    assert chains(runs_unnamed) == {
        "step:run_step.client": "3 (openai) × 3 (dbos step) = 9",
        "step:send.client": "3 (openai) = 3",
    }
    assert chains(runs_both) == {"step:ask.client": "3 (openai) × 4 (dbos step) = 12", "client": "3 (openai) = 3"}


@DBOS.workflow()
def runs_made(prompt: str) -> None:
    """Make the options while it runs."""
    options: Any = {"retries_allowed": bool(prompt)}
    DBOS.run_step(options, ask)


def answer() -> Any:
    """Ask somebody else."""
    return other.models.list()


@DBOS.workflow()
async def runs_after(prompt: str) -> Any:
    """Hand the answer of one step to another, and keep it."""
    options: Any = {"retries_allowed": True}
    plan = await DBOS.run_step_async(FOUR, ask, prompt)
    done = DBOS.run_step(None, answer, plan, options)
    return done, str(plan)


def test_what_is_done_with_the_answer_of_a_step_is_none_of_its_requests():
    assert chains(runs_after) == {
        "step:ask.client": "3 (openai) × 4 (dbos step) = 12",
        "step:answer.other": "1 (openai) = 1",
    }


def test_options_that_are_made_in_the_call_are_unknown():
    unit = found(runs_made)["step:ask.client"]
    assert "made in the call of `DBOS.run_step`" in unit.unknown[0].unknown
    assert unit.cell(F.UNAVAILABLE).predicted is None


def test_a_tool_may_run_a_step_as_well():
    def fetch() -> Any:
        """Ask in a step."""
        return DBOS.run_step(FOUR, ask)

    agent = Agent(clients.openai(), name="fetches", capabilities=[DBOSDurability()], tools=[fetch])
    units = {unit.unit: unit for unit in collect.units_of(agent, partial(_layers, agent))}
    assert units["tool:fetch.ask.client"].cell(F.UNAVAILABLE).chain == "3 (openai) × 4 (dbos step) = 12"


SUBJECT = """
from dbos import DBOS

def reserve():
    return "reserved"

def ship():
    return "shipped"

@DBOS.workflow()
def settle(prompt: str):
    DBOS.run_step({"retries_allowed": True, "max_attempts": 4}, reserve)
    DBOS.run_step({"name": "ship it", "retries_allowed": len(prompt) > -1, "max_attempts": 2}, ship)
"""


def test_what_such_a_step_really_does_is_measured(tmp_path: Path):
    module = tmp_path / "running_steps.py"
    module.write_text(SUBJECT)
    report = audit(f"{module}:settle", "dbos")
    cells = {unit.unit: unit.cell(F.TOOL_EXCEPTION) for unit in report.units if unit.unit != "run"}
    counts = {name: (cell.predicted, cell.counted) for name, cell in cells.items() if cell is not None}
    assert counts == {"step:reserve": (4, 4), "step:ship": (None, None)}


runner = Agent(clients.openai(), name="runner")


@DBOS.workflow()
async def reserves(prompt: str) -> None:
    """Reserve steps and run them later; run an agent, too."""
    steps = [DBOS.reserve_step() for _ in range(2)]
    await runner.run(prompt, deps=None)
    for step in steps:
        await step.run_async({"retries_allowed": True, "max_attempts": 5}, ask_later)
    DBOS.reserve_step().run(FOUR, insistent)


@pytest.mark.skipif(not hasattr(DBOS, "reserve_step"), reason="this DBOS reserves no steps")
def test_a_reserved_step_is_one_with_the_options_of_the_call_that_runs_it():
    assert chains(reserves) == {
        "step:ask_later.client": "3 (openai) × 5 (dbos step) = 15",
        "step:insistent.insistent.client": "3 (openai) × 2 (tenacity of insistent) × 4 (dbos step) = 24",
        "runner.model": "3 (openai) = 3",
    }
