"""The conversation nobody wrote can be written out, and then says the same."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, Tool
from pydantic_ai.capabilities import Capability
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from harness.subjects.automatic import callable_tools
from harness.subjects.script_history import from_messages
from harness.subjects.script_yaml import from_yaml, to_yaml
from tests.subjects.scripted import ScriptedModel

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Refund(BaseModel):
    reason: str


class Receipt(BaseModel):
    number: int


def shop(model: ScriptedModel, output_type: Any) -> Agent[None, Any]:
    agent: Agent[None, Any] = Agent(model, output_type=output_type)
    agent.tool_plain(name="charge")(lambda: "charged")

    @agent.tool_plain
    def mail(to: str, copies: list[str]) -> str:
        return f"{to} {copies}"

    return agent


OUTPUTS = {
    "text": str,
    "an object": Refund,
    "a union": [Receipt, Refund],
    "a list": list[int],
    "native": NativeOutput([Receipt, Refund]),
}


@pytest.mark.parametrize("output_type", OUTPUTS.values(), ids=OUTPUTS)
async def test_what_was_made_up_can_be_written_down_and_said_again(output_type: Any) -> None:
    automatic = ScriptedModel(automatic=True)
    result = await shop(automatic, output_type).run("hi")
    written = to_yaml(from_messages(result.all_messages()))
    conversation = from_yaml(written).conversation("any")
    assert conversation is not None
    scripted = ScriptedModel(*conversation.turns)
    assert (await shop(scripted, output_type).run("hi")).output == result.output
    assert scripted.steps == automatic.steps
    assert [given.response.parts for given in scripted.answers] == [given.response.parts for given in automatic.answers]


def test_only_tools_that_the_agent_itself_runs_are_called() -> None:
    tools = [
        ToolDefinition(name="here"),
        ToolDefinition(name="elsewhere", kind="external"),
        ToolDefinition(name="later", kind="unapproved"),
        ToolDefinition(name="hidden", defer_loading=True),
    ]
    params = ModelRequestParameters(function_tools=tools)
    found, notes = callable_tools(params)
    assert [tool.name for tool in found] == ["here"]
    assert notes == (
        "tool 'elsewhere' is not called: its result comes from outside the run",
        "tool 'later' is not called: somebody has to approve it",
    )


async def test_what_is_hidden_until_it_is_asked_for_is_asked_for() -> None:
    rates: Capability[None] = Capability(id="rates", description="Exchange rates.", defer_loading=True)
    used: list[str] = []
    rates.tool_plain(name="rate")(lambda: used.append("rate"))
    tools: list[Tool[None]] = [Tool(lambda: used.append("near"), name="near")]
    tools.append(Tool(lambda: used.append("far"), name="far", defer_loading=True))
    model = ScriptedModel(automatic=True)
    agent: Agent[None, str] = Agent(model, tools=tools, capabilities=[rates])
    assert (await agent.run("hi")).output == "done"
    assert sorted(used) == ["far", "near", "rate"]
    assert dict(model.calls)["tool:search_tools#1"] == {"queries": ["far"]}
