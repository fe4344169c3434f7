"""Answers that are well, and that no agent takes: who asks again for one that says nothing, and who may for others."""

from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.messages import ModelResponse
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider
from tenacity import retry, retry_if_result, stop_after_attempt

from fixtures.audit import awkward, clients
from harness.audits import collect
from harness.audits.asking.heeding import HEEDED
from harness.retries.arithmetic import spelled
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure
LOG = logging.getLogger(__name__)


class Empty(WrapperModel):
    async def request(self, *given, **more):
        for _ in range(3):
            if (answer := await self.wrapped.request(*given, **more)).text:
                return answer
        return answer


class Refused(WrapperModel):
    async def request(self, *given, **more):
        for _ in range(3):
            answer = await self.wrapped.request(*given, **more)
            if "cannot" not in (answer.text or ""):
                break
        return answer


class InHelpers(OpenAIChatModel):
    async def once(self, *given, **more):
        return await super().request(*given, **more)

    async def request(self, *given, **more):
        answer = await self.once(*given, **more)
        said = answer.text or ""
        refused = "cannot" in said
        return await self.once(*given, **more) if refused else answer


class Checked(WrapperModel):
    def check(self, answer):
        assert "cannot" not in (answer.text or "")

    async def request(self, *given, **more):
        while True:
            answer = await self.wrapped.request(*given, **more)
            try:
                self.check(answer)
            except AssertionError:
                continue
            return answer


class Decorated(WrapperModel):
    @retry(stop=stop_after_attempt(3), retry=retry_if_result(lambda answer: "cannot" in (answer.text or "")))
    async def request(self, *given, **more):
        return await self.wrapped.request(*given, **more)


class Reading(httpx2.AsyncClient):
    async def send(self, *given, **more):
        for _ in range(3):
            answer = await super().send(*given, **more)
            if "cannot" not in (await answer.aread()).decode():
                break
        return answer


class OnErrors(WrapperModel):
    async def request(self, *given, **more):
        for attempt in range(3):
            try:
                answer = await self.wrapped.request(*given, **more)
            except Exception as error:  # noqa: BLE001
                last = error
                await asyncio.sleep(attempt)
            else:
                LOG.info("%s", answer.usage)
                return answer
        raise last


class ByStatus(httpx2.AsyncClient):
    async def send(self, *given, **more):
        for _ in range(3):
            answer = await super().send(*given, **more)
            if answer.status_code < 500:
                break
        return answer


class Counting(WrapperModel):
    async def request(self, *given, **more):
        answer = await self.wrapped.request(*given, **more)
        if answer.usage.output_tokens > 1000:
            LOG.info("much")
        return answer


def says_nothing(answer: ModelResponse) -> bool:
    return not answer.text


def over(http):
    client = AsyncOpenAI(api_key="k", http_client=http)
    return OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))


def in_helpers():
    return InHelpers("gpt-5", provider=OpenAIProvider(api_key="k"))


def run_of(model):
    asked = Agent(model, output_type=ToolOutput(int, name="sum", max_retries=2), retries=2)
    return {unit.unit: unit for unit in collect.units_of(asked, lambda _unit: ())}


KNOWN = {
    "a model that asks again for an empty answer": (Empty(clients.openai()), "3 (Empty) × 3 (agent output) = 9"),
    "a model that asks again after errors": (OnErrors(clients.openai()), "3 (agent output) = 3"),
    "a client that sends again after errors": (over(ByStatus()), "3 (agent output) = 3"),
    "a model that looks, and never asks again": (Counting(clients.openai()), "3 (agent output) = 3"),
    "a fallback for what it is answered": (
        FallbackModel(clients.openai(), clients.anthropic(), fallback_on=[says_nothing]),
        "1 (openai) + 1 (anthropic) = 2",  # and then an error, after which no agent asks again
    ),
    "a fallback for errors": (FallbackModel(clients.openai(), clients.anthropic()), "3 (agent output) = 3"),
    "a fallback whose condition fails over errors": (awkward.falling.model, "3 (agent output) = 3"),
}


@pytest.mark.parametrize(("model", "chain"), KNOWN.values(), ids=KNOWN.keys())
def test_an_answer_that_says_nothing_is_tried(model, chain):
    found = run_of(model)
    for name in ("run", "output:sum"):
        said = spelled(found[name].cell(F.INVALID_OUTPUT).expression)
        assert said.replace("output tool", "agent output") == chain
        assert not [layer for layer in found[name].unknown if layer.kind != "limit"]


JUDGING = {
    "a model": (Refused(clients.openai()), "Refused"),
    "helpers of a model": (in_helpers(), "InHelpers"),
    "a helper that raises": (Checked(clients.openai()), "Checked"),
    "a decorator": (Decorated(clients.openai()), "Decorated"),
    "a client": (over(Reading()), "Reading"),
}


@pytest.mark.parametrize(("model", "name"), JUDGING.values(), ids=JUDGING.keys())
def test_who_judges_answers_may_ask_again_for_others_and_is_unknown_never_one(model, name):
    found = run_of(model)
    for unit in ("run", "output:sum"):
        assert found[unit].cell(F.INVALID_OUTPUT).predicted is None
        told = {layer.name: layer.unknown for one in (unit, "model") for layer in found[one].unknown}
        assert "only a run shows" in told[name] or told[name] == HEEDED  # who reads every answer reads errors, too
    assert found["model"].cell(F.REFUSED).predicted is not None


def test_what_asks_again_for_an_empty_answer_is_measured_as_often_as_predicted(tmp_path):
    cell = measured(tmp_path, f"{__name__}:twice", "none", "run", F.INVALID_OUTPUT)
    assert (cell.predicted, cell.counted, cell.agrees) == (6, 6, True)


twice = Agent(Empty(clients.openai()), name="twice")
