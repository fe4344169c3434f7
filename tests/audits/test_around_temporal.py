"""Decorators on the methods of a Temporal workflow are around what these do, as on any function."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from harness import audit
from harness.retries.values import Failure
from tests.audits.cells import measured

SUBJECT = """
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from openai import OpenAI
    from tenacity import retry, stop_after_attempt

thrice = retry(stop=stop_after_attempt(3), reraise=True)
client = OpenAI(api_key="sk-fixture", max_retries=0)

@activity.defn
async def ask(prompt: str) -> str:
    return client.models.list().object

async def go() -> str:
    wait, twice = timedelta(seconds=10), RetryPolicy(maximum_attempts=2)
    return await workflow.execute_activity(ask, "", start_to_close_timeout=wait, retry_policy=twice)

@workflow.defn
class OnRun:
    @workflow.run
    @thrice
    async def run(self, prompt: str) -> str:
        return await go()

@workflow.defn
class OnTheWay:
    @thrice
    async def inner(self) -> str:
        return await go()

    @workflow.run
    async def run(self, prompt: str) -> str:
        return await self.inner()
"""


def test_a_decorator_on_a_workflows_method_multiplies_its_activities(tmp_path: Path):
    module = tmp_path / "around_temporal.py"
    module.write_text(dedent(SUBJECT))
    for name, unit, whose in (("OnRun", "step:run.ask.client", "run"), ("OnTheWay", "step:inner.ask.client", "inner")):
        subject, once = f"{module}:{name}", {"workflow_attempts": 1}
        report = audit(subject, "temporal", options=once, static=True)
        assert {one.unit for one in report.units} == {"run", unit}
        cell = measured(tmp_path / name, subject, "temporal", unit, Failure.UNAVAILABLE, **once)
        assert cell.chain.startswith(f"2 (temporal activity) × 3 (tenacity of {whose})")
        assert cell.counted == 6
