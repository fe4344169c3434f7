"""A run that its engine would end while it waits ends here, too, though nobody waits for that long."""

from __future__ import annotations

from typing import Any

import pytest

from harness.faults import FaultPlan
from tests.tables.conftest import of
from tests.tables.lab import Lab

TWICE = "2*error(ConnectionError)@tool:charge#1"
"""After which each of these engines waits for thirty seconds, as configured."""
SCRIPT = [{"call": "charge", "args": {"order_id": "a"}}, {"text": "done"}]
BY_OPTION = (
    ("dbos", "by_dbos:agent", "workflow_timeout", "DBOSAwaitedWorkflowCancelledError"),
    ("prefect", "by_prefect:agent", "flow_timeout", "FlowRunTimeoutError"),
    ("temporal", "by_temporal:agent", "workflow_timeout", "WorkflowFailureError"),
)
BY_ITSELF = ("temporal", "by_temporal:whole", "", "WorkflowFailureError")


def under(*limited: tuple[str, ...]) -> pytest.MarkDecorator:
    """Each of these under its engine."""
    cases = [
        pytest.param(*of(name).values, *case, id=f"{name} {case[1]}", marks=of(name).marks) for name, *case in limited
    ]
    return pytest.mark.parametrize(("lab", "subject", "option", "error"), cases, indirect=["lab"])


@under(*BY_OPTION, BY_ITSELF)
def test_waits_that_outlast_a_limit_end_the_run(lab: Lab, subject: str, option: str, error: str) -> None:
    trial = lab.trial(**scenario(subject, option, 20.0))

    ran = trial.run(FaultPlan.parse(TWICE))

    assert ran.history.outcomes[1].error_type == error
    judged = trial.judged(ran)
    assert [finding.rule for finding in judged.findings] == ["outlasted"]
    assert any("done again with both divided by" in note for note in judged.notes)


@under(*BY_OPTION)
def test_a_limit_that_has_room_for_them_does_not(lab: Lab, subject: str, option: str, error: str) -> None:
    trial = lab.trial(**scenario(subject, option, 50.0))

    ran = trial.run(FaultPlan.parse(TWICE))

    assert ran.history.outcomes[1].error_type is None
    assert any("done again with both divided by" in note for note in trial.judged(ran).notes)


def scenario(subject: str, option: str, seconds: float) -> dict[str, Any]:
    options = {option: seconds} if option else {}
    return {"subject": f"fixtures.agents.waiting.{subject}", "options": options, "script": SCRIPT}
