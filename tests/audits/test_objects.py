"""Activities that are methods: their object is the worker's, and is only seen where a module holds it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

from harness.retries.values import Failure
from tests.audits.workflows import measured_in, units

SAID: dict[str, Any] = {
    "start_to_close_timeout": timedelta(minutes=15),
    "retry_policy": RetryPolicy(maximum_attempts=3),
}


@dataclass
class Given:
    """Is made by a worker, elsewhere."""

    prefix: str
    client: OpenAI

    @activity.defn
    def ask_given(self, prompt: str) -> str:
        """Ask with what it has, in another method."""
        return self._ask(prompt)

    def _ask(self, prompt: str) -> str:
        return self.prefix + str(self.client.models.list()) + prompt

    @activity.defn
    def join_texts(self, prompt: str) -> str:
        """Ask nobody."""
        return self.prefix + prompt


class Held:
    """Is made here."""

    def __init__(self, client: OpenAI) -> None:
        self.client = client

    @activity.defn
    def ask_held(self, prompt: str) -> str:
        """Ask with what it has."""
        return str(self.client.models.list())


class Filled:
    """Is made here, and filled elsewhere."""

    def __init__(self) -> None:
        self.client: Any = None

    @activity.defn
    def ask_later(self, prompt: str) -> str:
        """Ask with what it has by then."""
        return str(self.client.models.list())


@activity.defn
class Called:
    """Is an activity itself."""

    def __init__(self, client: OpenAI) -> None:
        self.client = client

    def __call__(self, prompt: str) -> str:
        """Ask with what it has."""
        return str(self.client.models.list())


held = [Held(OpenAI(api_key="sk-fixture")).ask_held]
filled = Filled()


@workflow.defn
class AsksGiven:
    """Name a method by its class, of which there is no object here."""

    @workflow.run
    async def run(self, prompt: str) -> str:
        """Run it."""
        return await workflow.execute_activity_method(Given.ask_given, prompt, **SAID)


@workflow.defn
class Joins:
    """The same with a method that asks nobody."""

    @workflow.run
    async def run(self, prompt: str) -> str:
        """Run it."""
        return await workflow.execute_activity_method(Given.join_texts, prompt, **SAID)


@workflow.defn
class AsksHeld:
    """Name a method by its class, of which there is an object here."""

    @workflow.run
    async def run(self, prompt: str) -> str:
        """Run it."""
        return await workflow.execute_activity_method(Held.ask_held, prompt, **SAID)


@workflow.defn
class AsksFilled:
    """Name one whose object has no client before a worker gives it one."""

    @workflow.run
    async def run(self, prompt: str) -> str:
        """Run it."""
        return await workflow.execute_activity_method(Filled.ask_later, prompt, **SAID)


@workflow.defn
class AsksCalled:
    """Name an activity that is a class."""

    @workflow.run
    async def run(self, prompt: str) -> str:
        """Run it."""
        return await workflow.execute_activity_class(Called, prompt, **SAID)


@pytest.mark.parametrize(
    ("kind", "unit", "reason"),
    [
        (AsksGiven, "step:ask_given.client", "of `Given` that the worker is given"),
        (AsksFilled, "step:ask_later.client", "holds nothing by that name before a worker runs `ask_later`"),
        (AsksCalled, "step:Called", "which only a worker is given"),
    ],
)
def test_what_an_activity_takes_from_an_object_that_only_its_worker_has_is_unknown(kind, unit, reason):
    unknown = {name: layer.unknown for name, one in units(kind).items() for layer in one.unknown}
    assert unit in unknown
    assert reason in unknown[unit]


def test_what_it_takes_from_one_that_a_module_holds_is_asked():
    assert units(AsksHeld)["step:ask_held.client"].cell(Failure.UNAVAILABLE).predicted == 9


def test_a_text_asks_nobody():
    assert {name for name in units(Joins) if name != "run"} == {"step:join_texts"}


SUBJECT = """
from datetime import timedelta
from temporalio import activity, workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from openai import OpenAI

SAID = {"start_to_close_timeout": timedelta(seconds=60), "retry_policy": RetryPolicy(maximum_attempts=2)}

class Asker:
    def __init__(self, client):
        self.client = client

    @activity.defn
    async def ask(self, prompt: str) -> str:
        return self.client.models.list().object

activities = [Asker(OpenAI(api_key="sk-fixture", max_retries=1)).ask]

@workflow.defn
class Asks:
    @workflow.run
    async def run(self, prompt: str) -> str:
        return await workflow.execute_activity_method(Asker.ask, prompt, **SAID)
"""


def test_a_method_whose_object_a_module_holds_is_served_in_the_proof(tmp_path: Path):
    cell = measured_in(tmp_path, SUBJECT, "Asks", "step:ask.client", Failure.UNAVAILABLE)
    assert (cell.predicted, cell.counted) == (4, 4)
