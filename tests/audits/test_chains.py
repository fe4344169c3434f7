"""Fallbacks: which of their models are asked, and whose settings a finding is about."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.exceptions import FallbackExceptionGroup, ModelAPIError
from pydantic_ai.models.fallback import FallbackModel

from harness.audits.rules import found
from harness.retries.findings import AuditFinding
from tests.audits.live import asked, openai, tenacious
from tests.audits.reports import report


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
