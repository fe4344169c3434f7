"""Loops of a person's own code around a request have an owner: a layer, which the rules and the advice know."""

from __future__ import annotations

import asyncio
import inspect
import math
from itertools import count

import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from harness.audits import collect
from harness.audits.asked import model_unit
from harness.audits.asking.clients import Http
from harness.audits.asking.modeling import Asker
from harness.audits.asking.trouble import MOST
from harness.audits.run import judged
from harness.audits.translating import NOTHING
from harness.retries.arithmetic import spelled
from harness.retries.report import AuditReport
from harness.retries.values import Failure

F = Failure


class Persistent(httpx2.AsyncClient):
    """Sends up to four times by itself, and waits longer each time."""

    async def send(self, *given, **more):
        for attempt in range(3):
            if (answer := await super().send(*given, **more)).status_code < 500:
                return answer
            await asyncio.sleep(attempt)
        return await super().send(*given, **more)


class Twice(httpx2.Auth):
    def auth_flow(self, request):
        response = yield request
        if response.status_code == 401:
            yield request


class OwnClient(AsyncOpenAI):
    async def post(self, *given, **more):
        for _ in range(3):
            try:
                return await super().post(*given, **more)
            except Exception as error:  # noqa: BLE001
                last = error
        raise last


class Many(OpenAIChatModel):
    async def request(self, *given, **more):
        for _ in range(10):
            try:
                return await super().request(*given, **more)
            except ModelAPIError as error:
                last = error
        raise last


class Ever(OpenAIChatModel):
    async def request(self, *given, **more):
        while True:
            try:
                return await super().request(*given, **more)
            except ModelAPIError:
                await asyncio.sleep(2)


class Again(WrapperModel):
    async def request(self, *given, **more):
        try:
            return await super().request(*given, **more)
        except ModelAPIError:
            return await super().request(*given, **more)


class Relentless(httpx2.AsyncClient):
    async def send(self, *given, **more):
        while True:
            await super().send(*given, **more)


class RelentlessClient(AsyncOpenAI):
    async def post(self, *given, **more):
        while True:
            try:
                return await super().post(*given, **more)
            except Exception:  # noqa: BLE001
                pass


class RelentlessSdk(AsyncOpenAI):
    async def request(self, *given, **more):
        while True:
            try:
                return await super().request(*given, **more)
            except Exception:  # noqa: BLE001
                pass


class RelentlessInside(AsyncAnthropic):
    async def _request(self, *given, **more):
        while True:
            try:
                return await super()._request(*given, **more)
            except Exception:  # noqa: BLE001
                pass


class Picky(RelentlessClient):
    def _should_retry(self, response):
        return response.status_code == 400


class Changing(OpenAIChatModel):
    """After a failure it asks a changed copy of its client, which tries more often."""

    async def request(self, *given, **more):
        try:
            return await super().request(*given, **more)
        except ModelAPIError:
            changed = OpenAIProvider(openai_client=self.client.with_options(max_retries=5))
            return await OpenAIChatModel("gpt-5-mini", provider=changed).request(*given, **more)


def made(kind=OpenAIChatModel, retries=0, http=None, client=AsyncOpenAI):
    given = client(api_key="k", max_retries=retries, http_client=http)
    return kind("gpt-5", provider=OpenAIProvider(openai_client=given))


CHAINS = {
    "an HTTP client": (made(http=Persistent()), F.UNAVAILABLE, "4 (Persistent) = 4"),
    "an HTTP client below an SDK that retries": (
        made(retries=2, http=Persistent()),
        F.UNAVAILABLE,
        "4 (Persistent) × 3 (openai) = 12",
    ),
    "its authentication": (
        made(retries=2, http=httpx2.AsyncClient(auth=Twice())),
        F.UNAUTHORIZED,
        "2 (Twice) = 2",
    ),
    "the SDK's client": (
        made(retries=1, client=OwnClient),
        F.UNAVAILABLE,
        "2 (openai) × 3 (OwnClient) = 6",
    ),
    "a model": (made(Many, retries=1), F.UNAVAILABLE, "2 (openai) × 10 (Many) = 20"),
    "all of them": (
        Again(made(Many, retries=1, http=Persistent(), client=OwnClient)),
        F.UNAVAILABLE,
        "4 (Persistent) × 2 (openai) × 3 (OwnClient) × 10 (Many) × 2 (Again) = 480",
    ),
    "a model that asks a changed copy of the client": (
        made(Changing, retries=1),
        F.UNAVAILABLE,
        "8 (Changing) = 8",
    ),
    "a model around one that asks a changed copy": (
        Again(made(Changing, retries=1)),
        F.UNAVAILABLE,
        "16 (Again) = 16",
    ),
    "a model that never ends": (made(Ever), F.UNAVAILABLE, "unlimited (Ever) = unlimited"),
    "a model that never ends, around what retries": (
        made(Ever, retries=2, http=Persistent()),
        F.UNAVAILABLE,
        "4 (Persistent) × 3 (openai) × unlimited (Ever) = unlimited",
    ),
    "an HTTP client that never ends": (
        made(Many, retries=2, http=Relentless()),
        F.UNAVAILABLE,
        "unlimited (Relentless) = unlimited",
    ),
    "the SDK's client, which never ends": (
        made(Many, retries=2, client=RelentlessClient),
        F.UNAVAILABLE,
        "3 (openai) × unlimited (RelentlessClient) = unlimited",
    ),
    "the SDK's client, which never ends and is asked without the SDK's retries": (
        made(Many, client=RelentlessClient),
        F.UNAVAILABLE,
        "unlimited (RelentlessClient) = unlimited",
    ),
    "the SDK's client, which never ends, in what the SDK itself calls": (
        made(retries=1, http=Persistent(), client=RelentlessSdk),
        F.UNAVAILABLE,
        "4 (Persistent) × 2 (openai) × unlimited (RelentlessSdk) = unlimited",
    ),
    "the SDK's client, which never ends, in what the SDK calls inside that": (
        AnthropicModel("claude", provider=AnthropicProvider(anthropic_client=RelentlessInside(api_key="k"))),
        F.UNAVAILABLE,
        "3 (anthropic) × unlimited (RelentlessInside) = unlimited",
    ),
    "the SDK's client, which never ends, and tries what the SDK would not": (
        made(retries=3, client=Picky),
        F.BAD_REQUEST,
        "4 (openai) × unlimited (Picky) = unlimited",
    ),
    "an SDK that ends at some time": (
        made(Many, retries=10**9),
        F.UNAVAILABLE,
        "1000000001 (openai) × 10 (Many) = 10000000010",
    ),
    "an SDK that ends at some time, and does not retry that": (
        made(retries=10**9),
        F.BAD_REQUEST,
        "1 (openai) = 1",
    ),
    "an SDK that ends at some time, around what retries": (
        made(retries=10**9, http=Persistent()),
        F.UNAVAILABLE,
        "4 (Persistent) × 1000000001 (openai) = 4000000004",
    ),
}


@pytest.mark.parametrize(("model", "failure", "chain"), CHAINS.values(), ids=CHAINS.keys())
def test_who_sends_again_is_named_where_it_stands(model, failure, chain):
    assert spelled(Asker(model).ask(failure).expression) == chain


def test_a_loop_is_a_layer_that_says_where_it_is():
    asker = Asker(made(Many, http=Persistent()))
    assert [layer.name for layer in asker.layers] == ["httpx2 transport", "openai"]  # nobody has asked
    asker.ask(F.UNAVAILABLE)
    found = {layer.name: layer for layer in asker.layers}
    assert [*found] == ["httpx2 transport", "Persistent", "openai", "Many"]
    for kind, method in ((Persistent, "send"), (Many, "request")):
        line = inspect.getsourcelines(getattr(kind, method))[1]
        assert (found[kind.__name__].origin.said, found[kind.__name__].origin.line) == ("explicit", line)


def test_what_never_ends_is_asked_a_thousand_times_and_no_second_thousand():
    asked = count()  # an object of Python's own, which nobody makes forget

    class Counting(Ever):
        async def _completions_create(self, *given, **more):
            next(asked)
            return await super()._completions_create(*given, **more)

    assert Asker(made(Counting)).ask(F.UNAVAILABLE).course.endless
    assert MOST < next(asked) < 2 * MOST


def test_the_waits_of_a_loop_and_of_the_sdk_around_it_are_told_apart():
    asked = Asker(made(retries=2, http=Persistent())).ask(F.UNAVAILABLE)
    inner, outer = asked.expression.parts
    assert (inner.waits, outer.waits) == ((0, 1, 2), (0.5, 1))
    assert asked.course.begun[:5] == (0, 0, 1, 3, 3.5)


def test_a_client_without_an_sdk_has_a_loop_of_its_own():
    unit = model_unit("tool:fetch.client", Asker(None, sdk=Http(Persistent())), (), NOTHING)
    assert unit.cell(F.UNAVAILABLE).chain == "4 (Persistent) = 4"
    assert "Persistent" in [layer.name for layer in unit.layers]


def reported(model) -> AuditReport:
    units = tuple(collect.units_of(Agent(model), lambda _unit: ()))
    return judged(AuditReport(subject="s", engine="none", budget=6, units=units, notes=(), versions={}))


@pytest.fixture(scope="module")
def endless() -> AuditReport:
    """What never ends is asked a thousand times in each class of failure: once for all tests."""
    return reported(made(Ever))


JUDGED = {
    "many": (made(Many), "many-retries", "Many alone makes 10 (Many) = 10 requests"),
    "an HTTP client": (made(retries=2, http=Persistent()), "stacked-retries", "4 (Persistent) × 3 (openai) = 12"),
    "without end": (None, "unlimited-retries", "Ever retries without end"),
}


@pytest.mark.parametrize(("model", "rule", "text"), JUDGED.values(), ids=JUDGED.keys())
def test_rules_see_such_a_loop_and_say_whose_it_is(model, rule, text, endless):
    report = endless if model is None else reported(model)
    found = {finding.rule: finding for finding in report.findings}
    assert text in found[rule].message
    assert found[rule].origin.line is not None or rule == "stacked-retries"
    assert not any(finding.message.startswith("openai retries without end") for finding in report.findings)
    assert all(change.now != change.then for advice in report.advice for change in advice.changes)


def test_what_never_ends_takes_no_number(endless):
    assert endless.advice == ()
    assert math.isinf(endless.units[0].cell(F.UNAVAILABLE).predicted)


class Fresh(OpenAIChatModel):
    @property
    def client(self):
        return AsyncOpenAI(api_key="k", max_retries=4)


class Elsewhere(OpenAIChatModel):
    async def request(self, *given, **more):
        return await made().request(*given, **more)


UNSEEN = {
    "made anew": (made(Fresh), "its client is made anew for each request"),
    "passed by": (made(Elsewhere), "a request goes past the client that is there before"),
}


@pytest.mark.parametrize(("model", "reason"), UNSEEN.values(), ids=UNSEEN.keys())
def test_a_client_that_no_request_goes_through_says_so(model, reason):
    asker = Asker(model)
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    told = {layer.name: layer.unknown for layer in asker.layers} | asker.unknown
    assert reason in told["openai"]


class Round(FallbackModel):
    """Goes through its models three times, and waits longer each time."""

    async def request(self, *given, **more):
        for turn in range(2):
            try:
                return await super().request(*given, **more)
            except Exception:  # noqa: BLE001
                await asyncio.sleep(turn + 1)
        return await super().request(*given, **more)


class RoundForEver(FallbackModel):
    async def request(self, *given, **more):
        while True:
            try:
                return await super().request(*given, **more)
            except Exception:  # noqa: BLE001
                await asyncio.sleep(1)


MODELS = "1 (openai #1) + 2 (openai #2)"
ROUNDS = {
    "some": (Round, F.UNAVAILABLE, f"({MODELS}) × 3 (Round) = 9"),
    "some, of what the fallback does not hear": (Round, F.INVALID_RESPONSE, "3 (Round) = 3"),
    "without end": (RoundForEver, F.UNAVAILABLE, f"({MODELS}) × unlimited (RoundForEver) = unlimited"),
}


@pytest.mark.parametrize(("kind", "failure", "chain"), ROUNDS.values(), ids=ROUNDS.keys())
def test_a_loop_around_a_fallback_is_its_own(kind, failure, chain):
    asker = Asker(kind(made(), made(retries=1)))
    assert spelled(asker.ask(failure).expression) == chain
    assert [layer.name for layer in asker.layers][-2:] == ["fallback", kind.__name__]


class Last(FallbackModel):
    """Goes through its models, and after a while asks the last one once more."""

    async def request(self, *given, **more):
        try:
            return await super().request(*given, **more)
        except Exception:  # noqa: BLE001
            await asyncio.sleep(4)
            return await self.models[-1].request(*given, **more)


def test_a_fallback_that_asks_one_of_its_models_again_is_not_told_as_if_it_asked_all():
    asked = Asker(Last(made(), made(retries=1))).ask(F.UNAVAILABLE)
    assert spelled(asked.expression) == "1 (openai #1) + 2 (openai #2) + 2 (openai #2) = 5"
    assert asked.course.begun == (0, 0, 0.5, 4.5, 5)


def test_the_waits_of_a_loop_around_a_fallback_are_no_real_ones():
    asked = Asker(Round(made(), made())).ask(F.UNAVAILABLE)
    assert asked.course.begun == (0, 0, 1, 1, 3, 3)
    assert asked.expression.parts[-1].waits == (1, 2)
