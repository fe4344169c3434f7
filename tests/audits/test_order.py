"""A function that is decorated more than once: its layers are in the order in which it is really wrapped."""

from __future__ import annotations

from typing import Any

import pytest
from dbos import DBOS
from dbos._error import DBOSMaxStepRetriesExceeded
from openai import OpenAI, OpenAIError
from prefect import task
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from harness.audits import collect, own
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

F = Failure
client = OpenAI(api_key="sk-fixture", max_retries=0)
thrice = DBOS.step(retries_allowed=True, max_attempts=3)


def twice(kind: type[Exception] = Exception) -> Any:
    """A decorator that tries once more after such an exception."""
    return retry(stop=stop_after_attempt(2), retry=retry_if_exception_type(kind), reraise=True)


def body(text: str) -> str:
    """Ask."""
    return client.responses.create(model="gpt-5", input=text).output_text


inside = thrice(twice()(body))
blind = twice(OpenAIError)(thrice(body))
seeing = twice(DBOSMaxStepRetriesExceeded)(thrice(body))


def calls_inside(text: str) -> str:
    """Ask."""
    return inside(text)


def calls_blind(text: str) -> str:
    """Ask."""
    return blind(text)


def calls_seeing(text: str) -> str:
    """Ask."""
    return seeing(text)


def asked(function: Any, layers: Any = dbos.layers) -> dict[str, UnitAudit]:
    """The units of an agent that has this tool."""
    agent = Agent(TestModel(), name="asked", tools=[function])
    return {unit.unit: unit for unit in collect.units_of(agent, lambda unit: layers(agent, unit, {}))}


STEPS = {
    "tenacity inside a step": (inside, calls_inside, "2 (tenacity) × 3 (dbos step) = 6"),
    "around a step, of whose error it knows nothing": (blind, calls_blind, "3 (dbos step) = 3"),
    "around a step, whose error it waits for": (seeing, calls_seeing, "3 (dbos step) × 2 (tenacity) = 6"),
}


@pytest.mark.parametrize(("function", "caller", "chain"), STEPS.values(), ids=STEPS.keys())
def test_a_step_is_where_its_decorator_is(function, caller, chain):
    units = asked(function)
    assert units["tool:body"].cell(F.TOOL_EXCEPTION).chain == chain
    assert units["tool:body.client"].cell(F.UNAVAILABLE).chain == chain
    within = asked(caller)[f"tool:{caller.__name__}.body.client"]
    assert within.cell(F.UNAVAILABLE).chain.replace(" of body", "") == chain
    (step, *_rest) = own.units_of(caller, lambda unit: dbos.layers(caller, unit, {}))
    assert step.cell(F.UNAVAILABLE).chain == chain


def test_a_unit_that_is_made_in_a_run_is_around_every_decorator():
    step = dbos.Step({"retries_allowed": True, "max_attempts": 5}, dbos.explicit())
    agent = Agent(TestModel(), name="asked", tools=[seeing])

    def layers(unit):
        return [*dbos.layers(agent, unit, {}), step] if unit.kind == "tool" else ()

    found = {unit.unit: unit for unit in collect.units_of(agent, layers)}
    chain = "3 (dbos step of body) × 2 (tenacity) × 5 (dbos step) = 30"
    assert found["tool:body"].cell(F.TOOL_EXCEPTION).chain == chain


twofold = twice()(task(retries=4)(twice()(body)))
"""A task between two decorators."""


def calls_twofold(text: str) -> str:
    """Ask."""
    return twofold(text)


def test_a_task_is_found_inside_other_decorators():
    chain = "2 (tenacity #1) × 5 (prefect task) × 2 (tenacity #2) = 20"
    units = asked(twofold, prefect.layers)
    assert units["tool:body"].cell(F.TOOL_EXCEPTION).chain.replace(" of body", "") == chain
    assert units["tool:body"].cell(F.MODEL_RETRY).predicted == 20 * 2  # the agent's own turns
    assert units["tool:body.client"].cell(F.UNAVAILABLE).chain.replace(" of body", "") == chain
    within = asked(calls_twofold, prefect.layers)["tool:calls_twofold.body.client"]
    assert within.cell(F.UNAVAILABLE).chain.replace(" of body", "") == chain
    (step, *_rest) = own.units_of(calls_twofold, lambda unit: prefect.layers(calls_twofold, unit, {}))
    assert (step.unit, step.cell(F.UNAVAILABLE).chain) == ("step:twofold.client", chain)


def test_a_plain_task_that_is_a_tool_is_inside_the_task_that_pydantic_ai_makes():
    unit = asked(task(retries=4)(body), prefect.layers)["tool:body"]
    assert unit.cell(F.TOOL_EXCEPTION).chain == "5 (prefect task of body) = 5"
    assert [layer.name for layer in unit.layers][:3] == ["prefect task of body", "prefect task", "flow"]


async def later(text: str) -> str:
    """Ask later."""
    return body(text)


def test_tenacity_over_an_async_task_never_hears_of_its_failure():
    unit = asked(twice()(task(retries=4)(later)), prefect.layers)["tool:later"]
    assert unit.cell(F.TOOL_EXCEPTION).chain == "5 (prefect task of later) = 5"
    (layer,) = (layer for layer in unit.layers if layer.name == "tenacity")
    assert "takes an async task for a plain function" in layer.notes[0]
    assert asked(twice()(thrice(later)))["tool:later"].cell(F.TOOL_EXCEPTION).predicted == 3 * 2
