"""The steps of a workflow of one's own, each made to fail where it is: what retries them is counted."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from harness import audit
from harness.audits.wire.measuring import measure, open_wire
from harness.retries.report import AuditReport, Cell
from harness.retries.values import Failure
from harness.scenario import Scenario
from tests.audits.cells import measured

DBOS = """
import asyncio
from dbos import DBOS
from tenacity import retry, stop_after_attempt

class Orders:
    @staticmethod
    @DBOS.step(retries_allowed=True, max_attempts=4)
    def reserve(order: int) -> str:
        return "reserved"

@DBOS.step(name="ship it", retries_allowed=True, max_attempts=2)
async def ship(order: int) -> str:
    return "shipped"

@DBOS.step(retries_allowed=True, max_attempts=5, should_retry=lambda error: isinstance(error, KeyError))
async def pack(order: int) -> str:
    return "packed"

@DBOS.step()
@retry(stop=stop_after_attempt(3))
async def label(order: int) -> str:
    return "labelled"

@DBOS.workflow()
async def settle(prompt: str) -> None:
    Orders.reserve(1)
    await asyncio.gather(*[ship(order) for order in range(3)], return_exceptions=True)
    await label(1)
    await pack(1)
"""
PREFECT = """
from prefect import flow, task

@task(name="Reserve the goods", retries=2)
async def reserve(order: int) -> str:
    return "reserved"

@task(retries=1)
def charge(order: int) -> str:
    return "charged"

@task(retries=1)
async def thank(order: int) -> str:
    return "thanked"

@task(retries=3, persist_result=False)
async def forget(order: int) -> str:
    return "forgotten"

@flow(persist_result=True, retries=1)
async def settle(prompt: str) -> None:
    await reserve(1)
    for _ in range(3):
        try:
            charge(1)
            break
        except RuntimeError:
            pass
    try:
        await thank(1)
    except RuntimeError:
        pass
    await forget(1)
"""
TEMPORAL = """
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

@activity.defn(name="Reserve")
async def reserve(order: int) -> str:
    return "reserved"

@workflow.defn
class Settle:
    @workflow.run
    async def run(self, prompt: str) -> str:
        thrice = RetryPolicy(maximum_attempts=len("abc"))
        wait = timedelta(seconds=10)
        return await workflow.execute_activity(reserve, 1, start_to_close_timeout=wait, retry_policy=thrice)
"""


def audited(tmp_path: Path, source: str, name: str, engine: str) -> tuple[AuditReport, dict[str, Cell]]:
    module = tmp_path / f"settling_{engine}.py"
    module.write_text(dedent(source))
    report = audit(f"{module}:{name}", engine)
    return report, {
        unit.unit: cell for unit in report.units for cell in unit.cells if cell.failure is Failure.TOOL_EXCEPTION
    }


def counts(found: dict[str, Cell]) -> dict[str, tuple[float | None, int | None]]:
    return {unit: (cell.predicted, cell.counted) for unit, cell in found.items()}


def findings(report: AuditReport) -> dict[str, str]:
    return {
        one.unit: f"{one.severity.name} {one.message}" for one in report.findings if one.rule == "prediction-differs"
    }


def test_steps_are_found_in_a_run_by_what_dbos_calls_them_and_only_the_call_that_fails_counts(tmp_path: Path):
    report, found = audited(tmp_path, DBOS, "settle", "dbos")

    assert counts(found) == {
        "step:reserve": (4, 4),
        "step:ship": (2, 2),
        "step:pack": (1, 1),
        "step:label": (3, None),
    }
    assert found["step:label"].unmeasured == "a fault cannot be put inside the decorator of the step's function"
    assert findings(report) == {}


def test_tasks_fail_with_the_flow_that_tries_them_again_and_a_loop_of_ones_own_is_found(tmp_path: Path):
    report, found = audited(tmp_path, PREFECT, "settle", "prefect")

    assert counts(found) == {
        "step:reserve": (6, 6),
        "step:charge": (4, 6),
        "step:thank": (4, 2),
        "step:forget": (8, 8),
    }
    told = findings(report)
    assert told.keys() == {"step:charge", "step:thank"}
    assert told["step:charge"].startswith("ERROR code of your own goes on asking after a failure")
    assert told["step:thank"].startswith("NOTE at most")


def test_what_only_a_run_knows_of_the_call_of_an_activity_is_measured_all_the_same(tmp_path: Path):
    _report, found = audited(tmp_path, TEMPORAL, "Settle", "temporal")

    assert found["step:reserve"].predicted is None
    assert found["step:reserve"].counted == 3


TIMED = """
from datetime import timedelta
from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from openai import AsyncOpenAI

client = AsyncOpenAI(api_key="key", max_retries=1)

@activity.defn
async def ask(prompt: str) -> None:
    await client.models.list()

@workflow.defn
class Ask:
    @workflow.run
    async def run(self, prompt: str) -> None:
        await workflow.execute_activity(ask, prompt, schedule_to_close_timeout=timedelta(seconds=12))
"""


def test_a_deadline_that_is_only_said_in_the_call_of_an_activity_ends_it_in_the_proof(tmp_path: Path):
    module = tmp_path / "timed.py"
    module.write_text(dedent(TIMED))
    bench = Scenario.make("the audit", subject=f"{module}:Ask", engine="temporal")
    with open_wire(bench, tmp_path / "runs") as wire:
        seen = measure(bench, Failure.UNAVAILABLE, bench=wire)
    assert 2 <= seen.requests <= 8  # attempts begin after 0, 1.5, 4 and 8.5 seconds, or soon after


STEPS = """
from dbos import DBOS
from openai import AsyncOpenAI

client = AsyncOpenAI(api_key="key", max_retries={retries})

@DBOS.step(retries_allowed=True, max_attempts={attempts})
async def fetch() -> int:
    return 1

async def ask() -> None:
    await client.post("/x", cast_to=object, body={{}})
"""
TASKS = """
from prefect import task

@task(retries={attempts})
async def fetch() -> int:
    return 1
"""
HELPER = STEPS.replace("@DBOS.step(retries_allowed=True, max_attempts={attempts})\n", "").replace(
    "return 1", "await ask()"
)
BOTH = """
from {engine} import {decorator}
from {package} import first, second

@{around}
async def both(prompt: str) -> None:
    await first.fetch()
    await second.fetch()
"""


def packed(tmp_path: Path, name: str, engine: tuple[str, str, str], first: str, second: str) -> str:
    """The path of a workflow that calls a `fetch` of each of two modules."""
    package = tmp_path / name
    package.mkdir()
    library, decorator, around = engine
    whole = BOTH.format(engine=library, decorator=decorator, around=around, package=name)
    modules = {"__init__": "", "first": first, "second": second, "whole": whole}
    for module, source in modules.items():
        (package / f"{module}.py").write_text(dedent(source))
    return f"{name}.whole:both"


IN_DBOS, IN_PREFECT = ("dbos", "DBOS", "DBOS.workflow()"), ("prefect", "flow", "flow")


@pytest.mark.parametrize(("engine", "source"), [(IN_DBOS, STEPS), (IN_PREFECT, TASKS)], ids=["dbos", "prefect"])
def test_steps_of_one_name_are_told_apart_and_none_is_measured_for_the_other(tmp_path, monkeypatch, engine, source):
    name = f"same_in_{engine[0]}"
    monkeypatch.syspath_prepend(tmp_path)
    two, four = (source.format(attempts=number, retries=0) for number in (2, 4))
    report = audit(packed(tmp_path, name, engine, two, four), engine[0])

    found = {unit.unit: cell for unit in report.units for cell in unit.cells if cell.failure is Failure.TOOL_EXCEPTION}
    more = 0 if engine is IN_DBOS else 1  # Prefect's number is that of the retries
    expected = {f"step:{name}.first.fetch": (2 + more, None), f"step:{name}.second.fetch": (4 + more, None)}
    assert counts(found) == expected
    assert all("several steps are called" in cell.unmeasured for cell in found.values())
    assert findings(report) == {}


def test_a_function_that_has_the_name_of_a_step_is_looked_into(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    step, helper = STEPS.format(attempts=2, retries=0), HELPER.format(retries=3)
    report = audit(packed(tmp_path, "named_alike", IN_DBOS, step, helper), "dbos", static=True)

    worst = {unit.unit: unit.worst.predicted for unit in report.units if unit.worst is not None}
    assert worst == {"step:fetch": 2, "client": 4}


BLOCKING = """
from prefect import flow, task

@task(retries=4, retry_delay_seconds=2)
def ship(order: int) -> None: ...

@task(retries=4, retry_delay_seconds=2)
async def pack(order: int) -> None: ...

@flow(timeout_seconds=7)
async def shipped(prompt: str) -> None:
    ship(1)

@flow(timeout_seconds=7)
async def packed(prompt: str) -> None:
    await pack(1)

@flow(timeout_seconds=7)
def plainly_shipped(prompt: str) -> None:
    ship(1)
"""


@pytest.mark.parametrize(("name", "attempts"), [("shipped", 5), ("packed", 4), ("plainly_shipped", 4)])
def test_the_timeout_of_an_async_flow_ends_no_sync_task_and_every_other_one(tmp_path: Path, name: str, attempts: int):
    _report, found = audited(tmp_path, BLOCKING, name, "prefect")
    assert set(counts(found).values()) == {(attempts, attempts)}


LOCAL = """
import asyncio
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    import httpx

SAID = {"start_to_close_timeout": timedelta(seconds=60), "retry_policy": RetryPolicy(maximum_attempts=2)}
client = httpx.AsyncClient(timeout=5)

@activity.defn
async def fetch(page: int) -> str:
    return (await client.get(f"https://api.example.com/{page}")).raise_for_status().text

@workflow.defn
class Inner:
    @workflow.run
    async def run(self, page: int) -> str:
        return await workflow.execute_local_activity(fetch, page, **SAID)

@workflow.defn
class Beside:
    @workflow.run
    async def run(self, prompt: str) -> None:
        calls = [workflow.execute_local_activity(fetch, page, **SAID) for page in range(3)]
        await asyncio.gather(*calls, return_exceptions=True)

@workflow.defn
class Within:
    @workflow.run
    async def run(self, prompt: str) -> None:
        calls = [workflow.execute_child_workflow(Inner.run, page, id=f"inner-{page}") for page in range(3)]
        await asyncio.gather(*calls, return_exceptions=True)
"""


@pytest.mark.parametrize("name", ["Beside", "Within"])
def test_calls_of_a_local_activity_are_told_apart_though_they_are_no_steps(tmp_path: Path, name: str):
    module = tmp_path / f"local_{name.lower()}.py"
    module.write_text(LOCAL)
    once = {"workflow_attempts": 1}
    subject, unit = f"{module}:{name}", "step:fetch.client"
    cell = measured(tmp_path / "run", subject, "temporal", unit, Failure.UNAVAILABLE, **once)
    assert cell.measured, cell.unmeasured
    assert (cell.predicted, cell.counted, cell.measured.calls) == (2, 2, 3)
