"""Code of a person's own that decides by what an error says: what the provider's own errors say, nobody knows here."""

from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider
from tenacity import retry, retry_if_exception, stop_after_attempt

from fixtures.audit import clients
from harness.audits.asking.heeding import HEEDED
from harness.audits.asking.modeling import Asker
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure
LOG = logging.getLogger(__name__)


class Again(WrapperModel):
    """Tries three times, as long as that has a point."""

    def has_point(self, error):
        return error.status_code == 429

    async def request(self, *given, **more):
        last = None
        for attempt in range(3):
            try:
                return await self.wrapped.request(*given, **more)
            except ModelHTTPError as error:
                last = error
                if not self.has_point(error):
                    raise
                LOG.warning("%s: %s", attempt, error)
                await asyncio.sleep(1)
        if last is not None:
            raise ConnectionError(str(last)) from last
        return None


class ByBody(Again):
    def has_point(self, error):
        body = error.body if isinstance(error.body, dict) else {}
        return body.get("code") != "insufficient_quota"


class ByText(Again):
    def has_point(self, error):
        return error.status_code == 429 and "quota" not in str(error).lower()


class Inline(WrapperModel):
    async def request(self, *given, **more):
        try:
            return await self.wrapped.request(*given, **more)
        except ModelHTTPError as error:
            if "rate limit" in error.message:
                return await self.wrapped.request(*given, **more)
            raise


def is_busy(error):
    return "busy" in f"{error}"


class InAModule(Again):
    def has_point(self, error):
        return is_busy(error)


class ByType(Again):
    def has_point(self, error):
        cause = error.__cause__
        return isinstance(error, ModelAPIError) and getattr(cause, "status_code", 0) in (429, 503)


class Decorated(WrapperModel):
    @retry(stop=stop_after_attempt(3), retry=retry_if_exception(is_busy))
    async def request(self, *given, **more):
        return await self.wrapped.request(*given, **more)


class Reading(httpx2.AsyncBaseTransport):
    def __init__(self):
        self.inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request):
        answer = await self.inner.handle_async_request(request)
        said = (await answer.aread()).decode()
        return await self.inner.handle_async_request(request) if "overloaded" in said else answer


class ByStatus(Reading):
    async def handle_async_request(self, request):
        answer = await self.inner.handle_async_request(request)
        wait = float(answer.headers.get("retry-after", 1))
        if answer.status_code == 429 and wait < 60:
            answer = await self.inner.handle_async_request(request)
        return answer


async def look(answer):
    if answer.status_code == 429 and "quota" in (await answer.aread()).decode():
        answer.status_code = 400


async def note(answer):
    LOG.info("%s", await answer.aread())


def over(**said):
    http = httpx2.AsyncClient(**said)
    client = AsyncOpenAI(api_key="k", max_retries=0, http_client=http)
    return OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))


def hooked(hook):
    return over(event_hooks={"response": [hook]})


HEEDING = {
    "a body": (ByBody(clients.openai()), "ByBody"),
    "a text": (ByText(clients.openai()), "ByText"),
    "a message": (Inline(clients.openai()), "Inline"),
    "a function of the module": (InAModule(clients.openai()), "InAModule"),
    "a decorator": (Decorated(clients.openai()), "Decorated"),
    "a transport": (over(transport=Reading()), "Reading"),
    "a hook": (hooked(look), "openai"),
}


@pytest.mark.parametrize(("model", "name"), HEEDING.values(), ids=HEEDING.keys())
def test_who_decides_by_what_an_error_says_is_unknown_never_one(model, name):
    asker = Asker(model)
    for failure in (F.RATE_LIMITED, F.UNAVAILABLE, F.UNAUTHORIZED):
        outcome = asker.ask(failure)
        assert (outcome.expression.total, outcome.unmeasured) == (None, HEEDED)
    assert asker.unknown == {name: HEEDED}
    assert name in {layer.name for layer in asker.layers}
    assert asker.ask(F.REFUSED).expression.total is not None


KNOWN = {
    "a status": (Again(over()), 3, 1),
    "a type": (ByType(over()), 3, 3),
    "a status of a response, and a header": (over(transport=ByStatus()), 2, 1),
    "a hook that writes it down": (hooked(note), 1, 1),
}


@pytest.mark.parametrize(("model", "limited", "unavailable"), KNOWN.values(), ids=KNOWN.keys())
def test_who_decides_by_a_status_or_a_type_is_known(model, limited, unavailable):
    asker = Asker(model)
    told = [asker.ask(failure).expression.total for failure in (F.RATE_LIMITED, F.UNAVAILABLE)]
    assert (told, asker.unknown) == ([limited, unavailable], {})


def test_a_run_that_says_something_else_than_the_provider_does_not_tell_either(tmp_path):
    cell = measured(tmp_path, f"{__name__}:by_body", "none", "model", F.RATE_LIMITED)
    assert (cell.predicted, cell.counted, cell.unmeasured) == (None, None, HEEDED)


by_body = Agent(ByBody(clients.openai()), name="by_body")
