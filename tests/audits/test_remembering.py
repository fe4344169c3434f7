"""Code of a person's own that remembers what it has met, or asks somebody else: what it does, only a run shows."""

from __future__ import annotations

from itertools import count

import httpx2
import pytest
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.openai import OpenAIProvider

from fixtures.audit import clients
from harness import audit
from harness.audits.asking.modeling import Asker
from harness.audits.asking.remembering import REMEMBERS
from harness.retries.values import Failure
from harness.verdict import Status

F = Failure


class State:
    def __init__(self):
        self.failures = 0


class Breaker(httpx2.AsyncBaseTransport):
    def __init__(self, opens=5):
        self.inner, self.opens = httpx2.AsyncHTTPTransport(), opens
        self.failures, self.state, self.met = 0, State(), []

    async def handle_async_request(self, request):
        if max(self.failures, self.state.failures, len(self.met)) >= self.opens:
            raise httpx2.ConnectError("open")
        answer = await self.inner.handle_async_request(request)
        if answer.status_code >= 500:
            self.count(answer)
        return answer

    def count(self, _answer):
        self.failures += 1


class InAnObject(Breaker):
    def count(self, _answer):
        self.state.failures += 1


class InAList(Breaker):
    def count(self, answer):
        self.met.append(answer.status_code)


class Indifferent(Breaker):
    def count(self, _answer):
        """Forget it."""


class BreakingClient(httpx2.AsyncClient):
    failures = 0

    async def send(self, *given, **more):
        if self.failures >= 5:
            raise httpx2.ConnectError("open")
        answer = await super().send(*given, **more)
        self.failures += answer.status_code >= 500
        return answer


class BreakingModel(WrapperModel):
    failures = 0

    async def request(self, *given, **more):
        if self.failures >= 5:
            raise ConnectionError("open")
        try:
            return await super().request(*given, **more)
        except Exception:
            self.failures += 1
            raise


class Budget(WrapperModel):
    """Tries again as long as there is something left, for all that it asks together."""

    def __init__(self, wrapped):
        super().__init__(wrapped)
        self.left = iter(range(10))  # of no class that could be looked into

    def goes_on(self):
        return next(self.left, None) is not None

    async def request(self, *given, **more):
        while True:
            try:
                return await super().request(*given, **more)
            except ModelAPIError:
                if not self.goes_on():
                    raise


class InItsClass(Budget):
    spent = 0

    def goes_on(self):
        InItsClass.spent += 1
        return InItsClass.spent <= 10


SPENT = {"all": 0}
everywhere = 0


class InItsModule(Budget):
    def goes_on(self):
        global everywhere
        everywhere += 1
        SPENT["all"] += 1
        return everywhere <= 10


class Slots:
    __slots__ = ("spent",)

    def __init__(self):
        self.spent = 0


class InSlots(Budget):
    def __init__(self, wrapped):
        super().__init__(wrapped)
        self.slots = Slots()

    def goes_on(self):
        self.slots.spent += 1
        return self.slots.spent <= 10


class Counted(Breaker):
    numbers = count()

    async def handle_async_request(self, request):
        if next(self.numbers) >= self.opens:
            raise httpx2.ConnectError("open")
        return await self.inner.handle_async_request(request)


def over(http):
    client = AsyncOpenAI(api_key="k", http_client=http)
    return OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))


def through(transport):
    return over(httpx2.AsyncClient(transport=transport))


REMEMBERING = {
    "a number": (through(Breaker()), "Breaker"),
    "a number in an object": (through(InAnObject()), "InAnObject"),
    "a list": (through(InAList()), "InAList"),
    "a client": (over(BreakingClient()), "BreakingClient"),
    "a model": (BreakingModel(clients.openai()), "BreakingModel"),
}


@pytest.mark.parametrize(("model", "name"), REMEMBERING.values(), ids=REMEMBERING.keys())
def test_who_does_something_else_after_some_failures_is_unknown(model, name):
    asker = Asker(model)
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    assert asker.unknown[name] == REMEMBERS
    assert name in {layer.name for layer in asker.layers}


@pytest.mark.parametrize("kind", [Budget, InItsClass, InItsModule, InSlots], ids=lambda kind: kind.__name__)
def test_what_is_spent_on_one_failure_is_not_known_for_the_next_one_either(kind):
    asker = Asker(kind(clients.openai()))
    for failure in (F.UNAVAILABLE, F.UNAUTHORIZED, F.REFUSED):
        assert asker.ask(failure).expression.total is None
    assert asker.unknown[kind.__name__] == REMEMBERS
    assert (InItsClass.spent, everywhere, SPENT) == (0, 0, {"all": 0})  # and it was forgotten


def test_a_transport_that_keeps_in_mind_what_nobody_can_make_it_forget_is_unknown_from_then_on():
    asker = Asker(through(Counted()))
    for failure in (F.UNAVAILABLE, F.REFUSED, F.UNAUTHORIZED):
        assert asker.ask(failure).expression.total is None
    assert asker.unknown == {"Counted": REMEMBERS}


def test_a_model_has_forgotten_one_failure_when_it_is_asked_about_another():
    asker = Asker(BreakingModel(clients.openai()))
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    assert asker.unknown["BreakingModel"] == REMEMBERS
    assert asker.model.failures == 0


def test_what_it_does_not_remember_it_is_asked_as_anybody_is():
    transport = Breaker()
    asker = Asker(through(transport))
    asker.ask(F.UNAVAILABLE)
    assert (transport.failures, transport.state.failures, transport.met) == (0, 0, [])  # only copies were asked
    assert asker.ask(F.RATE_LIMITED).expression.total == 3


@pytest.mark.parametrize("transport", [Indifferent(), Breaker(opens=100)], ids=["forgets", "very patient"])
def test_who_does_the_same_each_time_is_known(transport):
    asker = Asker(through(transport))
    assert asker.ask(F.UNAVAILABLE).expression.total == 3
    assert not asker.unknown


plain = httpx2.AsyncClient()


async def send_again(answer):
    if answer.status_code == 401:
        answer.status_code = (await plain.send(answer.request)).status_code


async def look(answer):
    assert answer.status_code


hooked = Agent(over(httpx2.AsyncClient(event_hooks={"response": [send_again]})), name="hooked")
looking = Agent(over(httpx2.AsyncClient(event_hooks={"response": [look]})), name="looking")


def test_who_asks_somebody_whom_nobody_reaches_from_here_is_unknown():
    report = audit(f"{__name__}:hooked", "none", static=True)
    model = report.units[0]
    assert report.status is Status.UNKNOWN
    assert (model.cell(F.UNAUTHORIZED).predicted, model.cell(F.UNAVAILABLE).predicted) == (None, 3)
    (layer,) = model.unknown
    assert "asks api.openai.com by another client than this one" in layer.unknown
    (finding,) = [one for one in report.findings if one.rule == "unknown-layer"]
    assert "leave `--static` out" in finding.remedy


def test_a_hook_that_asks_nobody_is_known():
    report = audit(f"{__name__}:looking", "none", static=True)
    assert report.units[0].cell(F.UNAUTHORIZED).predicted == 1
    assert report.unknown == ()
