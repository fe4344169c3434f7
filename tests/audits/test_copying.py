"""Units that are called with other options than they were made with: known where the call spells them out."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from prefect import flow, task

from harness.audits import own
from harness.engines.prefect import retries as prefect
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from tests.audits.cells import measured

client = OpenAI(api_key="sk-fixture", max_retries=0)
SECONDS = [1, 2]


@task(retries=1)
def helper(prompt: str = "") -> Any:
    """Ask in a task."""
    return client.responses.create(model="gpt-5", input="hello")


@flow
def inner() -> Any:
    """Ask in a flow."""
    return helper()


@flow
def changing(prompt: str = "") -> Any:
    """Call a task as it is said here."""
    return helper.with_options(retries=4, retry_delay_seconds=SECONDS).submit(prompt).result()


@flow
def changing_a_flow() -> Any:
    """Call a flow as it is said here."""
    return inner.with_options(retries=2)()


@flow
def alike() -> Any:
    """Say the same in two places."""
    helper.with_options(retries=4)()
    return helper.with_options(retries=4)()


@flow
def both() -> Any:
    """Call it as it is, too."""
    helper()
    return helper.with_options(retries=4)()


@flow
def unlike() -> Any:
    """Say one thing and another."""
    helper.with_options(retries=4)()
    return helper.with_options(retries=5)()


@flow
def in_a_run() -> Any:
    """Say what only a run knows."""
    return helper.with_options(retries=int(os.environ.get("RETRIES", "4")))()


@flow
def wrong() -> Any:
    """Say what there is not."""
    return helper.with_options(tries=4)()


def unit_of(workflow: Any, name: str = "step:helper.client") -> UnitAudit:
    """One of the units that a flow calls."""
    units = own.units_of(workflow, partial(_layers, workflow))
    return {unit.unit: unit for unit in units}[name]


def _layers(workflow: Any, unit: Any) -> Any:
    return prefect.layers(workflow, unit, {})


@pytest.mark.parametrize("workflow", [changing, alike], ids=lambda one: one.name)
def test_what_a_call_spells_out_is_what_is_called(workflow: Any):
    unit = unit_of(workflow)
    assert unit.cell(Failure.UNAVAILABLE).chain == "5 (prefect task) = 5"
    assert not unit.unknown


def test_a_flow_that_is_called_with_other_options_is_tried_as_these_say():
    unit = unit_of(changing_a_flow, "step:inner.helper.client")
    assert unit.cell(Failure.UNAVAILABLE).chain == "2 (prefect task) × 3 (flow inner) = 6"


@pytest.mark.parametrize("workflow", [both, unlike, in_a_run, wrong], ids=lambda one: one.name)
def test_what_it_does_not_is_unknown(workflow: Any):
    unit = unit_of(workflow)
    assert "`helper` is called with other options" in unit.unknown[0].unknown
    assert unit.cell(Failure.UNAVAILABLE).predicted is None


def test_it_is_so_in_a_run(tmp_path: Path):
    cell = measured(tmp_path, f"{__name__}:changing", "prefect", "step:helper.client", Failure.UNAVAILABLE)
    assert (cell.predicted, cell.counted, cell.agrees) == (5, 5, True)
