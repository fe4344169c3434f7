"""No timeout of Temporal's ends what sync code does in a thread: it goes on, beside the next attempt."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from pydantic_ai import Agent
from pydantic_ai.durable_exec.temporal import TemporalDurability
from pydantic_ai.models.test import TestModel
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityConfig

from harness.audits import collect
from harness.engines.temporal import retries as temporal
from harness.retries.values import Failure
from tests.audits.workflows import measured_in, units

F = Failure
TWICE = RetryPolicy(maximum_attempts=2)
ENDED: dict[str, Any] = {"start_to_close_timeout": timedelta(seconds=6), "retry_policy": TWICE}
SILENT: dict[str, Any] = {**ENDED, "heartbeat_timeout": timedelta(seconds=5)}
WHOLE: dict[str, Any] = {**ENDED, "retry_policy": None, "schedule_to_close_timeout": timedelta(seconds=18)}
client = OpenAI(api_key="sk-fixture", max_retries=9, timeout=4)


@activity.defn
def ask_in_a_thread(prompt: str) -> str:
    """Ask ten times."""
    return str(client.models.list())


@activity.defn
async def ask_here(prompt: str) -> str:
    """Ask ten times, where a timeout ends it."""
    return str(client.models.list())


def _workflow(run: Any) -> Any:
    run.__qualname__ = f"{run.__name__}.run"
    return workflow.defn(type(run.__name__, (), {"run": workflow.run(run), "__module__": __name__}))


@_workflow
async def ended(self: Any, prompt: str) -> None:
    await workflow.execute_activity(ask_in_a_thread, prompt, **ENDED)


@_workflow
async def silent(self: Any, prompt: str) -> None:
    await workflow.execute_activity(ask_in_a_thread, prompt, **SILENT)


@_workflow
async def whole(self: Any, prompt: str) -> None:
    await workflow.execute_activity(ask_in_a_thread, prompt, **WHOLE)


@_workflow
async def local(self: Any, prompt: str) -> None:
    await workflow.execute_local_activity(ask_in_a_thread, prompt, **ENDED)


@_workflow
async def interrupted(self: Any, prompt: str) -> None:
    await workflow.execute_activity(ask_here, prompt, **ENDED)


@pytest.mark.parametrize(
    ("kind", "most", "least"),
    [(ended, 20, 6), (silent, 20, 6), (whole, 30, 9), (local, 20, 6), (interrupted, 6, None)],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_a_sync_body_asks_goes_on_after_its_time(kind, most, least):
    (unit,) = (unit for name, unit in units(kind).items() if name.endswith(".client"))
    cell = unit.cell(F.READ_TIMEOUT)
    assert (cell.predicted, cell.least) == (most, least)


def test_so_does_what_a_sync_tool_asks():
    config = ActivityConfig(**ENDED)
    agent = Agent(TestModel(), name="threads", capabilities=[TemporalDurability(activity_config=config)])

    @agent.tool_plain
    def fetch() -> str:
        return str(client.models.list())

    every = collect.units_of(agent, lambda unit: temporal.layers(agent, unit, {}))
    cells = {unit.unit: unit.cell(F.READ_TIMEOUT) for unit in every}
    assert cells["tool:fetch.client"].predicted == 20


SUBJECT = """
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from openai import OpenAI

client = OpenAI(api_key="sk-fixture", max_retries=3, timeout=4)

@activity.defn
def ask(prompt: str) -> str:
    return client.models.list().object

@workflow.defn
class Asks:
    @workflow.run
    async def run(self, prompt: str) -> str:
        wait, twice = timedelta(seconds=5), RetryPolicy(maximum_attempts=2)
        return await workflow.execute_activity(ask, prompt, start_to_close_timeout=wait, retry_policy=twice)
"""


def test_the_thread_goes_on_in_the_proof(tmp_path: Path):
    cell = measured_in(tmp_path, SUBJECT, "Asks", "step:ask.client", F.READ_TIMEOUT)
    assert cell.predicted == 8
    assert cell.least < 8
    assert cell.least <= cell.counted <= 8
