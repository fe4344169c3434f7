"""Real agents over the scripted model, and a record of what was asked of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai._run_context import get_current_run_context
from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import CompletedStreamedResponse, Model, ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings

from harness.subjects.answers import AgentRun, Answer, answer, step_of
from harness.subjects.script import Conversation, Script


class ScriptedModel(Model):
    """A model as the harness will patch one: every request is answered by `answer`, plain or streamed.

    `knows` is what it is told about the asking run: `step` (its run step), `id` (its run id), or nothing.
    """

    def __init__(self, *turns: Any, automatic: bool = False, knows: str = "step", scope: str = "") -> None:
        super().__init__(profile={"supports_json_schema_output": True, "supports_json_object_output": True})
        self.conversation = None if automatic else Script.of(list(turns)).conversation("agent")
        self.knows = knows
        self.scope = scope
        self.answers: list[Answer] = []
        self.asked: list[list[ModelMessage]] = []

    @property
    def model_name(self) -> str:
        return "scripted"

    @property
    def system(self) -> str:
        return "harness"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        _, params = self.prepare_request(model_settings, model_request_parameters)
        return self._answer(messages, params)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        _, params = self.prepare_request(model_settings, model_request_parameters)
        response = self._answer(messages, params)
        yield CompletedStreamedResponse(response, model_request_parameters=params, replay_events=True)

    def _answer(self, messages: list[ModelMessage], params: ModelRequestParameters) -> ModelResponse:
        context = get_current_run_context()
        run = AgentRun(
            step=context.run_step if context and "step" in self.knows else None,
            id=context.run_id if context and "id" in self.knows else None,
            scope=self.scope,
        )
        given = answer(self.conversation, messages, params, model_name=self.model_name, run=run)
        assert given.step == step_of(messages, run)
        again = answer(self.conversation, messages, params, model_name=self.model_name, run=run)
        assert again.response == given.response
        self.answers.append(given)
        self.asked.append(messages)
        return given.response

    @property
    def steps(self) -> list[str]:
        """The model and tool steps that were answered, in order."""
        return [step for given in self.answers for step in (given.step, *given.calls.values())]

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """The tool calls that were made: step and arguments."""
        return [
            (given.calls[part.tool_call_id], part.args_as_dict())
            for given in self.answers
            for part in given.response.parts
            if isinstance(part, ToolCallPart)
        ]


def payments(model: ScriptedModel, **options: Any) -> Agent[None, Any]:
    """An agent that charges and mails. Charging 13 is rejected; `flaky` is rejected once per run."""
    agent: Agent[None, Any] = Agent(model, name="payments", **options)

    @agent.tool_plain
    def charge(amount: int) -> str:
        if amount == 13:
            raise ModelRetry("13 brings bad luck")
        return f"charged {amount}"

    @agent.tool_plain
    def mail(to: str) -> str:
        return f"mailed {to}"

    @agent.tool
    def flaky(ctx: RunContext[None]) -> str:
        if ctx.retry == 0:
            raise ModelRetry("not yet")
        return "now"

    return agent


def conversation(*turns: Any) -> Conversation:
    found = Script.of(list(turns)).conversation("agent")
    assert found is not None
    return found


def ids(messages: Sequence[ModelMessage]) -> list[str]:
    """Every tool-call id that the model made in these messages."""
    return [
        part.tool_call_id
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
