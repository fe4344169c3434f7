from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, RunContext
from pydantic_ai import models as their_models
from pydantic_ai.messages import CompactionPart, FinalResultEvent, ModelRequest, ModelResponse, PartStartEvent, TextPart
from pydantic_ai.models import Model, ModelRequestContext, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.concurrency import ConcurrencyLimitedModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.instrumented import InstrumentedModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.models.wrapper import WrapperModel

from harness.subjects import models
from tests.subjects.asked import Asked

pytestmark = pytest.mark.anyio


class Weather(BaseModel):
    city: str
    degrees: int


def counting(agent: Agent[Any, Any]) -> Agent[Any, Any]:
    @agent.tool_plain
    def look(city: str) -> str:
        return f"sunny in {city}"

    return agent


def never(*_: Any) -> Any:
    raise AssertionError("the subject's own model function was called")


SUBJECTS = {
    "string": lambda: "openai:gpt-5",
    "anthropic": lambda: "anthropic:claude-sonnet-4-5",
    "google": lambda: "google:gemini-2.5-pro",
    "groq": lambda: "groq:llama-3.3-70b-versatile",
    "tool-call ids of nine letters": lambda: "mistral:mistral-large-latest",
    "gateway": lambda: "gateway/openai:gpt-5",
    "no SDK here": lambda: "cohere:command-r-plus",
    "test": lambda: "test",
    "responses": lambda: OpenAIResponsesModel("gpt-5"),
    "chat": lambda: OpenAIChatModel("gpt-5"),
    "always streams": lambda: AnthropicModel("claude-sonnet-4-5"),
    "their own test model": TestModel,
    "their own function": lambda: FunctionModel(never),
    "fallback": lambda: FallbackModel("openai:gpt-5", "anthropic:claude-sonnet-4-5"),
    "wrapper": lambda: WrapperModel("openai:gpt-5"),
    "instrumented": lambda: InstrumentedModel("openai:gpt-5"),
    "limited": lambda: ConcurrencyLimitedModel("openai:gpt-5", limiter=1),
}


@pytest.mark.parametrize("make", SUBJECTS.values(), ids=SUBJECTS.keys())
async def test_every_kind_of_model_is_scripted(make: Any, asked: list[Asked]) -> None:
    agent = counting(Agent(make(), output_type=Weather, name="weather"))

    result = await agent.run("how is it?")

    assert isinstance(result.output, Weather)
    assert [(request.step, request.by.agent_name, request.by.run_step) for request in asked] == [
        ("model#1", "weather", 1),
        ("model#2", "weather", 2),
    ]


@pytest.mark.parametrize("make", SUBJECTS.values(), ids=SUBJECTS.keys())
async def test_every_kind_of_model_is_scripted_on_streams(make: Any, asked: list[Asked]) -> None:
    agent = counting(Agent(make(), output_type=Weather, name="weather"))

    async with agent.run_stream("how is it?") as stream:
        output = await stream.get_output()

    assert isinstance(output, Weather)
    assert [(request.step, request.by.agent_name, request.by.run_step) for request in asked] == [
        ("model#1", "weather", 1),
        ("model#2", "weather", 2),
    ]


async def test_stream_events_are_those_of_the_response(asked: list[Asked]) -> None:
    agent = counting(Agent("openai:gpt-5"))
    events = []

    async def handler(_: RunContext[Any], stream: AsyncIterator[Any]) -> None:
        events.extend([event async for event in stream])

    result = await agent.run("how is it?", event_stream_handler=handler)

    kinds = [type(event) for event in events]
    assert PartStartEvent in kinds
    assert FinalResultEvent in kinds
    assert result.output == "done"


async def test_models_named_at_run_time_are_scripted(asked: list[Asked]) -> None:
    agent = Agent("openai:gpt-5")

    await agent.run("hi", model="anthropic:claude-sonnet-4-5")
    with agent.override(model=OpenAIChatModel("gpt-4o")):
        await agent.run("hi")

    assert [request.model.model_id for request in asked] == ["anthropic:claude-sonnet-4-5", "openai:gpt-4o"]


async def test_the_response_is_dressed_as_the_providers(asked: list[Asked]) -> None:
    result = await Agent("anthropic:claude-sonnet-4-5").run("hi")

    response = result.all_messages()[-1]
    assert isinstance(response, ModelResponse)
    assert (response.provider_name, response.model_name) == ("anthropic", "claude-sonnet-4-5")
    assert response.provider_url == "https://api.anthropic.com"


@pytest.mark.parametrize(
    ("output_type", "mode"),
    [(Weather, "tool"), (NativeOutput(Weather), "native"), (PromptedOutput(Weather), "prompted"), (str, "text")],
    ids=["tool", "native", "prompted", "text"],
)
async def test_parameters_are_prepared_as_the_model_would(output_type: Any, mode: str, asked: list[Asked]) -> None:
    await Agent("openai:gpt-5", output_type=output_type).run("hi")

    assert [request.params.output_mode for request in asked] == [mode]
    assert [bool(request.params.output_tools) for request in asked] == [mode == "tool"]


async def test_settings_of_model_and_agent_are_merged(asked: list[Asked]) -> None:
    model = OpenAIChatModel("gpt-5", settings={"temperature": 0.5, "seed": 1})

    await Agent(model, model_settings={"seed": 2}).run("hi")

    assert asked[0].settings == {"temperature": 0.5, "seed": 2}


def an_own_model(**methods: Any) -> type[Model[Any]]:
    common = {"model_name": "own", "system": "mine", "request": never}
    return type("Own", (Model,), {**common, **methods})


async def test_a_model_class_that_is_defined_later_is_scripted(asked: list[Asked]) -> None:
    kind = an_own_model()

    assert (await Agent(kind()).run("hi")).output == "done"
    assert asked[0].model.model_id == "mine:own"


async def test_a_method_from_an_own_mixin_is_replaced_too(asked: list[Asked]) -> None:
    class Asking:
        async def request(self, *_: Any) -> ModelResponse:
            raise AssertionError("it would have asked its provider")

    class Mixed(Asking, OpenAIChatModel):
        pass

    assert (await Agent(Mixed("gpt-5")).run("hi")).output == "done"


async def test_what_an_own_subclass_adds_around_its_base_still_runs(asked: list[Asked]) -> None:
    calls = []

    class Logged(OpenAIChatModel):
        async def request(self, *args: Any, **kwargs: Any) -> ModelResponse:
            calls.append("request")
            return await super().request(*args, **kwargs)

        @asynccontextmanager
        async def request_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            calls.append("stream")
            async with super().request_stream(*args, **kwargs) as stream:
                yield stream

    agent = Agent(Logged("gpt-5"))
    await agent.run("hi")
    async with agent.run_stream("hi") as stream:
        await stream.get_output()

    assert calls == ["request", "stream"]
    assert len(asked) == 2


async def test_an_own_router_chooses_among_scripted_models(asked: list[Asked]) -> None:
    class Router(an_own_model()):  # type: ignore[misc]
        def __init__(self, **routes: Model[Any]) -> None:
            super().__init__()
            self.routes = routes

        async def request(self, messages: Any, settings: Any, params: Any) -> ModelResponse:
            return await self.routes["cheap"].request(messages, settings, params)

    router = Router(cheap=OpenAIChatModel("gpt-5-nano"), dear=OpenAIChatModel("gpt-5"))

    await Agent(router).run("hi")

    assert [request.model.model_name for request in asked] == ["gpt-5-nano"]


async def test_a_fallback_is_tried_when_the_first_model_fails(keys: None) -> None:
    tried = []

    async def reply(model: Any, *_: Any) -> ModelResponse:
        tried.append(model.model_id)
        if model.system == "openai":
            raise their_models.ModelAPIError("gpt-5", "down")
        return ModelResponse([TextPart("hello")])

    models.install(reply)
    try:
        result = await Agent(FallbackModel("openai:gpt-5", "anthropic:claude-sonnet-4-5")).run("hi")
    finally:
        models.uninstall()

    assert tried == ["openai:gpt-5", "anthropic:claude-sonnet-4-5"]
    assert result.output == "hello"


async def test_counting_and_compacting_and_cancelling_stay_on_this_machine(asked: list[Asked]) -> None:
    messages = [ModelRequest.user_text_prompt("hi")]
    params = ModelRequestParameters()
    responses = OpenAIResponsesModel("gpt-5")

    counted = await AnthropicModel("claude-sonnet-4-5").count_tokens(messages, None, params)
    context = ModelRequestContext(
        model=responses, messages=messages, model_settings=None, model_request_parameters=params
    )
    compacted = await responses.compact_messages(context)
    await responses.cancel_suspended_response(ModelResponse([], state="suspended", provider_response_id="r"))

    assert counted.input_tokens > 0
    assert isinstance(compacted.parts[0], CompactionPart)


async def test_counting_is_refused_where_the_real_model_refuses_it(asked: list[Asked]) -> None:
    with pytest.raises(NotImplementedError, match="Token counting"):
        await OpenAIChatModel("gpt-5").count_tokens([], None, ModelRequestParameters())


async def test_installing_again_only_changes_who_answers(asked: list[Asked]) -> None:
    replaced = OpenAIChatModel.request

    async def other(*_: Any) -> ModelResponse:
        return ModelResponse([TextPart("other")])

    models.install(other)

    assert OpenAIChatModel.request is replaced
    assert (await Agent("openai:gpt-5").run("hi")).output == "other"


async def test_uninstalling_gives_every_model_its_own_methods_back(keys: None) -> None:
    def methods() -> dict[str, Any]:
        kinds = [Model, OpenAIChatModel, OpenAIResponsesModel, AnthropicModel, TestModel, FunctionModel]
        return {f"{kind.__name__}.{name}": vars(kind).get(name) for kind in kinds for name in models._REPLACEMENTS}

    before, infer = methods(), their_models.infer_model
    models.install(never)
    during = methods()
    models.uninstall()

    assert methods() == before
    assert during != before
    assert their_models.infer_model is infer


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_a_watched_model_answers_itself_and_a_fallback_is_seen_around_its_models(
    keys: None, streamed: bool
) -> None:
    seen: list[str] = []

    async def asked(model: Any, _messages: Any, ask: Any) -> Any:
        seen.append(type(model).__name__)
        return await ask()

    models.watch(asked)
    try:
        agent = Agent(InstrumentedModel(FallbackModel(TestModel(custom_output_text="mine"), TestModel())))
        if streamed:
            async with agent.run_stream("hello") as stream:
                output = await stream.get_output()
        else:
            output = (await agent.run("hello")).output
    finally:
        models.uninstall()
    assert (output, seen) == ("mine", ["FallbackModel", "TestModel"])
    assert (await agent.run("again")).output == "mine"
    assert len(seen) == 2


async def test_nobody_is_asking_outside_a_run() -> None:
    assert models.asking() == models.Asking()


async def test_the_asking_agent_is_the_inner_one_inside_a_tool(asked: list[Asked]) -> None:
    inner = Agent("openai:gpt-5-mini", name="inner")
    outer = Agent("openai:gpt-5", name="outer")

    @outer.tool_plain
    async def delegate(task: str) -> str:
        return (await inner.run(task)).output

    await outer.run("go")

    assert [(request.by.agent_name, request.by.agent) for request in asked] == [
        ("outer", outer), ("inner", inner), ("outer", outer),
    ]  # fmt: skip


def test_warming_up_infers_the_model_string_once(asked: list[Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent("openai:gpt-5", defer_model_check=True)
    models.warm(agent)
    monkeypatch.setattr(OpenAIResponsesModel, "__init__", never)

    assert agent.run_sync("hi").output == "done"


def test_warming_up_leaves_an_unknown_model_to_the_run(asked: list[Asked]) -> None:
    models.warm(Agent("nobody:knows", defer_model_check=True))
    models.warm(Agent())


def test_every_class_that_asks_a_provider_is_known_here() -> None:
    """A new method of `Model` that goes to the provider must be replaced as well, or be listed here with a reason."""
    local = {
        "continuation_delay", "context_window", "customize_request_parameters", "prepare_messages", "prepare_request",
        "profile", "provider", "resolve_cache_retention", "resolve_prompt_cache_retention", "settings",
        "supported_native_tools", "tool_addition_mode", "tool_deferral_mode", "unsupported_native_tool_settings",
        "base_url", "label", "model_id", "model_name", "system",
    }  # fmt: skip
    public = {
        name
        for name, value in inspect.getmembers(Model)
        if not name.startswith("_") and (callable(value) or isinstance(value, property) or hasattr(value, "func"))
    }

    assert public - local == models._REPLACEMENTS.keys()
