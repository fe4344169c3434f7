"""A tool that its scaled timeout gives up, and its real one would not: nobody is told what only our haste has done."""

from __future__ import annotations

import pytest

from harness.faults import FaultPlan
from harness.history import History, Note, StepEntered
from harness.verdict import Status
from tests.tables.conftest import of
from tests.tables.lab import Lab

SCRIPT = [{"call": "pack", "args": {"order_id": "a"}}, {"text": "done"}]
PACK = "tool:pack#1"
SCALE = 40.0
"""Half of a second for a tool that takes a whole one, and five seconds at a tenth of it; 20 are configured."""


@pytest.mark.parametrize("lab", [of("dbos"), of("prefect"), of("temporal")], indirect=True)
def test_a_run_that_only_our_haste_has_spoilt_is_done_again_before_it_is_reported(lab: Lab) -> None:
    subject = f"fixtures.agents.limited.by_{lab.engine.name}:leisurely"
    trial = lab.trial(subject=subject, time_scale=SCALE, script=SCRIPT, tools={"pack": "repeatable"})

    usual = trial.baseline.history

    assert usual.outcomes[1].status == "ok"
    [said] = [text for text in notes(usual) if "a tenth of the time factor" in text]
    assert said.startswith(f"`{PACK}` was given up after 0.5 s, which stand for the 20 s that were configured")
    assert [entered.effective[-1] for entered in usual.of(StepEntered) if entered.step == PACK] == [20 / SCALE * 10]

    crashed = trial.run(FaultPlan.parse(f"crash@{PACK}/between"))

    assert said not in notes(crashed.history), "what is known of the subject by now need not be learned again"
    assert trial.judged(crashed).status is Status.PASSED


def notes(history: History) -> list[str]:
    return [note.text for note in history.of(Note)]
