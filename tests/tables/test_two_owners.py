"""Two processes that both take a run for theirs: who may still record something, and what its callers are told."""

from __future__ import annotations

import pytest

from harness.faults import FaultPlan
from harness.history import CommitEntered, CommitLeft, History, Outcome, StepEntered
from tests.tables.conftest import of
from tests.tables.lab import Lab
from tests.tables.uses import PATIENCE

CHARGE = "tool:charge#1"


def owners(history: History, kind: type[StepEntered] | type[CommitEntered] | type[CommitLeft], step: str) -> list[int]:
    """The processes that had such an event of a step, in order."""
    return [event.worker for event in history.of(kind) if event.step == step]


def run(lab: Lab, subject: str) -> History:
    return lab.trial(subject=subject, stall=PATIENCE).unprepared(FaultPlan.parse(f"duplicate@{CHARGE}/between")).history


@pytest.mark.parametrize("lab", [of("dbos")], indirect=True)
def test_dbos_does_not_let_the_first_owner_record_what_the_second_one_has(lab: Lab) -> None:
    history = run(lab, "fixtures.agents.payments_step:agent")

    assert owners(history, StepEntered, CHARGE) == [1, 2], "the step in flight was made by both"
    assert owners(history, CommitEntered, CHARGE) == [2, 1]
    assert owners(history, CommitLeft, CHARGE) == [2]
    assert owners(history, StepEntered, "model#3") == [2], "the first owner went no further"
    assert [(said.worker, said.status, said.output) for said in history.of(Outcome)] == [
        (2, "ok", "done"),
        (1, "ok", "done"),
    ]


@pytest.mark.parametrize("lab", [of("prefect")], indirect=True)
def test_prefect_lets_both_owners_record_and_reuses_what_is_there(lab: Lab) -> None:
    history = run(lab, "fixtures.agents.limited.plain:awaiting")

    assert owners(history, StepEntered, CHARGE) == [1, 2]
    assert owners(history, CommitLeft, CHARGE) == [2, 1], "nothing keeps the first owner from writing over it"
    assert owners(history, CommitLeft, "run") == [2, 1]
    assert owners(history, StepEntered, "tool:pack#1") == [2], "the first owner found its result"
