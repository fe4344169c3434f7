"""Live layers are asked what they do: real clients, real transports, real models, over a stub that fails."""

from __future__ import annotations

import math
import time

import httpx
import httpx2
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
from pydantic_ai import Agent, ToolOutput
from pydantic_ai.models import create_async_httpx2_client
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig
from tenacity import retry, retry_if_exception_type, retry_if_result, stop_after_attempt, wait_fixed, wait_incrementing

from fixtures.audit import awkward, clients, google, limited
from harness.audits import collect
from harness.audits.asking.clock import without_waiting
from harness.audits.asking.modeling import Asker
from harness.audits.asking.sdks import Sdk
from harness.audits.asking.tools import decorators
from harness.audits.asking.transports import TransportLayer
from harness.audits.asking.trouble import first
from harness.audits.targets import target
from harness.retries.arithmetic import spelled
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

F = Failure


def plain() -> None:
    """Nothing."""


async def later() -> None:
    """Nothing."""


DEFAULTS = {
    "openai": (clients.openai(), {F.UNAVAILABLE: 3, F.REFUSED: 3, F.READ_TIMEOUT: 3, F.BAD_REQUEST: 1}),
    "anthropic": (clients.anthropic(), {F.UNAVAILABLE: 3, F.REFUSED: 3, F.READ_TIMEOUT: 3, F.UNAUTHORIZED: 1}),
    "openai, retrying transport": (clients.openai(retrying=True), {F.UNAVAILABLE: 5, F.SERVER_ERROR: 3}),
    "anthropic, retrying transport": (clients.anthropic(retrying=True), {F.UNAVAILABLE: 15, F.SERVER_ERROR: 3}),
}


@pytest.mark.parametrize(("model", "expected"), DEFAULTS.values(), ids=DEFAULTS.keys())
def test_a_model_is_asked_through_its_own_client(model, expected):
    asker = Asker(model)
    assert {failure: asker.ask(failure).expression.total for failure in expected} == expected


def test_the_chain_names_every_owner():
    asked = Asker(clients.anthropic(retrying=True)).ask(F.RATE_LIMITED)
    assert spelled(asked.expression) == "5 (tenacity transport) × 3 (anthropic) = 15"


def test_retry_after_is_waited_for():
    asker = Asker(clients.openai())
    assert asker.ask(F.RATE_LIMITED_AFTER).course.seconds == 4.0
    assert asker.ask(F.RATE_LIMITED).course.seconds == 1.5


def test_a_request_that_nobody_answers_takes_as_long_as_the_client_waits():
    assert Asker(clients.openai()).ask(F.READ_TIMEOUT).course.seconds == 1801.5
    assert Asker(clients.openai(), {"timeout": 5.0}).ask(F.READ_TIMEOUT).course.seconds == 16.5


def test_the_engine_would_see_what_the_model_makes_of_it():
    assert type(Asker(clients.openai()).ask(F.UNAVAILABLE).error).__name__ == "ModelUnavailableError"
    raw = Asker(clients.openai(retrying=True)).ask(F.UNAVAILABLE).error
    assert type(raw).__name__ == "HTTPStatusError"  # the SDK lets through what a transport raises


def test_fallbacks_add():
    chain = Asker(FallbackModel(clients.openai(), clients.anthropic())).ask(F.UNAVAILABLE)
    assert spelled(chain.expression) == "3 (openai) + 3 (anthropic) = 6"
    assert type(chain.error).__name__ == "FallbackExceptionGroup"


def test_a_fallback_is_only_counted_if_it_is_reached():
    chain = Asker(FallbackModel(clients.openai(retrying=True), clients.anthropic())).ask(F.UNAVAILABLE)
    assert spelled(chain.expression) == "5 (tenacity transport) = 5"


def test_asking_leaves_the_client_as_it_was():
    asker = Asker(clients.openai())
    assert asker.sdk is not None
    before = asker.sdk.client._client, asker.sdk.client.max_retries
    asker.ask(F.SERVER_ERROR)
    assert (asker.sdk.client._client, asker.sdk.client.max_retries) == before


def test_a_transport_that_never_stops_says_so():
    asked = Asker(awkward.endless.model).ask(F.REFUSED)
    assert spelled(asked.expression) == "unlimited (tenacity transport) = unlimited"


def test_a_transport_that_stops_by_the_clock_is_asked_without_waiting():
    asked = Asker(awkward.patient.model).ask(F.REFUSED)
    # Begun after 0, 25, 50 and 75 seconds; then more than 60 have passed, and the SDK begins again.
    assert "4 (tenacity transport)" in spelled(asked.expression)


def test_where_chance_decides_how_long_it_waits_the_worst_counts():
    asked = Asker(awkward.jittery.model).ask(F.UNAVAILABLE)
    assert spelled(asked.expression) == "10 (tenacity transport) = 10"  # all within the 30 s, if chance is against us
    assert Asker(awkward.jittery.model).ask(F.UNAVAILABLE).course == asked.course
    assert Asker(awkward.waiting.model).ask(F.UNAVAILABLE).course.seconds == 2 * 8  # and the longest waits, if not


def test_a_transport_that_connects_again_does_so_when_it_is_refused_and_only_then():
    asker = Asker(awkward.connecting.model)
    (transport, *_rest) = asker.layers
    assert transport.settings == {"retries": "3"}
    assert "up to 3 more connections" in transport.notes[0]
    assert spelled(asker.ask(F.UNAVAILABLE).expression) == "3 (openai) = 3"
    refused = asker.ask(F.REFUSED)
    assert spelled(refused.expression) == "4 (httpx2 transport) × 3 (openai) = 12"
    assert refused.course.seconds == 3 * (0 + 0.5 + 1) + 0.5 + 1


class Refreshed(httpx2.Auth):
    """Asks once more, with another token, where the first is refused."""

    def auth_flow(self, request):
        response = yield request
        if response.status_code == 401:
            yield request


class Stubborn(httpx2.AsyncClient):
    """A client that asks twice by itself."""

    async def send(self, request, **given):
        if (answer := await super().send(request, **given)).status_code == 400:
            answer = await super().send(request, **given)
        return answer


async def loud(response) -> None:
    response.raise_for_status()


OWN = {
    "a hook that raises": (httpx2.AsyncClient(event_hooks={"response": [loud]}), {F.UNAUTHORIZED: 3, F.REFUSED: 3}),
    "auth": (httpx2.AsyncClient(auth=Refreshed()), {F.UNAUTHORIZED: 2, F.BAD_REQUEST: 1}),
    "a class of its own": (Stubborn(), {F.UNAUTHORIZED: 1, F.BAD_REQUEST: 2}),
}


@pytest.mark.parametrize(("http", "expected"), OWN.values(), ids=OWN.keys())
def test_what_an_http_client_does_by_itself_is_asked_with_it(http, expected):
    made = AsyncAnthropic(api_key="k", http_client=http)
    before = dict(vars(http))
    asker = Asker(AnthropicModel("claude", provider=AnthropicProvider(anthropic_client=made)))
    assert {failure: asker.ask(failure).expression.total for failure in expected} == expected
    assert vars(http) == before


def test_a_timeout_that_the_model_is_asked_with_is_the_clients():
    (layer,) = (one for one in Asker(clients.openai(), {"timeout": 3}).layers if one.kind == "sdk")
    assert (layer.each, layer.settings) == (3.0, {"max_retries": "2", "timeout": "3 s"})
    assert layer.usual.keys() == {"max_retries"}


GOOGLE = {"usual": 1, "retrying": 4, "settled": 3}


@pytest.mark.parametrize(("name", "attempts"), GOOGLE.items(), ids=GOOGLE.keys())
def test_googles_sdk_is_asked_through_its_own_policy(name, attempts):
    agent = getattr(google, name)
    asker = Asker(agent.model, agent.model_settings)
    tried = [asker.ask(failure).expression.total for failure in (F.UNAVAILABLE, F.REFUSED, F.BAD_REQUEST)]
    assert tried == [attempts, attempts, 1]
    if name == "retrying":
        assert asker.ask(F.UNAVAILABLE).course.seconds == (1 + 1) + (2 + 1) + (4 + 1)  # the longest, with jitter
        assert asker.ask(F.READ_TIMEOUT).course.seconds == 4 * 30 + 10


GOOGLES = {
    "nobody": (google.provided(), "default", {"attempts": "google-genai", "timeout": "pydantic_ai"}),
    "nobody, of a client of one's own": (
        google.said(),
        "default",
        dict.fromkeys(("attempts", "timeout"), "google-genai"),
    ),
    "a timeout": (google.said(timeout=30_000), "explicit", {"attempts": "google-genai"}),
    "no timeout": (google.said(timeout=0), "default", dict.fromkeys(("attempts", "timeout"), "google-genai")),
    "retries": (google.provided(retry_options=google.policy), "explicit", {"timeout": "pydantic_ai"}),
    "retries without a number": (
        google.said(retry_options=google.HttpRetryOptions(initial_delay=2), timeout=9000),
        "explicit",
        {"attempts": "google-genai"},
    ),
    "a client": (google.provided(http_client=httpx2.AsyncClient(timeout=30)), "explicit", {"attempts": "google-genai"}),
}


@pytest.mark.parametrize(("model", "origin", "usual"), GOOGLES.values(), ids=GOOGLES.keys())
def test_of_googles_settings_it_is_told_who_said_them(model, origin, usual):
    (layer,) = (one for one in Asker(model).layers if one.kind == "sdk")
    assert layer.origin.said == origin
    assert {name: whose.partition(" ")[0] for name, whose in layer.usual.items()} == usual


def test_what_google_takes_for_no_timeout_is_none():
    assert Asker(google.said(timeout=0)).ask(F.READ_TIMEOUT).course.seconds == math.inf


def test_the_models_own_number_stands_in_the_place_of_googles():
    (layer,) = (one for one in Asker(google.said(timeout=30_000), {"max_retries": 2}).layers if one.kind == "sdk")
    assert (layer.settings, layer.usual) == ({"timeout": "30 s", "max_retries": "2"}, {})


@pytest.mark.parametrize("attempts", [1500, 2500])
def test_many_attempts_that_googles_options_say_are_asked_to_their_end(attempts):
    many = google.said(retry_options=google.HttpRetryOptions(attempts=attempts, initial_delay=0, jitter=0))
    assert Asker(many).ask(F.UNAVAILABLE).expression.total == attempts


def test_googles_sdk_over_aiohttp_is_unknown():
    asker = Asker(google.plain.model)
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    assert "aiohttp" in next(layer.unknown for layer in asker.layers if layer.name == "google-genai")


def test_an_answer_that_says_nothing_is_asked_for_again_by_the_agent():
    (unit, *_rest) = collect.units_of(google.usual, lambda _unit: ())
    assert unit.cell(F.INVALID_RESPONSE).chain == "2 (agent output) = 2"
    assert unit.layers[-1].name == "agent output"
    (unit, *_rest) = collect.units_of(awkward.connecting, lambda _unit: ())
    assert unit.cell(F.INVALID_RESPONSE).chain == "1 (openai) = 1"


@pytest.mark.parametrize("http", [httpx, httpx2], ids=lambda http: http.__name__)
@pytest.mark.parametrize("name", ["HTTPTransport", "AsyncHTTPTransport"])
def test_every_library_is_asked_how_often_it_connects(http, name):
    layer = TransportLayer(getattr(http, name)(retries=2), http)
    asked = layer.ask(first(F.REFUSED))
    assert (asked.sends, asked.slept) == (3, (0.0, 0.5))
    assert isinstance(asked.trouble.error, http.ConnectError)
    assert layer.ask(first(F.READ_TIMEOUT)).sends == 1


def test_an_absurd_number_of_connections_never_ends():
    assert TransportLayer(httpx2.HTTPTransport(retries=10**9), httpx2).ask(first(F.REFUSED)).endless


def test_a_client_that_two_agents_share_is_asked_for_both():
    one, two = Asker(awkward.first.model), Asker(awkward.second.model)
    assert one.sdk is not None
    assert two.sdk is not None
    assert one.sdk.client is two.sdk.client
    assert one.ask(F.UNAVAILABLE).expression == two.ask(F.UNAVAILABLE).expression


UNKNOWN = {
    "a transport that shows nothing": (awkward.dark, "Dark", "shows nothing of what it does"),
    "a policy that raises": (awkward.broken, "tenacity transport", "raises LookupError: no such policy"),
    "an asynchronous policy that raises": (awkward.broken_later, "tenacity transport", "raises LookupError: no such"),
    "what hears of each wait and raises": (awkward.loud, "tenacity transport", "raises LookupError: no such policy"),
    "a fallback's condition that raises": (
        awkward.falling,
        "fallback",
        "fallback_on raises LookupError: no such condition",
    ),
    "a client that is built in the call": (awkward.lazy, "client", "no client that the audit can ask"),
    "a client of an SDK that is not supported": (awkward.ancient, "openai", "is no client that the audit can ask"),
    "a negative timeout": (awkward.hasty, "openai", "timeout=-5 makes no sense"),
    "a negative timeout in the model's settings": (awkward.hurried, "openai", "timeout=-5 makes no sense"),
    "a timeout that is no number": (awkward.numberless, "openai", "timeout=nan makes no sense"),
    "a negative timeout of Google's": (google.hasty, "google-genai", "timeout=-30000 makes no sense"),
    "a negative delay of Google's": (google.backwards, "google-genai", "initial_delay=-5 makes no sense"),
    "a negative wait": (awkward.backwards, "tenacity transport", "wait=wait_fixed(-3) makes no sense"),
    "a negative wait of a policy of one's own": (awkward.earlier, "tenacity transport", "waits -3 s, which makes no"),
    "a negative number of attempts, among others": (awkward.never, "tenacity transport", "(-1)) makes no sense"),
    "a negative delay to stop after": (awkward.late, "tenacity transport", "stop_after_delay(-1) makes no sense"),
    "a negative number": (awkward.negative, "openai", "max_retries=-1 makes no sense"),
    "a number in words": (awkward.worded, "openai", "max_retries='five' makes no sense"),
}


@pytest.mark.parametrize(("agent", "name", "reason"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_cannot_be_asked_is_unknown_and_never_one(agent, name, reason):
    asker = Asker(agent.model, agent.model_settings)
    assert asker.ask(F.UNAVAILABLE).expression.total is None
    told = {layer.name: layer.unknown for layer in asker.layers} | asker.unknown
    assert reason in told[name]


BELOW = {
    "a transport that raises": awkward.broken,
    "a transport that shows nothing": awkward.dark,
    "a client that is built in the call": awkward.lazy,
    "an SDK whose number makes no sense": awkward.negative,
    "a wrapper around a fallback": limited.hidden,
}


@pytest.mark.parametrize("agent", BELOW.values(), ids=BELOW.keys())
def test_the_turns_of_a_run_are_unknown_that_go_through_what_is_unknown(agent):
    asked = Agent(agent.model, output_type=ToolOutput(int, name="sum", max_retries=2), retries=2)
    found = {unit.unit: unit for unit in collect.units_of(asked, lambda _unit: ())}
    assert [found[name].cell(F.INVALID_OUTPUT).predicted for name in ("run", "output:sum")] == [None, None]


def test_an_agent_with_a_negative_patience_is_unknown():
    found = {unit.unit: unit for unit in collect.units_of(awkward.impatient, lambda _unit: ())}
    run, tool = found["run"], found["tool:look"]
    assert (run.cell(F.INVALID_OUTPUT).predicted, tool.cell(F.MODEL_RETRY).predicted) == (None, None)
    assert [layer.unknown for layer in run.unknown] == ["output=-3 makes no sense"]
    assert [layer.unknown for layer in tool.unknown] == ["retries=-3 makes no sense"]


def raises_whatever_it_is_asked(*_asked: object) -> bool:
    raise LookupError("no such policy")


@pytest.mark.parametrize("policy", ["stop", "wait", "retry", "before", "after", "before_sleep"])
@pytest.mark.parametrize("body", [plain, later], ids=["plain", "asynchronous"])
def test_a_decorator_whose_policy_raises_is_unknown(body, policy):
    given = {"stop": stop_after_attempt(3), "reraise": True, policy: raises_whatever_it_is_asked}
    (decorator,) = decorators(retry(**given)(body))
    assert decorator.answer(ValueError()).unknown == "its retry policy raises LookupError: no such policy"


SENSELESS = {
    "attempts": ({"stop": stop_after_attempt(-3)}, "stop=stop_after_attempt(-3) makes no sense"),
    "wait": ({"stop": stop_after_attempt(3), "wait": wait_fixed(-3)}, "wait=wait_fixed(-3) makes no sense"),
}


@pytest.mark.parametrize(("given", "reason"), SENSELESS.values(), ids=SENSELESS.keys())
def test_a_decorator_whose_number_makes_no_sense_is_unknown(given, reason):
    (decorator,) = decorators(retry(**given)(plain))
    assert decorator.layer.unknown == reason


def test_a_decorator_whose_own_policy_waits_less_than_no_time_is_unknown():
    (decorator,) = decorators(retry(wait=lambda _state: -3)(plain))
    assert decorator.answer(ValueError()).unknown == "its retry policy waits -3 s, which makes no sense"


def test_waits_may_become_shorter():
    (decorator,) = decorators(retry(stop=stop_after_attempt(3), wait=wait_incrementing(2, -5))(plain))
    answer = decorator.answer(ValueError())
    assert (decorator.layer.unknown, answer.unknown, answer.wait(1), answer.wait(2)) == ("", "", 2, 0)


def test_a_decorator_is_asked_as_it_is():
    (decorator,) = decorators(retry(stop=stop_after_attempt(3), wait=wait_fixed(2), reraise=True)(later))
    answer = decorator.answer(ValueError("whatever"))
    assert (answer.attempts, answer.wait(1), str(answer.raises), answer.unknown) == (3, 2, "whatever", "")


def test_one_unknown_model_makes_the_whole_fallback_unknown():
    assert Asker(awkward.partly.model).ask(F.UNAVAILABLE).expression.total is None


def test_a_large_number_is_tried_to_its_end():
    asker = Asker(clients.openai(), {"max_retries": 1100})
    assert asker.ask(F.UNAVAILABLE).expression.total == 1101
    client = AsyncOpenAI(api_key="sk-fixture", max_retries=1100)
    model = OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))
    assert Asker(model).ask(F.UNAVAILABLE).expression.total == 1101
    policy = RetryConfig(stop=stop_after_attempt(1100), reraise=True)
    assert TransportLayer(AsyncHTTPX2TenacityTransport(policy), httpx2).ask(first(F.REFUSED)).sends == 1100
    (decorator,) = decorators(retry(stop=stop_after_attempt(1100))(plain))
    assert decorator.answer(ValueError()).attempts == 1100


def test_an_absurd_number_is_a_number():
    asker = Asker(awkward.absurd.model)
    asked = asker.ask(F.UNAVAILABLE)
    assert (asked.expression.total, asked.course.requests, asked.course.endless) == (10**7 + 1, 10**7 + 1, False)
    assert 8 * (10**7 - 10) < asked.course.seconds < 8 * 10**7  # each wait but for the first few is the longest
    assert asker.ask(F.BAD_REQUEST).expression.total == 1
    assert Asker(google.absurd.model).ask(F.UNAVAILABLE).expression.total == 10**7
    assert Asker(google.absurd.model).ask(F.BAD_REQUEST).expression.total == 1


def test_waits_take_no_time_and_move_the_clock():
    begun = time.monotonic()
    with without_waiting() as slept:
        time.sleep(100)
        assert time.monotonic() - begun >= 100
    assert slept == [100]
    assert time.monotonic() - begun < 100


@pytest.mark.parametrize(
    ("said", "origin", "usual"),
    [
        ({}, "default", {"max_retries", "timeout"}),
        ({"timeout": 20}, "explicit", {"max_retries"}),
        ({"max_retries": 5}, "explicit", {"timeout"}),
        ({"max_retries": 5, "timeout": 20}, "explicit", set()),
    ],
    ids=["nothing", "a timeout", "a number", "both"],
)
def test_a_client_is_as_its_sdk_has_it_if_nobody_says_anything(said, origin, usual):
    layer = Sdk(AsyncOpenAI(api_key="sk-fixture", **said)).layer
    assert (layer.origin.said, layer.usual.keys()) == (origin, usual)


PYDANTIC, SAID = "max_retries=2, timeout=600 s (default of pydantic_ai ", "max_retries=2 (default of openai "
CLIENTS = {
    "pydantic-ai's": (create_async_httpx2_client(), "default", PYDANTIC),
    "pydantic-ai's, told otherwise": (create_async_httpx2_client(timeout=20), "explicit", SAID),
    "the person's": (httpx2.AsyncClient(timeout=600), "explicit", SAID),
}


@pytest.mark.parametrize(("given", "origin", "told"), CLIENTS.values(), ids=CLIENTS.keys())
def test_the_timeout_of_an_http_client_is_its_makers(monkeypatch, given, origin, told):
    monkeypatch.setattr("openai._constants.DEFAULT_TIMEOUT", 60)  # as other SDKs have it, of which not all are here
    layer = Sdk(AsyncOpenAI(api_key="sk-fixture", http_client=given)).layer
    assert (layer.origin.said, layer.told.startswith(told), layer.told.count("default")) == (origin, True, 1)


def test_an_output_tool_may_have_a_number_of_its_own():
    outputs = [ToolOutput(int, name="count", max_retries=4), ToolOutput(float, name="share")]
    agent = Agent(clients.openai(), name="outputs", output_type=outputs, retries=2)
    found = {unit.unit: unit for unit in collect.units_of(agent, lambda _unit: ())}
    assert found["output:count"].cell(Failure.INVALID_OUTPUT).chain == "5 (output tool) = 5"
    assert found["run"].cell(Failure.INVALID_OUTPUT).chain == "3 (agent output) = 3"
    assert "output:share" not in found
    told = target(found["output:count"], found["output:count"].cells[0], UnitAudit(unit="model"), True, {})
    assert "call this output tool" in told


def giving_back(callback) -> httpx2.AsyncClient:
    def refuse(response: httpx2.Response) -> None:
        if response.status_code == 503:
            response.raise_for_status()

    policy = RetryConfig(
        retry=retry_if_exception_type(httpx2.HTTPStatusError), stop=stop_after_attempt(3), retry_error_callback=callback
    )
    return httpx2.AsyncClient(transport=AsyncHTTPX2TenacityTransport(config=policy, validate_response=refuse))


async def read(state):
    response = state.outcome.exception().response
    response.is_closed = False
    await response.aread()
    return response


GIVEN_BACK = {
    "closed, which no SDK can read": (lambda state: state.outcome.exception().response, 3),
    "read, for the SDK to judge": (read, 9),
    "a good one in its place": (lambda _state: httpx2.Response(200, json={}), 3),
}


@pytest.mark.parametrize(("callback", "requests"), GIVEN_BACK.values(), ids=GIVEN_BACK.keys())
def test_the_sdk_gets_the_response_that_a_policy_gives_back_in_the_end(callback, requests):
    provider = OpenAIProvider(api_key="sk-fixture", http_client=giving_back(callback))
    model = OpenAIChatModel("gpt-5", provider=provider)
    assert Asker(model).ask(F.UNAVAILABLE).expression.total == requests


def test_a_policy_that_gives_something_back_in_the_end_has_waited_all_the_same():
    policy = retry(stop=stop_after_attempt(3), wait=wait_fixed(2), retry_error_callback=lambda _state: "nothing")
    (live,) = decorators(policy(later))
    answer = live.answer(RuntimeError("harness"))
    assert (answer.attempts, answer.wait(1), answer.raises) == (3, 2, None)


def test_an_agent_that_asks_again_waits_again_for_what_is_below_it():
    policy = RetryConfig(
        retry=retry_if_result(lambda response: response.status_code == 200),
        stop=stop_after_attempt(3),
        wait=wait_fixed(5),
        retry_error_callback=lambda state: state.outcome.result(),
    )
    http = httpx2.AsyncClient(transport=AsyncHTTPX2TenacityTransport(config=policy))
    (unit, *_rest) = collect.units_of(Agent(google.provided(http_client=http), name="again"), lambda _unit: ())
    cell = unit.cell(F.INVALID_RESPONSE)
    assert (cell.chain, cell.seconds) == ("3 (tenacity transport) × 2 (agent output) = 6", 2 * 10)


def test_no_time_is_told_where_turns_of_the_model_lie_between():
    agent = Agent(clients.openai(), name="turns", output_type=[ToolOutput(int, name="count", max_retries=4), str])
    cells = [cell for unit in collect.units_of(agent, lambda _unit: ()) for cell in unit.cells]
    assert {cell.seconds for cell in cells if cell.failure is F.INVALID_OUTPUT} == {None}
