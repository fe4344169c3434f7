"""Deadlines that end what still retries: by chance, inside of a step, in a workflow that another one starts."""

from __future__ import annotations

from functools import partial

import httpx
import pytest
from anthropic import AsyncAnthropic
from dbos import DBOS, SetWorkflowTimeout
from prefect import flow, task

from harness.audits import own
from harness.audits.rules import found
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from tests.audits.reports import report

http = httpx.AsyncClient(base_url="https://api.example.com", timeout=10)
client = AsyncAnthropic(api_key="sk-fixture", timeout=20, max_retries=4)
slow = AsyncAnthropic(api_key="sk-fixture", timeout=40, max_retries=4)


@task(retries=3, retry_delay_seconds=15, retry_jitter_factor=1)
async def get() -> str:
    return (await http.get("/x")).raise_for_status().text


@flow(timeout_seconds=60)
async def by_chance() -> str:
    return await get()


@flow(timeout_seconds=600)
async def in_time() -> str:
    return await get()


@task(retries=2, timeout_seconds=30)
async def ask() -> None:
    await client.messages.create(model="claude-opus-4-5", max_tokens=1, messages=[])


@task(retries=2, timeout_seconds=30)
async def ask_slowly() -> None:
    await slow.messages.create(model="claude-opus-4-5", max_tokens=1, messages=[])


@flow
async def asking() -> None:
    await ask()


@flow
async def asking_slowly() -> None:
    await ask_slowly()


@DBOS.step(retries_allowed=True, max_attempts=5, interval_seconds=2)
async def step() -> str:
    return (await http.get("/x")).raise_for_status().text


@DBOS.workflow()
async def child() -> str:
    return await step()


@DBOS.workflow()
async def starting() -> str:
    with SetWorkflowTimeout(10):
        return await child()


@DBOS.workflow()
async def patient() -> str:
    with SetWorkflowTimeout(600):
        return await child()


RULES = {"past-deadline", "inner-retries-cut", "inner-timeout-not-shorter"}


def judged(workflow, engine):
    units = own.units_of(workflow, lambda unit: partial(engine.layers, workflow)(unit, {}))
    return {one.rule: one.message for one in found(report(*units))}


CASES = {
    "where chance makes waits long": (by_chance, prefect, {"past-deadline"}),
    "with time left": (in_time, prefect, set()),
    "what a client would have retried": (asking, prefect, {"inner-retries-cut"}),
    "its first request": (asking_slowly, prefect, {"inner-timeout-not-shorter"}),
    "of a workflow that another one starts": (starting, dbos, {"past-deadline"}),
    "of one, with time left": (patient, dbos, set()),
}


@pytest.mark.parametrize(("workflow", "engine", "rules"), CASES.values(), ids=CASES)
def test_a_deadline_that_ends_what_retries_is_found(workflow, engine, rules):
    assert judged(workflow, engine).keys() & RULES == rules


def test_the_shortest_waits_are_not_told_as_the_longest():
    assert judged(by_chance, prefect)["no-backoff"] == (
        "prefect task tries again after 6.23 s at least: its waits never grow"
    )
    assert judged(in_time, prefect)["no-backoff"] == (
        "prefect task tries again after 30 s at most: its waits never grow"
    )
