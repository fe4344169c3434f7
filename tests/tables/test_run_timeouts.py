"""Timeouts are scaled by themselves, those of a body and those of the whole run, so that a hang is over in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.faults import FaultPlan
from harness.history import EngineRecord, History, RunEnded, StepEntered, UnitEntered
from tests.tables.conftest import of
from tests.tables.faults import HANG, STALL
from tests.tables.lab import Lab

LONG = 3600.0
"""An hour, which nobody waits for."""
TEN_MINUTES = 600.0
SCRIPT = [{"call": "charge", "args": {"order_id": "a"}}, {"text": "done"}]
"""No second tool, which takes a second by design: the room that bodies need is ten times theirs."""


@dataclass(frozen=True)
class Hang:
    """A charge that hangs, what limits it or its run, and how that ends."""

    subject: str
    limits: list[float]
    how: str
    says: str
    options: dict[str, Any] = field(default_factory=dict)


ENDED = {"workflow_timeout": LONG}
STEP = Hang("by_dbos:awaiting", [20.0], "ok", "recorded")
WORKFLOW = Hang("by_dbos:preemptible", [LONG], "DBOSAwaitedWorkflowCancelledError", "CANCELLED", ENDED)
FLOW = Hang("plain:awaiting", [LONG], "FlowRunTimeoutError", "failed", {"flow_timeout": LONG})
PATIENT = Hang("by_temporal:patient", [LONG, 2 * LONG], "WorkflowFailureError", "timed out", ENDED)


@pytest.mark.parametrize(
    ("lab", "hang"),
    [
        pytest.param(*of("dbos").values, STEP, id="dbos: the step", marks=of("dbos").marks),
        pytest.param(*of("dbos").values, WORKFLOW, id="dbos: the workflow", marks=of("dbos").marks),
        pytest.param(*of("prefect").values, FLOW, id="prefect: the flow", marks=of("prefect").marks),
        pytest.param(*of("temporal").values, PATIENT, id="temporal: the workflow", marks=of("temporal").marks),
    ],
    indirect=["lab"],
)
def test_a_hang_is_ended_by_the_engines_own_timeout_which_is_scaled(lab: Lab, hang: Hang) -> None:
    trial = lab.trial(
        subject=f"fixtures.agents.limited.{hang.subject}", options=hang.options, stall=STALL, script=SCRIPT
    )
    assert charge(trial.baseline.history).limits == hang.limits, "the run before has shown what there is"

    history = trial.run(FaultPlan.parse(HANG)).history

    [fired] = history.fired
    assert 0 < fired.wait < max(hang.limits), "it is waited for, and it is shorter than it was configured"
    assert history.of(RunEnded)[-1].how == "finished", "and it was no watchdog that ended it"
    assert (history.outcomes[1].error_type or "ok") == hang.how
    assert hang.says in {record.status for record in history.of(EngineRecord)}


@pytest.mark.parametrize("lab", [of("dbos")], indirect=True)
def test_a_workflow_inside_has_the_timeout_that_it_was_started_with(lab: Lab) -> None:
    trial = lab.trial(subject="fixtures.agents.limited.by_dbos_child:awaiting", stall=STALL, script=SCRIPT)
    inside = [event.limits for event in trial.baseline.history.of(UnitEntered) if "settle" in event.step]
    assert inside == [[TEN_MINUTES]]

    history = trial.run(FaultPlan.parse("hang@tool:charge#1.step:settle#1")).history

    assert 0 < history.fired[0].wait < TEN_MINUTES
    assert history.outcomes[1].error_type == "DBOSAwaitedWorkflowCancelledError"


def charge(history: History) -> StepEntered:
    """The first body of the charge."""
    return next(event for event in history.of(StepEntered) if event.step == "tool:charge#1")
