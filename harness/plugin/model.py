"""The scripted model by itself, for unit tests that kill nothing: a model of pydantic-ai that answers from a script."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from harness.subjects.answers import answer
from harness.subjects.models import asking
from harness.subjects.script_sources import load_script
from harness.subjects.stamps import AgentRun
from harness.subjects.streams import replayed


class ScriptedModel(Model[Any]):
    """Answers from a script, as a harness run does: the same messages get the same answer.

    `script` is what a scenario takes (turns, a file, `module:name`); without it every tool on offer is called once,
    then a valid output is given. `requests` are the messages of each request, in order. Raises `ScriptError` when the
    agent and the script do not fit.
    """

    def __init__(self, script: Any = None, *, model_name: str = "scripted") -> None:
        super().__init__()
        self._script = load_script(script) if script is not None else None
        self._model_name = model_name
        self.requests: list[list[ModelMessage]] = []

    @property
    def model_name(self) -> str:
        return self._model_name

    @property
    def system(self) -> str:
        return "harness"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        _settings, params = self.prepare_request(model_settings, model_request_parameters)
        return self._answer(messages, params, None)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: Any = None,
    ) -> AsyncIterator[Any]:
        _settings, params = self.prepare_request(model_settings, model_request_parameters)
        yield replayed(self._answer(messages, params, run_context), params)

    def _answer(self, messages: list[ModelMessage], params: ModelRequestParameters, context: Any) -> ModelResponse:
        self.requests.append(list(messages))
        who = asking()
        name = getattr(getattr(context, "agent", None), "name", None) or who.agent_name or "agent"
        run = AgentRun(
            step=getattr(context, "run_step", who.run_step), id=getattr(context, "run_id", who.run_id), agent=name
        )
        conversation = self._script.conversation(name, 1) if self._script else None
        return answer(conversation, messages, params, model_name=self._model_name, run=run).response


def scripted(script: Any = None, *, model_name: str = "scripted") -> ScriptedModel:
    """A scripted model, see `ScriptedModel`."""
    return ScriptedModel(script, model_name=model_name)
