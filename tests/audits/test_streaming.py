"""A run that somebody handles the events of asks its model for a stream: what sends that is asked, and nothing else."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent, RunContext
from pydantic_ai.capabilities import Hooks, ProcessEventStream
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider

from fixtures.audit import clients
from harness.audits import collect
from harness.audits.asking.modeling import Asker
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure


class Requests(WrapperModel):
    async def request(self, *given, **more):
        for _ in range(2):
            try:
                return await self.wrapped.request(*given, **more)
            except ModelHTTPError:
                pass
        return await self.wrapped.request(*given, **more)


class Streams(WrapperModel):
    @asynccontextmanager
    async def request_stream(self, *given, **more):
        for turn in range(4):
            try:
                async with self.wrapped.request_stream(*given, **more) as stream:
                    yield stream
                return
            except ModelHTTPError:
                if turn == 3:
                    raise


class Passing(WrapperModel):
    @asynccontextmanager
    async def request_stream(self, *given, **more):
        async with self.wrapped.request_stream(*given, **more) as stream:
            yield stream


class Alike(Requests):
    @asynccontextmanager
    async def request_stream(self, *given, **more):
        for turn in range(3):
            try:
                async with self.wrapped.request_stream(*given, **more) as stream:
                    yield stream
                return
            except ModelHTTPError:
                if turn == 2:
                    raise


class Twice(OpenAIChatModel):
    async def request(self, *given, **more):
        await super().request(*given, **more)
        return await super().request(*given, **more)


class OwnChain(FallbackModel):
    @asynccontextmanager
    async def request_stream(self, *given, **more):
        async with super().request_stream(*given, **more) as stream:
            yield stream


async def show(_ctx: RunContext, events) -> None:
    async for _event in events:
        pass


def says_nothing(answer: ModelResponse) -> bool:
    return not answer.parts


def listening() -> Hooks:
    hooks = Hooks()

    @hooks.on.event
    async def heard(_ctx, event):
        return event

    return hooks


def units(model, *capabilities) -> dict[str, UnitAudit]:
    agent = Agent(model, capabilities=capabilities, name="streaming")
    return {unit.unit: unit for unit in collect.units_of(agent, lambda _unit: ())}


def plain() -> OpenAIChatModel:
    client = AsyncOpenAI(api_key="k", max_retries=0)
    return OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))


STREAMED = {
    "a loop around requests alone": (lambda: Requests(plain()), "1 (openai) = 1", "2 (agent output) = 2"),
    "a loop around streams": (lambda: Streams(plain()), "4 (Streams) = 4", None),
    "one around the other": (lambda: Requests(Streams(plain())), "4 (Streams) = 4", None),
    "no loop": (lambda: Passing(Requests(plain())), "1 (openai) = 1", "2 (agent output) = 2"),
    "a model that asks twice for an answer": (
        lambda: Twice("gpt-5", provider=OpenAIProvider(api_key="k")),
        "3 (openai) = 3",
        "2 (agent output) = 2",
    ),
    "a fallback that looks at answers, which are not there yet": (
        lambda: FallbackModel(plain(), clients.anthropic(), fallback_on=[ModelHTTPError, says_nothing]),
        "1 (openai) + 3 (anthropic) = 4",
        "2 (agent output) = 2",
    ),
    "a fallback of one's own": (lambda: OwnChain(plain(), plain()), None, None),
}


@pytest.mark.parametrize(("model", "chain", "turns"), STREAMED.values(), ids=STREAMED.keys())
def test_a_run_that_is_listened_to_asks_for_streams(model, chain, turns):
    found = units(model(), ProcessEventStream(show))
    assert found["model"].cell(F.UNAVAILABLE).chain == chain or found["model"].cell(F.UNAVAILABLE).predicted is chain
    assert found["run"].cell(F.INVALID_OUTPUT).chain == turns or found["run"].cell(F.INVALID_OUTPUT).predicted is turns


@pytest.mark.parametrize(
    "capability",
    [listening, lambda: DBOSDurability(event_stream_handler=show)],
    ids=["a hook", "the handler of an engine's capability"],
)
def test_whoever_listens_the_run_streams(capability):
    assert units(Requests(plain()), capability())["model"].cell(F.UNAVAILABLE).predicted == 1


@pytest.mark.parametrize("capability", [None, Hooks(), DBOSDurability()], ids=["nobody", "no hook", "an engine"])
def test_where_nobody_listens_the_request_is_plain(capability):
    found = units(Requests(plain()), *([capability] if capability else []))
    assert found["model"].cell(F.UNAVAILABLE).chain == "3 (Requests) = 3"


def test_where_either_may_be_and_they_differ_nobody_knows():
    asker = Asker(Streams(plain()))
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    assert "sends 4 (Streams) = 4 here and any other 1 (openai) = 1" in asker.unknown["Streams"]
    assert asker.ask(F.REFUSED).expression.total == 1


@pytest.mark.parametrize("kind", [Alike, Passing])
def test_where_either_may_be_and_they_are_alike_it_is_known(kind):
    asker = Asker(kind(plain()))
    assert asker.ask(F.UNAVAILABLE).expression.total == (3 if kind is Alike else 1)
    assert not asker.unknown


streaming = Agent(Streams(plain()), name="streaming", capabilities=[ProcessEventStream(show)])


def test_the_endpoint_counts_as_many(tmp_path):
    cell = measured(tmp_path, "tests.audits.test_streaming:streaming", "none", "model", F.UNAVAILABLE)
    assert (cell.predicted, cell.counted) == (4, 4)
