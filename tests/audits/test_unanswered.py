"""A client without a read timeout waits for ever: nothing comes after that request, unless a deadline ends it."""

from __future__ import annotations

import asyncio
import math

import httpx
import pytest
from anthropic import AsyncAnthropic
from huggingface_hub import AsyncInferenceClient
from openai import AsyncOpenAI
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from tenacity import retry, stop_after_attempt

from fixtures.audit import clients, google, unanswered
from harness.audits.asked import model_unit
from harness.audits.asking.clients import Http
from harness.audits.asking.enclosing import enclosed
from harness.audits.asking.modeling import Asker
from harness.audits.asking.tools import decorators
from harness.audits.rules import found
from harness.audits.translating import NOTHING
from harness.report.audit import takes
from harness.retries.arithmetic import spelled
from harness.retries.live import Deadline, Opaque
from harness.retries.values import Failure, RetryLayer
from tests.audits.cells import measured
from tests.audits.live import asked, openai, tenacious
from tests.audits.reports import report

F = Failure
CLIENTS = {
    "openai": lambda: Asker(openai(timeout=None)),
    "anthropic": lambda: Asker(None, client=AsyncAnthropic(api_key=clients.KEY, timeout=None)),
    "a transport that tries again": lambda: Asker(openai(http=tenacious(), timeout=None)),
    "the settings of the model": lambda: Asker(openai(timeout=5), {"timeout": httpx.Timeout(None)}),
    "google": lambda: Asker(google.said(timeout=0)),
    "huggingface": lambda: Asker(None, client=AsyncInferenceClient("https://models.example/v1")),
    "httpx": lambda: Asker(None, sdk=Http(httpx.AsyncClient(timeout=None))),
}


@pytest.mark.parametrize("asker", CLIENTS.values(), ids=CLIENTS.keys())
def test_who_never_gives_up_a_request_sends_one(asker):
    outcome = asker().ask(F.READ_TIMEOUT)
    assert (outcome.expression.total, outcome.course.hangs, outcome.course.seconds) == (1, True, math.inf)
    assert not asker().ask(F.UNAVAILABLE).course.hangs


def test_what_comes_after_it_in_a_fallback_is_not_asked():
    outcome = Asker(unanswered.falling.model).ask(F.READ_TIMEOUT)
    assert spelled(outcome.expression) == "3 (openai of gpt-5) + 1 (openai of gpt-5-mini) = 4"
    assert outcome.course.hangs


@retry(stop=stop_after_attempt(4))
def insisting():
    """Tries again what fails, and what hangs never fails."""


DEADLINE = Deadline(RetryLayer(name="step", kind="unit", each=60.0))
HIDDEN = Opaque(RetryLayer(name="activity", kind="unit", unknown="only a run shows it"))
AROUND = {
    "nothing": ([], "1 (openai) = 1", True),
    "what tries again": (decorators(insisting, ""), "1 (openai) = 1", True),
    "a deadline around that": (
        [*decorators(insisting, ""), DEADLINE],
        "1 (step ends 1 (openai) after 60 s) = 1",
        False,
    ),
    "nobody knows what": ([HIDDEN], "? (activity) = ?", False),
}


@pytest.mark.parametrize(("lives", "chain", "hangs"), AROUND.values(), ids=AROUND.keys())
def test_only_a_deadline_ends_it(lives, chain, hangs):
    cell = enclosed(Asker(openai(timeout=None)).ask(F.READ_TIMEOUT), lives, F.READ_TIMEOUT, {})
    assert (cell.chain, cell.hangs, takes(cell) == "for ever") == (chain, hangs, hangs)


def told(*units):
    return {one.rule: one.message for one in found(report(*units)) if F.READ_TIMEOUT in one.failures}


def test_the_rules_say_who_waits_and_what_ends_it():
    hanging = told(*asked(openai(timeout=None)))
    assert hanging["waits-for-ever"].startswith("openai waits for ever for an answer, and nothing around it ends that")
    ended = told(model_unit("tool:ask.client", Asker(openai(timeout=None)), [DEADLINE], NOTHING))
    assert ended["inner-timeout-not-shorter"] == "openai waits for ever for an answer, and step ends it after 60 s"
    assert "waits-for-ever" not in ended
    assert "waits-for-ever" not in told(*asked(openai()))


PROVEN = {
    "alone": ("none", "model", "1 (openai) = 1", 1, True),
    "ended": (
        "temporal",
        "model",
        "1 (temporal activity ends 1 (openai) after 60 s) × 3 (temporal activity) = 3",
        3,
        False,
    ),
    "hurried": ("prefect", "step:ask.client", "1 (flow ends 1 (openai) after 30 s) × 2 (flow) = 2", 2, False),
}


@pytest.mark.parametrize("name", PROVEN)
def test_a_run_shows_the_same(tmp_path, name):
    engine, unit, chain, requests, hangs = PROVEN[name]
    cell = measured(tmp_path, f"fixtures.audit.unanswered:{name}", engine, unit, F.READ_TIMEOUT)
    assert (cell.chain, cell.counted, cell.agrees, cell.hangs) == (chain, requests, True, hangs)


class Ladder(OpenAIChatModel):
    """Waits longer for an answer each time."""

    timeouts = (10, 30, 90)

    async def request(self, messages, settings, parameters):
        for seconds in self.timeouts:
            try:
                return await super().request(messages, {**(settings or {}), "timeout": seconds}, parameters)
            except ModelAPIError as error:
                last = error
                await asyncio.sleep(1)
        raise last


class WithoutEnd(Ladder):
    timeouts = (10, None, 90)


def laddered(kind, http=None, **options):
    made = AsyncOpenAI(api_key=clients.KEY, http_client=http, max_retries=0, **options)
    return Asker(kind("gpt-5", provider=OpenAIProvider(openai_client=made))).ask(F.READ_TIMEOUT)


def test_requests_with_timeouts_of_their_own_take_as_long_as_these():
    outcome = laddered(Ladder)
    assert outcome.expression.total == 3
    assert (outcome.course.begun, outcome.course.seconds) == ((0, 11, 42), 132)


def test_where_each_of_them_is_sent_again_nobody_knows_how_long_they_take():
    outcome = laddered(Ladder, http=tenacious(reraise=True))
    assert outcome.expression.total == 9
    assert math.isnan(outcome.course.seconds)


@pytest.mark.parametrize(
    ("kind", "options"), [(WithoutEnd, {}), (Ladder, {"timeout": None})], ids=["one", "the client"]
)
def test_where_one_of_them_has_no_end_nobody_knows_what_comes_after_it(kind, options):
    assert laddered(kind, **options).expression.total is None
