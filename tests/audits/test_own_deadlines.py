"""Deadlines in a person's own code, of which no setting tells: what they end is tried as often as only they know."""

from __future__ import annotations

import asyncio

import anyio
import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider

from harness import audit
from harness.audits.asking.clock import ENDED
from harness.audits.asking.modeling import Asker
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure


class Impatient(WrapperModel):
    """Gives each try thirty seconds, and tries five times."""

    async def request(self, *given, **more):
        for _ in range(4):
            try:
                return await asyncio.wait_for(self.wrapped.request(*given, **more), 30)
            except TimeoutError:
                continue
        return await asyncio.wait_for(self.wrapped.request(*given, **more), 30)


class WithTimeout(WrapperModel):
    async def request(self, *given, **more):
        async with asyncio.timeout(30):
            return await self.wrapped.request(*given, **more)


class WithAnyio(WrapperModel):
    async def request(self, *given, **more):
        with anyio.move_on_after(30):
            return await self.wrapped.request(*given, **more)
        return await self.wrapped.request(*given, **more)


class Hedge(httpx2.AsyncBaseTransport):
    """Sends a second request if the first one has no answer soon."""

    def __init__(self):
        self.inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request):
        first = asyncio.create_task(self.inner.handle_async_request(request))
        done, _rest = await asyncio.wait({first}, timeout=2)
        return first.result() if done else await self.inner.handle_async_request(request)


def model(timeout=600.0, http=None, retries=0):
    client = AsyncOpenAI(api_key="k", max_retries=retries, timeout=timeout, http_client=http)
    return OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))


def hedged(timeout):
    return model(timeout, httpx2.AsyncClient(transport=Hedge()))


ENDING = {
    "wait_for": (Impatient(model()), "Impatient"),
    "timeout": (WithTimeout(model()), "WithTimeout"),
    "move_on_after": (WithAnyio(model()), "WithAnyio"),
    "a transport": (hedged(4), "Hedge"),
    "a client that waits for ever": (Impatient(model(None)), "Impatient"),
    "a transport of a client that waits for ever": (hedged(None), "Hedge"),
    "in a fallback": (FallbackModel(Impatient(model()), model()), "Impatient"),
}


@pytest.mark.parametrize(("asked", "name"), ENDING.values(), ids=ENDING.keys())
def test_who_is_ended_by_a_deadline_of_its_own_is_unknown_never_one(asked, name):
    asker = Asker(asked)
    outcome = asker.ask(F.READ_TIMEOUT)
    assert (outcome.expression.total, outcome.unmeasured) == (None, ENDED)
    assert asker.unknown == {name: ENDED}
    assert asker.ask(F.UNAVAILABLE).expression.total == len(getattr(asked, "models", "1"))


def test_a_deadline_that_never_comes_is_none():
    assert Asker(Impatient(model(20))).ask(F.READ_TIMEOUT).expression.total == 1
    assert Asker(WithTimeout(model(5, retries=2))).ask(F.READ_TIMEOUT).expression.total == 3


def test_a_deadline_also_comes_while_an_sdk_waits():
    asker = Asker(WithTimeout(model(5, retries=10)))
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    assert asker.ask(F.UNAUTHORIZED).expression.total == 1


def test_what_to_do_about_it_is_said():
    report = audit(f"{__name__}:impatient", "none", static=True)
    (finding,) = [one for one in report.findings if one.rule == "unknown-layer"]
    assert "the client's own timeout" in finding.remedy


def test_a_run_in_which_waits_are_divided_does_not_tell_either(tmp_path):
    cell = measured(tmp_path, f"{__name__}:impatient", "none", "model", F.READ_TIMEOUT)
    assert (cell.predicted, cell.counted, cell.unmeasured) == (None, None, ENDED)


impatient = Agent(Impatient(model()), name="impatient")
