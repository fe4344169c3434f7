"""Layers of one name around one unit are told apart, so that rules and advice speak of the right one."""

from __future__ import annotations

import httpx2
from openai import OpenAI
from prefect import flow, task
from pydantic_ai.durable_exec.prefect import PrefectDurability
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.retries import AsyncHTTPX2TenacityTransport, RetryConfig
from tenacity import retry, stop_after_attempt, wait_exponential, wait_fixed

from fixtures.audit import clients
from harness.audits import own
from harness.audits.advice import advised
from harness.audits.asking.alike import distinct
from harness.audits.rules import found
from harness.engines.prefect import retries as prefect
from harness.retries.values import Failure
from tests.audits.live import asked, openai, rules
from tests.audits.reports import report

client = OpenAI(api_key=clients.KEY, max_retries=0)


def never(_task, _run, _state):
    return False


def ask(text: str) -> str:
    return str(client.responses.create(model="gpt-5", input=text))


@task(retries=3, retry_delay_seconds=[1, 2, 4], retry_condition_fn=never)
def inner(text: str) -> str:
    return ask(text)


@task(retries=2, retry_delay_seconds=[2, 4], retry_jitter_factor=0.5)
def outer(text: str) -> str:
    return inner(text)


@flow
def nested(text: str) -> str:
    return outer(text)


@flow
def alone(text: str) -> str:
    return inner(text)


@task(retries=1, retry_delay_seconds=[1])
def patient(text: str) -> str:
    return ask(text)


@task(retries=4, retry_delay_seconds=[1, 2, 4, 8])
def busy(text: str) -> str:
    return patient(text)


@flow
def stacked(text: str) -> str:
    return busy(text)


@task
def unhurried(text: str) -> str:
    return ask(text)


@task(timeout_seconds=5)
def hasty(text: str) -> str:
    return unhurried(text)


@flow
def cut(text: str) -> str:
    return hasty(text)


@task(timeout_seconds=5)
def impatient(text: str) -> str:
    return busy(text)


@flow
def shortened(text: str) -> str:
    return impatient(text)


@flow
@retry(stop=stop_after_attempt(2))
@retry(stop=stop_after_attempt(3))
def again(text: str) -> str:
    return patient(text)


@task(retries=1)
@retry(stop=stop_after_attempt(2), wait=wait_exponential())
@retry(stop=stop_after_attempt(4), wait=wait_fixed(1))
def fetch() -> str:
    raise ConnectionError


def units(subject):
    return list(own.units_of(subject, lambda unit: prefect.layers(subject, unit, {})))


def chain(unit, failure) -> str:
    return unit.cell(failure).chain


def test_a_task_in_a_task_is_judged_by_what_it_does_itself():
    (unit, _run) = units(nested)
    assert [one.name for one in unit.layers][-3:] == ["prefect task of inner", "prefect task of outer", "flow"]
    assert chain(unit, Failure.UNAVAILABLE) == "3 (prefect task of outer) = 3"
    assert "condition-never-matches" in rules([unit], "prefect")
    assert "no-jitter" not in rules([unit], "prefect")


def test_a_unit_that_is_alone_of_its_name_keeps_it():
    (unit, _run) = units(alone)
    assert [one.name for one in unit.layers][-2:] == ["prefect task", "flow"]


def test_advice_tells_each_of_the_tasks_its_own_number():
    (advice,) = advised(report(*units(stacked), engine="prefect", budget=2))
    told = [(change.layer, change.now, change.then) for change in advice.changes]
    assert told == [("prefect task of busy", "4", "0")]
    assert advice.after.endswith("= 2")


def test_a_deadline_of_the_outer_task_is_seen():
    (unit, _run) = units(cut)
    (late,) = [one for one in found(report(unit)) if one.rule == "inner-timeout-not-shorter"]
    assert late.message == "openai waits 600 s for an answer, and prefect task of hasty ends it after 5 s"


def test_retries_that_the_outer_task_cuts_are_seen():
    (unit, _run) = units(shortened)
    (late,) = [one for one in found(report(unit)) if one.rule == "inner-retries-cut"]
    assert late.message.startswith("prefect task of impatient ends an attempt after 5 s while what is inside")


def test_a_decorator_on_a_decorator_is_numbered_from_the_inside():
    (unit,) = [one for one in asked(openai(), PrefectDurability(), [fetch]) if one.unit == "tool:fetch"]
    settings = {one.name: one.settings for one in unit.layers}
    assert [settings[f"tenacity #{number}"]["stop"] for number in (1, 2)] == [
        "stop_after_attempt(4)",
        "stop_after_attempt(2)",
    ]
    retried = "4 (tenacity #1) × 2 (tenacity #2)"
    assert chain(unit, Failure.TOOL_EXCEPTION) == f"{retried} × 2 (prefect task of fetch) = 16"
    assert chain(unit, Failure.MODEL_RETRY).startswith(retried)
    (flat,) = [one for one in found(report(unit)) if one.rule == "no-backoff" and "tenacity" in one.message]
    assert flat.message.startswith("tenacity #1 tries again after 1 s every time")
    (advice,) = advised(report(unit, budget=4))
    assert all(change.setting in ("stop", "retries") for change in advice.changes)


def test_what_is_around_the_whole_run_has_one_name_in_all_of_its_cells():
    every = [cell for unit in units(again) for cell in unit.cells if cell.failure is Failure.UNAVAILABLE]
    names = "2 (prefect task) × 3 (tenacity of again #1) × 2 (tenacity of again #2) = 12"
    assert [cell.chain for cell in every] == [names]


def test_models_of_a_fallback_say_whose_a_client_is_that_is_told_something_else():
    models = FallbackModel(openai(max_retries=1), named("gpt-5-mini", max_retries=3))
    unit, *_ = asked(models)
    assert chain(unit, Failure.UNAVAILABLE) == "2 (openai of gpt-5) + 4 (openai of gpt-5-mini) = 6"
    (advice,) = advised(report(unit, budget=5))
    assert [(change.layer, change.now, change.then) for change in advice.changes] == [("openai of gpt-5", "1", "0")]


def test_models_of_a_fallback_whose_clients_are_told_the_same_share_its_name():
    unit, *_ = asked(FallbackModel(openai(max_retries=1), named("gpt-5-mini", max_retries=1)))
    assert chain(unit, Failure.UNAVAILABLE) == "2 (openai) + 2 (openai) = 4"


def test_fallbacks_inside_fallbacks_have_names_of_their_own_as_all_of_their_models_do():
    inner = FallbackModel(named("a", max_retries=1), named("b", max_retries=2))
    unit, *_ = asked(FallbackModel(inner, named("c", max_retries=3), fallback_on=(Exception,)))
    assert chain(unit, Failure.UNAVAILABLE) == "2 (openai of a) + 3 (openai of b) + 4 (openai of c) = 9"
    models = {one.name: one.settings["models"] for one in unit.layers if one.kind == "fallback"}
    assert models == {"fallback #1": "a, b", "fallback #2": "fallback:a,b, c"}
    assert advised(report(unit, budget=8))[0].changes[0].layer == "openai of a"


def test_a_fallback_whose_condition_nobody_knows_is_the_one_that_is_unknown():
    inner = FallbackModel(named("a"), named("b"), fallback_on=lambda error: error.made_in_a_run)
    unit, *_ = asked(FallbackModel(inner, named("c")))
    assert [one.name for one in unit.layers if one.unknown] == ["fallback #1"]


def test_a_transport_in_a_transport_is_judged_by_what_it_does_itself():
    wait = {"wait": wait_fixed(2)}
    transport = waiting(waiting(None, stop=stop_after_attempt(2)), stop=stop_after_attempt(3), **wait)
    unit, *_ = asked(openai(httpx2.AsyncClient(transport=transport), max_retries=0))
    assert chain(unit, Failure.UNAVAILABLE) == "2 (tenacity transport #1) × 3 (tenacity transport #2) = 6"
    flat = [one.message for one in found(report(unit)) if one.rule == "no-backoff"]
    assert [message.partition(" tries again ")[2] for message in flat] == ["at once", "after 2 s every time"]


def test_names_are_told_apart_by_their_owners_only_if_those_differ():
    assert distinct([("a", "x"), ("a", "y"), ("b", "x")]) == ["a of x", "a of y", "b"]
    assert distinct([("a", "x"), ("a", "")]) == ["a of x", "a"]
    assert distinct([("a", "x"), ("a", "x"), ("a", "y")]) == ["a #1", "a #2", "a #3"]


def named(model: str, **said) -> OpenAIChatModel:
    asks = openai(**said)
    return OpenAIChatModel(model, provider=OpenAIProvider(openai_client=asks.client))


def waiting(wrapped, **config) -> AsyncHTTPX2TenacityTransport:
    raises = httpx2.Response.raise_for_status
    return AsyncHTTPX2TenacityTransport(config=RetryConfig(**config), wrapped=wrapped, validate_response=raises)
