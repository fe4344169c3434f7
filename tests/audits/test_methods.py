"""Steps and tasks that are methods, or are given an object: what they ask is found where the object can be seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
from dbos import DBOS, DBOSConfiguredInstance
from openai import OpenAI
from prefect import flow, task

from harness import audit
from harness.audits import own
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.report import UnitAudit
from harness.retries.values import Failure

F = Failure
KEY = "sk-fixture"
client = OpenAI(api_key=KEY)


def found(workflow: Any, engine: Any = dbos) -> dict[str, UnitAudit]:
    """The units of a workflow of one's own."""
    return {unit.unit: unit for unit in own.units_of(workflow, lambda unit: engine.layers(workflow, unit, {}))}


def chains(workflow: Any, engine: Any = dbos) -> dict[str, str]:
    """What each unit but the run comes to where the provider answers 503."""
    cells = {name: unit.cell(F.UNAVAILABLE) for name, unit in found(workflow, engine).items()}
    return {name: cell.chain for name, cell in cells.items() if cell is not None}


@DBOS.dbos_class()
class Asker(DBOSConfiguredInstance):
    """Asks with a client of its own, in a step, which a plain method does for it."""

    def __init__(self, name: str, held: OpenAI) -> None:
        super().__init__(name)
        self.client = held

    def _send(self) -> Any:
        return self.client.models.list()

    @DBOS.step(retries_allowed=True, max_attempts=3)
    def ask(self) -> Any:
        """Ask with it."""
        return self._send()

    @DBOS.workflow()
    def whole(self, prompt: str) -> Any:
        """Ask in the object itself."""
        return self.ask()

    @staticmethod
    @DBOS.step(retries_allowed=True, max_attempts=2)
    def ship(order: Any) -> Any:
        """Take something from what is no object of this class."""
        return order.total


fast, patient = Asker("fast", OpenAI(api_key=KEY, max_retries=0)), Asker("patient", OpenAI(api_key=KEY, max_retries=5))


@DBOS.workflow()
def both_objects(prompt: str) -> None:
    """Call the same step of two objects."""
    fast.ask()
    patient.ask()


def test_a_step_that_is_a_method_asks_with_what_each_object_holds():
    steps = {
        "step:ask.client": "3 (dbos step) = 3",
        "step:ask.client (2)": "6 (openai) × 3 (dbos step) = 18",
    }
    assert chains(both_objects) == steps
    assert chains(patient.whole) == {"step:ask.client": steps["step:ask.client (2)"]}


@DBOS.workflow()
def makes_objects(prompt: str) -> None:
    """Ask with an object that is made in the call."""
    Asker("made", client).ask()


def test_a_step_of_an_object_that_is_made_in_the_call_is_unknown():
    unit = found(makes_objects)["step:ask.client"]
    assert "an object of `Asker` that is made in the call" in unit.unknown[0].unknown
    assert unit.cell(F.UNAVAILABLE).predicted is None


@DBOS.workflow()
def ships_objects(prompt: str) -> None:
    """Call a step that takes nothing from an object of its class."""
    client.models.list()
    Asker.ship(prompt)


def test_a_static_step_takes_nothing_from_an_object():
    assert found(ships_objects).keys() == {"step:ship", "client", "run"}


class Holder:
    """Holds a client."""

    def __init__(self, held: OpenAI) -> None:
        self.client = held

    @task(retries=3)
    def ask(self) -> Any:
        """Ask with it."""
        return self.client.models.list()


holder = Holder(client)


@flow
def by_method() -> Any:
    """Call a task that is a method."""
    return holder.ask()


@task(retries=1)
def given(held: Holder) -> Any:
    """Ask with what a holder holds."""
    return held.client.models.list()


@flow
def by_argument() -> Any:
    """Call a task with an object."""
    return given(holder)


def test_a_task_that_is_a_method_or_is_given_an_object_asks_with_what_that_holds():
    assert chains(by_method, prefect) == {"step:ask.client": "3 (openai) × 4 (prefect task) = 12"}
    assert chains(by_argument, prefect) == {"step:given.client": "3 (openai) × 2 (prefect task) = 6"}


SUBJECT = """
from dbos import DBOS, DBOSConfiguredInstance
from openai import OpenAI

@DBOS.dbos_class()
class Asker(DBOSConfiguredInstance):
    def __init__(self):
        super().__init__("one")
        self.client = OpenAI(api_key="sk-fixture")

    @DBOS.step(retries_allowed=True, max_attempts=2)
    def ask(self):
        return self.client.chat.completions.create(model="gpt-5", messages=[])

asker = Asker()

@DBOS.workflow()
def asks(prompt: str):
    return asker.ask().id
"""


def test_what_a_step_that_is_a_method_asks_is_measured(tmp_path: Path):
    module = tmp_path / "asking_in_a_method.py"
    module.write_text(SUBJECT)
    report = audit(f"{module}:asks", "dbos")
    (unit,) = (unit for unit in report.units if unit.unit == "step:ask.client")
    cell = unit.cell(F.UNAVAILABLE)
    assert (cell.predicted, cell.counted) == (6, 6)


@DBOS.step(retries_allowed=True, max_attempts=2)
def careful() -> Any:
    """Name a module whose `models` is another client, made when somebody looks at it."""
    try:
        return client.models.list()
    except openai.APIError:
        return None


@DBOS.workflow()
def carefully(prompt: str) -> Any:
    """Call it."""
    return careful()


def test_of_a_librarys_module_only_what_is_taken_from_it_is_looked_at(monkeypatch: pytest.MonkeyPatch):
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY"):  # then nobody knows which client the module is to make
        monkeypatch.setenv(name, KEY)
    for name in ("_client", "api_type"):
        monkeypatch.setattr(openai, name, None)
    assert chains(carefully) == {"step:careful.client": "3 (openai) × 2 (dbos step) = 6"}


class Shop:
    """Holds a client, where somebody makes one of these; a step of its own needs none."""

    def __init__(self) -> None:
        self.client = OpenAI(api_key=KEY)

    @DBOS.step(retries_allowed=True, max_attempts=4)
    def price(self) -> Any:
        """Ask with what this one has."""
        return self.client.models.list()

    @staticmethod
    @DBOS.step(retries_allowed=True, max_attempts=2)
    def check() -> Any:
        """Ask with the module's."""
        return client.models.list()

    @classmethod
    def opened(cls) -> Any:
        """Make one."""
        return cls().client.models.list()


shop = Shop()


@DBOS.workflow()
def names_the_class(prompt: str) -> None:
    """Take a step from a class, and make nothing of it."""
    Shop.check()


@DBOS.workflow()
def names_both(prompt: str) -> None:
    """Take a step from a class, and another one from an object of it."""
    shop.price()
    Shop.check()


@DBOS.workflow()
def calls_it_later(prompt: str) -> None:
    """Take a step from a class here, and make one of these elsewhere."""
    Shop.check()
    _make()


def _make() -> Any:
    return Shop()


@DBOS.workflow()
def class_that_makes_one(prompt: str) -> None:
    """Let a class make one of itself."""
    Shop.opened()


CHECKED, PRICED = (
    {"step:check.client": "3 (openai) × 2 (dbos step) = 6"},
    {"step:price.client": "3 (openai) × 4 (dbos step) = 12"},
)


@pytest.mark.parametrize(
    ("workflow", "steps", "unknown"),
    [
        (names_the_class, CHECKED, []),
        (names_both, CHECKED | PRICED, []),
        (calls_it_later, CHECKED, ["OpenAI"]),
        (class_that_makes_one, {}, ["OpenAI"]),
    ],
)
def test_a_class_that_is_only_named_makes_nothing(workflow, steps, unknown):
    units = found(workflow)
    assert {name: chain for name, chain in chains(workflow).items() if name.startswith("step:")} == steps
    assert [
        name for name, unit in units.items() if unit.unknown and "made in the call" in unit.unknown[0].unknown
    ] == unknown
