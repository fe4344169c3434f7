"""What is predicted is what reaches the wire: real clients in real engines, against an endpoint that keeps failing.

Samples only; `python -m tests.audits.table` measures every cell of the published table.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import audit
from harness.audits.proof import AT_ONCE, ended_before, told_apart
from harness.audits.targets import STEP, Target, target
from harness.audits.wire.counted import Measured as Seen
from harness.errors import UsageError
from harness.retries.arithmetic import times
from harness.retries.report import Cell, Measured, UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure, RetryLayer
from harness.scenario import Scenario
from harness.verdict import Status
from tests.audits.cells import audited, chosen, measured

F = Failure


def cells(subject: str, engine: str, **given):
    report = audit(subject, engine, **given)
    assert report.proven
    return report, {cell.failure: cell for cell in report.units[0].cells}


BOOKING = """
from dbos import DBOS
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSAgent
planner = DBOSAgent(Agent("test", name="planner"))
@DBOS.workflow()
async def trip(prompt: str) -> str:
    return (await planner.run(prompt)).output
"""


def test_what_never_ends_is_measured_to_its_limit():
    _report, proven = cells("fixtures.audit.awkward:endless", "none")
    refused = proven[F.REFUSED]
    assert (refused.measured.requests, refused.measured.capped, refused.agrees) == (25, True, True)
    assert proven[F.BAD_REQUEST].measured.requests == 1


@pytest.mark.parametrize(("name", "requests"), [("patient", 4), ("jittery", 30)])
def test_a_policy_that_stops_by_the_clock_does_so_in_the_proof(name, requests):
    _report, proven = cells(f"fixtures.audit.awkward:{name}", "none")
    assert (proven[F.REFUSED].counted, proven[F.REFUSED].agrees) == (requests, True)


def test_a_deadline_that_only_a_tool_has_strikes_in_the_proof_of_that_tool(tmp_path):
    report = audited(tmp_path, "fixtures.audit.hasty:agent", "prefect", F.READ_TIMEOUT)
    found = {unit.unit: unit.cell(F.READ_TIMEOUT) for unit in report.units}
    assert (found["tool:look.client"].counted, found["tool:look.client"].agrees) == (2 * 2, True)
    assert (found["model"].counted, found["model"].agrees) == (3, True)


READING = """
import httpx
from pydantic_ai import Agent
agent = Agent("openai:gpt-5")
@agent.tool_plain
def by_address(page_url: str) -> str:
    return httpx.get(page_url).raise_for_status().text
@agent.tool_plain
def by_name(page: str) -> str:
    return httpx.get(page).raise_for_status().text
"""


def test_a_tool_is_given_what_it_can_ask_with_or_the_report_tells_what_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-fixture")
    module = tmp_path / "reading.py"
    module.write_text(READING)
    report = audited(tmp_path / "runs", f"{module}:agent", "none", F.REFUSED)
    found = {unit.unit: unit.cell(F.REFUSED) for unit in report.units}
    assert found["tool:by_address.get"].counted == 1
    assert found["tool:by_name.get"].unmeasured == (
        "with the arguments of our script ({'page': 'page'}), the tool asked nobody:"
        " `Field(examples=[...])` of a parameter gives others"
    )


def test_the_deadline_of_a_flow_strikes_among_the_attempts_that_it_is_around(tmp_path):
    subject, unit = "fixtures.audit.hurried_flow:settle", "step:ask.client"
    cell = measured(tmp_path, subject, "prefect", unit, F.READ_TIMEOUT)
    assert cell.chain == "3 (flow ends 5 (prefect task) after 150 s) = 3"
    assert (cell.counted, cell.agrees) == (3, True)


@pytest.mark.parametrize(
    ("flow", "unit", "chain", "least"),
    [
        ("by_chance", "step:hurry.insistent", "5 (prefect task ends 9 (openai) after 6.4 s) = 5", 4),
        ("jittered", "step:ask_around.client", "5 (flow ends 7 (prefect task) after 10 s) = 5", 3),
    ],
    ids=["of an SDK", "of the engine"],
)
def test_before_a_deadline_the_shortest_waits_that_chance_allows_are_the_worst(tmp_path, flow, unit, chain, least):
    cell = measured(tmp_path, f"fixtures.audit.hurried_flow:{flow}", "prefect", unit, F.UNAVAILABLE)
    assert cell.chain == chain
    assert (cell.least, cell.counted, cell.agrees) == (least, 5, True)


def test_the_timeout_of_a_step_strikes_among_the_retries_inside_it(tmp_path):
    cell = measured(tmp_path, "fixtures.audit.hurried_step:settle", "dbos", "step:ask.client", F.READ_TIMEOUT)
    assert cell.chain == "2 (dbos step ends 4 (openai) after 30 s) × 3 (dbos step) = 6"
    assert (cell.counted, cell.agrees) == (6, True)


def test_a_call_that_says_a_timeout_of_its_own_is_tried_as_often_as_fits_in_with_that(tmp_path):
    subject, unit = "fixtures.audit.hurried_flow:briefly", "step:ask_briefly.patient"
    cell = measured(tmp_path, subject, "prefect", unit, F.READ_TIMEOUT)
    assert (cell.chain, cell.seconds) == ("3 (openai) = 3", 16.5)
    assert (cell.counted, cell.agrees) == (3, True)


LOOPS = {
    F.UNAVAILABLE: ("2 (Stubborn) × 10 (Many) = 20", 20),
    F.READ_TIMEOUT: ("2 (temporal activity ends 10 (Many) after 700 s) = 2", 2),
}


@pytest.mark.parametrize("failure", LOOPS)
def test_a_loop_around_a_models_request_is_inside_the_unit_and_its_deadline(tmp_path, failure):
    cell = measured(tmp_path, "fixtures.audit.looping:agent", "temporal", "model", failure)
    assert (cell.chain, cell.counted, cell.agrees) == (*LOOPS[failure], True)


@pytest.mark.parametrize(("requests", "agrees"), [(3, False), (4, True), (5, True), (6, False)])
def test_each_number_that_chance_may_come_to_is_as_predicted_and_no_other(requests, agrees):
    cell = Cell(failure=F.UNAVAILABLE, expression=times(5, "sdk"), least=4, measured=Measured(requests=requests))
    assert cell.agrees is agrees


def test_requests_and_tools_happen_as_often_as_predicted():
    report = audit("fixtures.audit.tools_dbos:agent", "dbos", options={"max_recovery_attempts": 2})
    found = {(unit.unit, cell.failure): (cell.counted, cell.agrees) for unit in report.units for cell in unit.cells}
    assert all(found["model", failure][1] for failure in ON_THE_WIRE)
    assert found["model", F.UNAVAILABLE] == (3, True)
    assert found["tool:look", F.MODEL_RETRY] == (3, True)
    assert found["tool:charge", F.TOOL_EXCEPTION] == (4, True)
    assert found["tool:charge", F.USER_ERROR] == (4, True)
    assert found["tool:look", F.USER_ERROR] == (1, True)
    assert found["tool:charge", F.MODEL_RETRY] == (4, True)
    assert found["tool:look", F.VALIDATION] == (3, True)  # the agent asks the model again, as after `ModelRetry`
    assert found["tool:charge", F.VALIDATION] == (4, True)
    assert found["run", F.INVALID_OUTPUT] == (3, True)
    assert found["tool:fetch", F.TOOL_EXCEPTION] == (None, None)  # no fault gets inside a decorator
    assert {unit: seen for (unit, failure), seen in found.items() if failure is F.CRASH} == {
        "model": (3, True),  # the first life, and two recoveries
        "tool:look": (3, True),
        "tool:charge": (3, True),
        "tool:fetch": (3, True),
        "run": (None, None),  # it is measured in the model and the tools
    }
    rules = {(finding.rule, finding.unit) for finding in report.findings}
    assert ("few-recoveries", "run") in rules
    assert ("permanent-error-retried", "tool:charge") in rules
    assert ("permanent-error-retried", "tool:look") not in rules
    assert "prediction-differs" not in {rule for rule, _unit in rules}


def test_a_transport_that_lies_is_a_finding():
    report, proven = cells("fixtures.audit.liar:agent", "none")
    assert proven[F.UNAVAILABLE].agrees is False
    assert report.status is Status.FAILED
    assert "prediction-differs" in {finding.rule for finding in report.findings}


def test_a_plain_flow_is_measured_without_any_agent():
    _report, proven = cells("fixtures.audit.plain_flow:summarize", "prefect")
    assert {failure: cell.agrees for failure, cell in proven.items()} == dict.fromkeys(ON_THE_WIRE, True) | {
        F.CRASH: None
    }
    assert proven[F.UNAVAILABLE].counted == 36
    assert proven[F.BAD_REQUEST].counted == 2


def test_what_no_run_can_show_says_why(tmp_path):
    report = audited(tmp_path, "fixtures.audit.calling_temporal:Made", "temporal", F.UNAVAILABLE)
    assert report.units[0].cell(F.UNAVAILABLE).measured.capped
    assert report.status is Status.FAILED  # by what was measured, whatever nobody could predict
    assert "are said in `workflow.execute_activity`" in report.unknown[0]


def test_what_the_engine_refuses_is_refused_with_its_proof_as_without():
    with pytest.raises(UsageError, match=r"engine 'dbos' does not take .*Prefect"):
        audit("fixtures.audit.documented_prefect:openai", "dbos")


@pytest.mark.parametrize("subject", ["fixtures.audit.leaving:agent"])
def test_nothing_reaches_another_machine(subject: str):
    report, proven = cells(subject, "none")
    assert report.status is not Status.PASSED
    assert all(cell.measured is None or cell.measured.requests == 0 for cell in proven.values())


def test_what_did_not_happen_is_not_measured_and_no_difference(tmp_path):
    """The agent's run is a step of this workflow, and its model one inside that; and it sends nothing over HTTP."""
    module = tmp_path / "booking.py"
    module.write_text(BOOKING)
    report = audit(f"{module}:trip", "dbos")
    found = {(unit.unit, cell.failure): cell for unit in report.units for cell in unit.cells}

    assert found["planner.model", F.CRASH].unmeasured == "the run never came to model#1, where it was to fail"
    nothing = "its model sent no request that could be made to fail here"
    assert {found["planner.model", failure].unmeasured for failure in ON_THE_WIRE} == {nothing}
    assert found["planner.run", F.INVALID_OUTPUT].unmeasured == nothing
    assert "prediction-differs" not in {finding.rule for finding in report.findings}


BEHIND = """
from dbos import DBOS
from httpx import Client
client = Client(timeout=5)
@DBOS.step()
def open_shop():
    raise RuntimeError("closed")
@DBOS.step()
def charge():
    client.get("https://pay.example.com").raise_for_status()
@DBOS.workflow()
def sell():
    open_shop()
    charge()
"""


def test_what_no_run_comes_to_is_looked_for_once_and_not_for_each_class_of_failure(tmp_path):
    module = tmp_path / "selling.py"
    module.write_text(BEHIND)
    scenario = Scenario(subject=f"{module}:sell", engine="dbos")
    report = chosen(
        tmp_path, scenario, lambda unit, cell: unit.unit == "step:charge.client" and cell.failure in ON_THE_WIRE
    )
    cells = next(unit.cells for unit in report.units if unit.unit == "step:charge.client")
    assert len(cells) == len(ON_THE_WIRE)
    assert len({cell.unmeasured for cell in cells}) == 1
    assert cells[0].unmeasured.startswith("the run asked nobody")
    runs = list(tmp_path.glob("*-wire-*"))
    assert len(runs) <= 2 * AT_ONCE, "each way that it may be asked, by as many as run at once"


@pytest.mark.parametrize(("counted", "remains"), [(4, True), (2, False), (16, False), (21, True)])
def test_what_two_ask_in_steps_of_one_name_is_measured_for_neither_unless_it_is_no_matter_whose_it_is(counted, remains):
    """As predicted, and more than both together, it is told; everything else may be the other one's."""
    step = RetryLayer(name="dbos step", kind="unit", called="make.<locals>.ask")
    one = Cell(failure=F.UNAVAILABLE, expression=times(4, "openai"), counts="requests", bound=True)
    other = Cell(failure=F.UNAVAILABLE, expression=times(16, "openai"), counts="requests", bound=True)
    seen = one.model_copy(update={"measured": Measured(requests=counted, bodies=2)})
    first, second = (
        UnitAudit(unit=f"step:{name}.client", layers=(step,), cells=(cell,))
        for name, cell in (("first", one), ("second", other))
    )
    told = told_apart(first, seen, [first, second])
    assert (told.counted == counted, bool(told.unmeasured)) == (remains, not remains)
    assert told_apart(first, seen, [first]) == seen


@pytest.mark.parametrize(
    ("outlived", "unbounded", "is_told"), [(True, False, True), (False, False, False), (True, True, False)]
)
def test_what_never_ends_is_not_measured_where_the_run_ended_before_it(outlived, unbounded, is_told):
    endless = Cell(failure=F.UNAVAILABLE, expression=times(None, "temporal activity", endless=True), bound=True)
    seen = Seen({}, {}, 0.0, "ok", unbounded, 0, Path(), outlived)
    told = list(ended_before(endless, Target(kind=STEP, step="step:ask#1"), seen, 3))
    assert [reason.partition(":")[0] for reason in told] == ["the run ended while this was still tried"] * is_told


def test_what_two_in_one_tool_are_predicted_alike_is_measured_once():
    cell = Cell(failure=F.BAD_REQUEST, expression=times(1, "openai"), bound=True)
    seen = cell.model_copy(update={"measured": Measured(requests=1, bodies=1)})
    units = [UnitAudit(unit=f"tool:ask.{name}", inside="ask", cells=(cell,)) for name in ("few", "many")]
    assert [told_apart(unit, seen, units).counted for unit in units] == [1, None]
    assert told_apart(units[1], seen, units).unmeasured.startswith("more than one is asked in what the run calls 'ask'")


def test_of_a_unit_that_asks_later_it_is_not_said_that_the_run_ends_before():
    later = UnitAudit(unit="step:later.client")
    cell = Cell(failure=Failure.UNAVAILABLE, expression=times(3, "openai"))
    told = target(later, cell, UnitAudit(unit="step:first.client"), True, {})
    assert told == "step:first.client asks first, and what fails here fails there, too"


SEVERAL = """
import asyncio
import httpx
from pydantic_ai import Agent
agent = Agent("openai:gpt-5")
@agent.tool_plain
async def login() -> str:
    async with httpx.AsyncClient(base_url="https://api.example.com") as client:
        (await client.post("/token")).raise_for_status()
        return (await client.get("/x")).raise_for_status().text
@agent.tool_plain
async def pages() -> list[str]:
    async with httpx.AsyncClient(base_url="https://pages.example.com") as client:
        return [(await client.get("/", params={"page": n})).raise_for_status().text for n in range(8)]
@agent.tool_plain
async def both() -> int:
    async with httpx.AsyncClient() as client:
        found = await asyncio.gather(client.get("https://one.example.com"), client.get("https://two.example.com"))
    return len([one.raise_for_status() for one in found])
@agent.tool_plain
async def loop() -> str:
    async with httpx.AsyncClient(base_url="https://api.example.com") as client:
        await client.post("/token")
        for _ in range(3):
            found = await client.get("/x")
        return found.text
"""


@pytest.mark.parametrize("failure", [F.INVALID_RESPONSE, F.REFUSED])
def test_a_body_that_sends_several_requests_is_measured_by_the_one_it_sends_most_often(tmp_path, monkeypatch, failure):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-fixture")
    module = tmp_path / "several.py"
    module.write_text(SEVERAL)
    report = audited(tmp_path / "runs", f"{module}:agent", "none", failure)
    found = {unit.inside: unit.cell(failure) for unit in report.units if unit.inside}
    counted = {tool: (cell.counted, cell.measured.different) for tool, cell in found.items()}
    if failure is F.REFUSED:
        assert counted == {"login": (1, 1), "pages": (1, 1), "both": (1, 2), "loop": (1, 1)}
        assert all(cell.agrees for cell in found.values())
    else:
        assert counted == {"login": (1, 2), "pages": (1, 8), "both": (1, 2), "loop": (3, 2)}
        assert [tool for tool, cell in found.items() if not cell.agrees] == ["loop"]


LOCAL = """
import httpx
from pydantic_ai import Agent
agent = Agent("openai:gpt-5")
@agent.tool_plain
def ask() -> str:
    return httpx.get("http://localhost:9/x").raise_for_status().text
"""


def test_a_server_on_this_machine_is_not_made_to_fail_and_the_report_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-fixture")
    module = tmp_path / "local.py"
    module.write_text(LOCAL)
    report = audited(tmp_path / "runs", f"{module}:agent", "none", F.UNAVAILABLE)
    (found,) = [unit.cell(F.UNAVAILABLE) for unit in report.units if unit.inside]
    assert "localhost:9 on this machine, which it did ask, is not made to fail" in found.unmeasured
