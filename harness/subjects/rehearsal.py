"""A rehearsal: one run of a throwaway agent before forking, so that no child pays for what pydantic-ai does lazily.

The first request of a process loads prices, builds validators and compiles schemas, which takes longer than the rest of
a scripted run. Nothing of the subject runs here: a client of its own that was used in one event loop is built anew in
the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_jsonable_python

from harness.subjects.loops import run_once
from harness.subjects.standins import StandIn


class Topic(BaseModel):
    """An argument with a schema."""

    name: str


async def learn(topic: Topic) -> Topic:
    """Learn a topic."""
    return topic


async def lines(_model: Any, messages: list[ModelMessage], _settings: Any, _params: Any) -> ModelResponse:
    """Call the tool, then say that it is done."""
    told = any(isinstance(part, ToolReturnPart) for part in messages[-1].parts)
    part = TextPart("done") if told else ToolCallPart("learn", {"topic": {"name": "n"}}, tool_call_id="rehearsal")
    return ModelResponse([part], usage=RequestUsage(input_tokens=1, output_tokens=1), model_name="gpt-5")


def rehearse(name: str, capabilities: Sequence[Any] = ()) -> None:
    """Run and stream an agent that carries `capabilities`, on a model that must answer with `lines` meanwhile.

    It has the subject's `name`, because pydantic-ai keeps one graph per name of an agent.
    """
    run_once(_perform(name, capabilities))


async def _perform(name: str, capabilities: Sequence[Any]) -> None:
    agent = Agent(StandIn("openai", "gpt-5"), name=name, tools=[learn], capabilities=capabilities)
    result = await agent.run("rehearse")
    to_jsonable_python([result.all_messages(), result.usage])
    ModelMessagesTypeAdapter.validate_python(ModelMessagesTypeAdapter.dump_python(result.all_messages(), mode="json"))
    async with agent.run_stream("rehearse") as stream:
        await stream.get_output()
