"""What a Temporal workflow's calls say of how its activities are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.audit import calling_temporal
from harness import audit
from harness.audits.rules import found
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from harness.scenario import Scenario
from tests.audits.cells import chosen, measured
from tests.audits.reports import report as made_up
from tests.audits.workflows import OPTIONS, chains, units

F = Failure
ASKED, QUIET = "step:ask.client", "step:be_quiet"


def test_what_is_spelled_out_or_has_a_name_is_known_before_anything_runs():
    spelled = calling_temporal.Spelled
    assert chains(spelled, F.UNAVAILABLE) == {ASKED: "2 (openai) × 4 (temporal activity) = 8"}
    assert chains(spelled, F.BAD_REQUEST) == {ASKED: "1 (openai) = 1"}
    assert chains(spelled, F.TOOL_EXCEPTION) == {
        "step:beat": "3 (temporal activity) = 3",
        "step:be_quiet": "unlimited (temporal activity) = unlimited",
        "step:save": "5 (temporal activity ends unlimited (temporal activity) after 30 s) = 5",
    }
    layers = {name: unit.layers[0] for name, unit in units(spelled).items() if name != ASKED}
    assert (layers["step:beat"].called, layers["step:beat"].each, layers["step:save"].all) == ("Beat", 2.0, 30.0)
    assert layers["step:save"].origin.file.endswith("calling_temporal.py")


def test_a_body_that_never_heartbeats_is_found_where_the_call_wants_heartbeats():
    told = found(made_up(*units(calling_temporal.Spelled).values(), engine="temporal"))
    assert [one.unit for one in told if one.rule == "heartbeat-without-beats"] == ["step:be_quiet"]


def test_a_helper_that_asks_for_any_activity_says_it_of_each():
    assert chains(calling_temporal.Helped, F.UNAVAILABLE) == {ASKED: "2 (openai) × 4 (temporal activity) = 8"}


def test_an_activity_that_is_named_as_text_is_the_one_function_that_temporal_calls_so():
    known, four = calling_temporal.KnownByName, "4 (temporal activity) = 4"
    assert chains(known, F.UNAVAILABLE) == {ASKED: "2 (openai) × 4 (temporal activity) = 8"}
    assert chains(known, F.TOOL_EXCEPTION) == {"step:beat": four}
    assert chains(calling_temporal.KnownMethod, F.TOOL_EXCEPTION) == {"step:save": four}


@pytest.mark.parametrize(
    ("name", "unit", "why"),
    [
        ("Unlike", ASKED, "not every call of it says the same"),
        ("Made", ASKED, "only a run knows its `start_to_close_timeout`"),
        ("Timeless", ASKED, "Temporal begins no activity without one of"),
        ("OfAWrongKind", ASKED, "`start_to_close_timeout=30`, and Temporal takes a `timedelta`"),
        ("ByName", "step:charge", "the workflow asks for it by its name, as text; name the function"),
        ("Doubtful", "step:twin", "calling_temporal.Twins.first and fixtures.audit.calling_temporal.Twins.second"),
    ],
)
def test_what_only_a_run_knows_is_unknown_and_says_why(name, unit, why):
    unknown = units(getattr(calling_temporal, name))[unit]
    assert why in unknown.unknown[0].unknown
    assert {cell.predicted for cell in unknown.cells} == {None}


@pytest.mark.parametrize("name", ["Helped", "KnownByName"])
def test_what_the_calls_say_is_what_is_measured(name):
    proven = audit(f"fixtures.audit.calling_temporal:{name}", "temporal", options=OPTIONS)
    (asked,) = [unit for unit in proven.units if unit.unit == ASKED]
    counted = {cell.failure: (cell.predicted, cell.counted) for cell in asked.cells}
    assert counted.pop(F.INVALID_RESPONSE)[1] == 1  # the body takes it for an answer
    assert {measured for _predicted, measured in counted.values()} == {1, 4, 8}
    assert [both for both in counted.values() if both[0] != both[1]] == []


def quiet(tmp_path: Path, name: str) -> UnitAudit:
    """The step behind another. Of that one, only the cell is measured which says that it is tried without end."""
    scenario = Scenario(subject=f"fixtures.audit.calling_temporal:{name}", engine="temporal", options=OPTIONS)
    proven = chosen(tmp_path, scenario, lambda unit, cell: unit.unit == QUIET or cell.failure is F.REFUSED)
    return next(unit for unit in proven.units if unit.unit == QUIET)


def test_a_step_is_measured_behind_one_whose_provider_is_reached(tmp_path):
    failed, died = quiet(tmp_path, "Stubborn").cells
    assert (failed.predicted, failed.counted) == (4, 4)
    assert died.measured is not None


def test_a_step_before_that_is_tried_without_end_ends_the_proof_of_those_behind_it(tmp_path):
    cells = quiet(tmp_path, "Unpaid").cells
    assert cells
    for cell in cells:
        assert "came to no end (`step:pay#1` was tried" in cell.unmeasured
        assert "times in one life, and again; payments.example cannot be reached from here)" in cell.unmeasured


def test_a_step_that_another_worker_does_is_not_waited_for():
    proven = audit("fixtures.audit.calling_temporal:Elsewhere", "temporal", options=OPTIONS)
    (unit,) = [unit for unit in proven.units if unit.unit == "step:be_quiet"]
    assert unit.layers[0].settings["task_queue"] == "letters"
    why = "step:be_quiet is asked for on the task queue 'letters', which no worker serves here"
    assert {cell.unmeasured for cell in unit.cells} == {why}


BEATING = "fixtures.audit.beating_temporal"


@pytest.mark.parametrize(
    ("name", "unit", "chain", "requests"),
    [
        (
            "Once",
            "step:begin.client",
            "1 (temporal activity ends 2 (openai) after 30 s) × 3 (temporal activity) = 3",
            3,
        ),
        ("Always", "step:keep_on.client", "2 (openai) × 3 (temporal activity) = 6", 6),
    ],
    ids=["before it", "beside it"],
)
def test_what_beats_while_it_asks_is_not_ended_by_its_heartbeat_timeout(tmp_path, name, unit, chain, requests):
    options = {"workflow_attempts": 1, "workflow_timeout": 36000}
    cell = measured(tmp_path, f"{BEATING}:{name}", "temporal", unit, F.READ_TIMEOUT, **options)
    assert (cell.chain, cell.counted, cell.agrees) == (chain, requests, True)


@pytest.mark.parametrize(("name", "warned"), [("Once", True), ("Always", False), ("Decorated", False)])
def test_a_client_that_waits_longer_than_nothing_may_be_heard_of_its_activity_is_found(name, warned):
    report = audit(f"{BEATING}:{name}", "temporal", static=True)
    told = [one.message for one in report.findings if one.rule == "inner-timeout-not-shorter"]
    assert told == (["openai waits 60 s for an answer, and temporal activity ends it after 30 s"] if warned else [])
    assert "heartbeat-without-beats" not in {one.rule for one in report.findings}


STARTED = """
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

@activity.defn
async def save(text: str) -> str:
    return text

@workflow.defn
class Other:
    @workflow.run
    async def run(self, prompt: str) -> str:
        return prompt

@workflow.defn
class Kept:
    @workflow.run
    async def run(self, prompt: str) -> str:
        return await workflow.execute_activity(save, prompt, start_to_close_timeout=LIMIT, retry_policy=TWICE)

LIMIT, TWICE = timedelta(seconds=9), RetryPolicy(maximum_attempts=2)
POLICY = RetryPolicy(maximum_attempts=3)

async def main(client, policy) -> None:
    {}
"""


@pytest.mark.parametrize(
    ("call", "attempts"),
    [
        ("await client.start_workflow(Kept.run, 'x', id='1')", 1),
        ("await client.start_workflow(Other.run, 'x', id='1', retry_policy=POLICY)", 1),
        ("await client.start_workflow(Kept.run, 'x', id='1', retry_policy=None)", 1),
        ("await client.start_workflow(Kept.run, 'x', id='1', retry_policy=POLICY)", None),
        ("await client.execute_workflow('Kept', 'x', id='1', retry_policy=policy)", None),
    ],
)
def test_a_workflow_that_is_started_with_a_retry_policy_is_unknown_until_it_is_said_here(tmp_path, call, attempts):
    module = tmp_path / "started.py"
    module.write_text(STARTED.format(call))

    def predicted(**options: int) -> tuple[float | None, str]:
        report = audit(f"{module}:Kept", "temporal", static=True, options=options)
        (unit,) = [unit for unit in report.units if unit.unit == "step:save"]
        return unit.cells[0].predicted, str(unit.layers[-1].origin)

    assert predicted(workflow_attempts=5)[0] == 2 * 5
    number, where = predicted()
    assert number == (None if attempts is None else 2 * attempts)
    assert ("explicit, " in where) is (attempts is None)
