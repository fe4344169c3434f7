"""What a workflow's code says of its child workflows, and of Temporal's local activities."""

from __future__ import annotations

import pytest

from fixtures.audit import children_temporal
from harness import audit
from harness.retries.values import Failure
from harness.scenario import Scenario
from tests.audits.cells import chosen, measured
from tests.audits.workflows import OPTIONS, chains, units

F = Failure
ASKED = "step:quote.client"
MODULE = "fixtures.audit.children_temporal"


def test_the_policy_of_a_child_is_around_all_that_it_asks_for_and_heeds_no_type_of_an_activitys_failure():
    child = "4 (temporal workflow of priced)"
    assert chains(children_temporal.Order, F.UNAVAILABLE) == {ASKED: f"3 (temporal activity) × {child} = 12"}
    assert chains(children_temporal.Order, F.BAD_REQUEST) == {ASKED: f"{child} = 4"}
    assert chains(children_temporal.Order, F.TOOL_EXCEPTION) == {"step:shelve": f"2 (temporal activity) × {child} = 8"}
    assert units(children_temporal.Order)["step:shelve"].step == "step:priced#1.step:Shelved#1"


def test_a_child_without_a_policy_is_begun_once():
    assert chains(children_temporal.Plain, F.UNAVAILABLE) == {ASKED: "3 (temporal activity) = 3"}
    assert "temporal workflow of priced" in [one.name for one in units(children_temporal.Plain)[ASKED].layers]


def test_children_that_are_named_as_text_are_looked_into_as_deep_as_they_are():
    around = "4 (temporal workflow of priced) × 2 (temporal workflow of between)"
    assert chains(children_temporal.ByText, F.UNAVAILABLE) == {ASKED: f"3 (temporal activity) × {around} = 24"}


def test_what_a_local_activity_raises_fails_a_child_by_its_own_type_and_a_child_its_parent_by_none():
    local, middle = "2 (temporal local activity)", "3 (temporal workflow of Middle)"
    asked = {ASKED: f"{local} × 3 (temporal workflow of Inner) × {middle} = 18"}
    assert chains(children_temporal.Nested, F.UNAVAILABLE) == asked
    assert chains(children_temporal.Nested, F.BAD_REQUEST) == {ASKED: f"{local} × {middle} = 6"}


def test_local_activities_are_known_in_every_way_to_ask_for_them():
    three = "3 (temporal local activity) = 3"
    assert chains(children_temporal.Local, F.UNAVAILABLE) == {ASKED: three}
    assert chains(children_temporal.Local, F.BAD_REQUEST) == {ASKED: "1 (openai) = 1"}
    twice = "2 (temporal local activity) = 2"
    assert chains(children_temporal.Local, F.TOOL_EXCEPTION) == {"step:keep": twice, "step:shelve": three}
    assert {unit.step for unit in units(children_temporal.Local).values()} == {""}  # a run shows them as no units


def test_the_time_of_a_local_activity_passes_unseen_while_its_worker_waits():
    forgotten = units(children_temporal.Forgotten)[ASKED]
    assert forgotten.cell(F.UNAVAILABLE).chain == "5 (temporal local activity) = 5"
    assert forgotten.cell(F.UNAVAILABLE).seconds == 1 + 3 + 9 + 27
    assert forgotten.cell(F.READ_TIMEOUT).seconds == 9  # what an attempt does is ended by it
    assert (
        forgotten.cell(F.CRASH).chain == "unlimited (temporal local activity) = unlimited"
    )  # it begins anew with each
    assert any("nobody looks at it again" in note for layer in forgotten.layers for note in layer.notes)
    remembered = units(children_temporal.Remembered)[ASKED]
    assert remembered.cell(F.UNAVAILABLE).chain == (
        "3 (temporal local activity ends 5 (temporal local activity) after 90 s) = 3"
    )
    assert remembered.cell(F.UNAVAILABLE).seconds == 10 + 30 + 90  # the wait is waited to its end


@pytest.mark.parametrize(
    ("name", "unit", "why"),
    [
        ("Elsewhere", "step:invoiced", "the workflow asks for it by its name, as text"),
        ("Counted", ASKED, "said in `workflow.execute_child_workflow`, when the workflow runs: only a run knows its"),
        ("Unlike", ASKED, "said in `workflow.execute_child_workflow`, when the workflow runs, and not every call of"),
        ("Both", ASKED, "not every call of it says the same"),
        ("Daily", ASKED, "its `cron_schedule` begins it again and again"),
        ("Selfish", ASKED, "it asks for itself as its child"),
        ("GoesOn", ASKED, "`workflow.continue_as_new` says others for what comes after it"),
    ],
)
def test_what_only_a_run_knows_is_unknown_and_says_why(name, unit, why):
    unknown = units(getattr(children_temporal, name))[unit]
    assert why in unknown.unknown[0].unknown
    assert {cell.predicted for cell in unknown.cells} == {None}


@pytest.mark.parametrize(
    ("name", "unit", "failure", "comes_to"),
    [
        pytest.param("Order", ASKED, F.BAD_REQUEST, 4, id="a child that heeds no type of an activity's"),
        pytest.param("Order", "step:shelve", F.TOOL_EXCEPTION, 8, id="an activity of a child that asks nobody"),
        pytest.param("ByText", ASKED, F.UNAVAILABLE, 24, id="children that are named as text"),
        pytest.param("Nested", ASKED, F.BAD_REQUEST, 6, id="a child that heeds the type of a local activity's"),
        pytest.param("Ended", ASKED, F.UNAVAILABLE, 10, id="a child whose runs are ended by the clock"),
        pytest.param("Short", ASKED, F.READ_TIMEOUT, 3, id="a local activity that is ended by the clock"),
        pytest.param("Forgotten", ASKED, F.UNAVAILABLE, 5, id="a local activity whose time passes in a short wait"),
        pytest.param("Remembered", ASKED, F.UNAVAILABLE, 3, id="a local activity whose time passes in a long wait"),
    ],
)
def test_what_the_calls_say_is_what_is_measured(tmp_path, name, unit, failure, comes_to):
    cell = measured(tmp_path, f"{MODULE}:{name}", "temporal", unit, failure, **OPTIONS)
    assert (cell.predicted, cell.counted) == (comes_to, comes_to)


TIMED = """
from dbos import DBOS, SetWorkflowTimeout

@DBOS.step()
def write(name: str) -> str:
    return name

@DBOS.workflow()
def letter(name: str) -> str:
    return write(name)

@DBOS.workflow()
def called(name: str) -> str:
    with SetWorkflowTimeout(120):
        return letter(name)

@DBOS.workflow()
def started(name: str) -> str:
    with SetWorkflowTimeout(workflow_timeout_sec=60 * 2):
        handle = DBOS.start_workflow(letter, name)
    return handle.get_result()

@DBOS.workflow()
def made(name: str) -> str:
    with SetWorkflowTimeout(len(name)):
        return letter(name)

@DBOS.workflow()
def beside(name: str) -> str:
    with SetWorkflowTimeout(120):
        pass
    return letter(name)
"""


@pytest.mark.parametrize(
    ("name", "timeout"),
    [("called", "timeout=120 s"), ("started", "timeout=120 s"), ("made", "unknown"), ("beside", None)],
)
def test_the_timeout_that_the_code_around_a_child_of_dbos_sets_is_told(tmp_path, name, timeout):
    (tmp_path / "timed_letters.py").write_text(TIMED)
    report = audit(f"{tmp_path / 'timed_letters.py'}:{name}", "dbos", static=True)
    (child,) = [unit for unit in report.units if unit.unit == "letter.run"]
    told = [layer for layer in child.layers if layer.name == "dbos workflow timeout"]
    assert [str(layer).partition(": ")[2].partition(" (")[0] for layer in told] == ([timeout] if timeout else [])


GOING_ON = """
from datetime import timedelta
from openai import OpenAI
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

client, second = OpenAI(api_key="key", max_retries=0), timedelta(seconds=1)

@activity.defn
def ask(question: str) -> str:
    return str(client.models.list())

@workflow.defn
class Child:
    @workflow.run
    async def run(self, question: str) -> None:
        await workflow.execute_activity(
            ask, question, start_to_close_timeout=second, retry_policy=RetryPolicy(maximum_attempts=2)
        )

@workflow.defn
class OnAsItIs:
    @workflow.run
    async def run(self, question: str) -> None:
        await Child.run(self, question)
        workflow.continue_as_new(question)

@workflow.defn
class OnOtherwise:
    @workflow.run
    async def run(self, question: str) -> None:
        await Child.run(self, question)
        workflow.continue_as_new(question, retry_policy=RetryPolicy(maximum_attempts=5))

@workflow.defn
class Waiting:
    @workflow.run
    async def run(self, question: str) -> None:
        await workflow.start_child_workflow(Child.run, question)

@workflow.defn
class Abandoning:
    @workflow.run
    async def run(self, question: str) -> None:
        abandoned = workflow.ParentClosePolicy.ABANDON
        await workflow.start_child_workflow(Child.run, question, parent_close_policy=abandoned)

async def helped(name: str, question: str) -> None:
    await workflow.execute_activity(name, question, start_to_close_timeout=second)

@workflow.defn
class Handing:
    @workflow.run
    async def run(self, question: str) -> None:
        await workflow.execute_child_workflow(Child.run, question)

async def begun(name: str, question: str) -> None:
    await workflow.execute_child_workflow(name, question)

@workflow.defn
class ByText:
    @workflow.run
    async def run(self, question: str) -> None:
        await workflow.execute_activity(ask, question, start_to_close_timeout=second)
        await begun("Child", question)

@workflow.defn
class ByTextAlone:
    @workflow.run
    async def run(self, question: str) -> None:
        await helped("ask", question)

@workflow.defn
class ByFunction:
    @workflow.run
    async def run(self, question: str) -> None:
        await begun(Child.run, question)
"""
GOES_ON, OUTLIVES = "`workflow.continue_as_new` says others", "its `parent_close_policy` lets it go on"


@pytest.mark.parametrize(
    ("name", "timeout", "unknown"),
    [
        ("OnAsItIs", None, ""),
        ("OnOtherwise", None, GOES_ON),
        ("Waiting", 0.5, ""),
        ("Abandoning", None, ""),
        ("Abandoning", 0.5, OUTLIVES),
    ],
)
def test_no_number_is_told_of_what_goes_on_otherwise_or_longer(tmp_path, name, timeout, unknown):
    (tmp_path / "going_on.py").write_text(GOING_ON)
    options = {"workflow_attempts": 1} | ({"workflow_timeout": timeout} if timeout else {})
    report = audit(f"{tmp_path / 'going_on.py'}:{name}", "temporal", static=True, options=options)
    (unit,) = [unit for unit in report.units if unit.unit == "step:ask.client"]
    told = [layer.unknown for layer in unit.layers if layer.unknown]
    assert [one.startswith(unknown) for one in told] == [True] * bool(unknown)
    assert (unit.cell(Failure.UNAVAILABLE).predicted is None) == bool(unknown)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("Handing", None),
        ("ByFunction", None),
        ("ByText", "step:execute_child_workflow"),
        ("ByTextAlone", "step:execute_activity"),
    ],
)
def test_whom_a_helper_asks_for_by_a_name_that_it_is_given_is_unknown(tmp_path, name, hidden):
    (tmp_path / "going_on.py").write_text(GOING_ON)
    options = {"workflow_attempts": 1}
    report = audit(f"{tmp_path / 'going_on.py'}:{name}", "temporal", static=True, options=options)
    found = {unit.unit: unit.unknown for unit in report.units if unit.unit.startswith("step:execute_")}
    assert list(found) == ([hidden] if hidden else [])
    assert all("is only known when it runs, in going_on.py:" in layer.unknown for (layer,) in found.values())


QUEUED = """
from dbos import DBOS
from openai import OpenAI

client = OpenAI(api_key="sk-fixture", max_retries=0)

@DBOS.step()
def ask(name: str) -> str:
    return str(client.post("/x", cast_to=object, body={}))

@DBOS.workflow()
def letter(name: str) -> str:
    return ask(name)

@DBOS.workflow()
def posted(name: str) -> str:
    return DBOS.enqueue_workflow("outbox", letter, name).get_result()
"""


def test_a_child_that_waits_in_a_queue_which_nobody_serves_is_not_measured_and_the_queue_is_named(tmp_path):
    (tmp_path / "posted_letters.py").write_text(QUEUED)
    subject = f"{tmp_path / 'posted_letters.py'}:posted"
    waiting = Scenario(subject=subject, engine="dbos", stall=4.0)  # a run that waits for ever is waited for so long
    asked = "step:letter.ask.client"
    report = chosen(tmp_path, waiting, lambda unit, cell: (unit.unit, cell.failure) == (asked, F.UNAVAILABLE))
    (cell,) = next(unit for unit in report.units if unit.unit == asked).cells
    assert cell.measured is None
    assert "`letter` waits in the queue 'outbox', and nothing here takes it from there" in cell.unmeasured
