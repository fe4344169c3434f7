"""Transports of a person's own that look like others: with several inside, or named as the HTTP library's are."""

from __future__ import annotations

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from harness.audits.asking.modeling import Asker
from harness.retries.values import Failure

F = Failure


class Failover(httpx2.AsyncBaseTransport):
    def __init__(self):
        self.primary, self.secondary = httpx2.AsyncHTTPTransport(), httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request):
        answer = await self.primary.handle_async_request(request)
        return answer if answer.status_code < 500 else await self.secondary.handle_async_request(request)


class AsyncHTTPTransport(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        for _ in range(3):
            if (answer := await super().handle_async_request(request)).status_code < 500:
                break
        return answer


def asker(transport):
    http = httpx2.AsyncClient(transport=transport)
    client = AsyncOpenAI(api_key="k", max_retries=0, http_client=http)
    return Asker(OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client)))


UNKNOWN = {
    "several transports": (Failover(), "several transports (primary, secondary)"),
    "the library's name": (AsyncHTTPTransport(), "shows nothing of what it does"),
}


@pytest.mark.parametrize(("transport", "reason"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_transport_that_cannot_be_asked_is_unknown_for_every_failure(transport, reason):
    asked = asker(transport)
    for failure in (F.SERVER_ERROR, F.BAD_REQUEST, F.REFUSED, F.READ_TIMEOUT):
        assert asked.ask(failure).expression.total is None
    (layer,) = (layer for layer in asked.layers if layer.name == type(transport).__name__)
    assert reason in layer.unknown


def test_the_librarys_own_transport_is_known():
    assert asker(httpx2.AsyncHTTPTransport()).ask(F.SERVER_ERROR).expression.total == 1
