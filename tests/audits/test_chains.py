"""Fallbacks: which of their models are asked, and whose settings a finding is about."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic import AsyncAnthropic
from pydantic_ai.durable_exec.dbos import DBOSDurability, StepConfig
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelAPIError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from harness.audits.rules import found
from harness.retries.arithmetic import added, times
from harness.retries.findings import AuditFinding
from harness.retries.values import Failure, Origin
from tests.audits.live import asked, openai, tenacious
from tests.audits.reports import SDK, STEP, cell, growing, model, report


def of(rule: str, *subject: Any) -> list[AuditFinding]:
    return [finding for finding in found(report(*asked(*subject))) if finding.rule == rule]


def alone(**said: Any) -> Any:
    return openai(**{"max_retries": 0, "timeout": 5, **said})


def raising() -> Any:
    return alone(http=tenacious(reraise=True))


GROUPS = (ModelAPIError, FallbackExceptionGroup)
NESTED = {
    "the outer knows no group": (lambda: FallbackModel(FallbackModel(alone(), alone()), alone()), "only 2 of the 3"),
    "two inside": (
        lambda: FallbackModel(FallbackModel(alone(), alone()), FallbackModel(alone(), alone())),
        "only 2 of the 4",
    ),
    "the second of three": (lambda: FallbackModel(alone(), raising(), alone()), "only 2 of the 3"),
    "the first inside": (lambda: FallbackModel(FallbackModel(raising(), alone()), alone()), "the fallback is not"),
    "the outer is told": (
        lambda: FallbackModel(FallbackModel(alone(), alone()), alone(), fallback_on=GROUPS),
        None,
    ),
    "inside, and last": (lambda: FallbackModel(alone(), FallbackModel(alone(), alone())), None),
}


@pytest.mark.parametrize(("model", "said"), NESTED.values(), ids=NESTED.keys())
def test_every_model_of_a_fallback_is_asked(model, said):
    findings = of("fallback-not-reached", model())
    assert bool(findings) is (said is not None)
    assert said is None or findings[0].message.startswith(said)


def anthropic(**said: Any) -> Any:
    client = AsyncAnthropic(api_key="sk-fixture", **{"max_retries": 0, "timeout": 5, **said})
    return AnthropicModel("claude-opus-4-6", provider=AnthropicProvider(anthropic_client=client))


def steps(**said: Any) -> DBOSDurability:
    return DBOSDurability(model_step_config=StepConfig(retries_allowed=True, max_attempts=3, **said))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (0, 0, None),
        (2, 0, "openai retries inside dbos step, which retries too"),
        (0, 2, "anthropic retries inside dbos step, which retries too"),
        (2, 2, "openai and anthropic retry inside dbos step, which retries too"),
    ],
)
def test_the_sdk_is_named_that_really_retries_under_the_engine(first, second, said):
    models = FallbackModel(alone(max_retries=first), anthropic(max_retries=second))
    assert [finding.message for finding in of("sdk-under-engine", models, steps())] == ([said] if said else [])


def test_of_two_clients_of_one_sdk_the_one_is_shown_that_retries():
    quiet = SDK.model_copy(update={"name": "openai of quiet", "origin": Origin(file="quiet.py", line=1)})
    busy = SDK.model_copy(update={"name": "openai of busy", "origin": Origin(file="busy.py", line=2)})
    chain = added(times(1, quiet.name), growing(3, busy.name))
    unit = model(cell(Failure.UNAVAILABLE, chain, growing(3, "dbos step")), layers=(quiet, busy, STEP))
    (finding,) = [one for one in found(report(unit)) if one.rule == "sdk-under-engine"]
    assert finding.origin.file == "busy.py"


@pytest.mark.parametrize(("first", "second", "said"), [(5, 300, "anthropic"), (300, 5, "openai"), (5, 5, None)])
def test_every_client_of_a_fallback_is_to_give_up_before_its_unit(first, second, said):
    models = FallbackModel(alone(timeout=first), anthropic(timeout=second))
    findings = of("inner-timeout-not-shorter", models, steps(timeout_seconds=60))
    assert [finding.message.partition(" waits ")[0] for finding in findings] == ([said] if said else [])
