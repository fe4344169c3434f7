"""Loops of a person's own around what asks: known where every failure leaves them, unknown where they may go on."""

from __future__ import annotations

from functools import partial

import pytest

from fixtures.audit import rounds
from harness.audits import own
from harness.engines.prefect import retries as prefect
from harness.retries.values import Failure

F = Failure
LOOPS = {
    "a try that takes every error": ("trying.client", F.UNAVAILABLE, "loop of trying"),
    "a try that takes this error": ("connecting.client", F.REFUSED, "loop of connecting"),
    "a try that does not": ("connecting.client", F.UNAVAILABLE, 2),
    "errors that are suppressed": ("suppressing.client", F.UNAVAILABLE, "loop of suppressing"),
    "inside a decorated function": ("inside.decorated.client", F.REFUSED, "loop of decorated"),
    "there, an error that its code takes, and not the decorator's": ("inside.decorated.client", F.UNAVAILABLE, 4),
    "an answer whose status nobody raises, always": ("taking.Client", F.UNAVAILABLE, "loop of taking"),
    "an error that leaves such a loop": ("taking.Client", F.REFUSED, 2),
    "an answer after which the loop goes on": ("polling.http", F.RATE_LIMITED, "loop of polling"),
    "an error that is another one outside": ("leaving.client", F.UNAVAILABLE, 2),
    "an answer whose status is raised": ("raising.http", F.UNAVAILABLE, 2),
    "that ends in its first round": ("first.http", F.UNAVAILABLE, 2),
    "over what was answered": ("reading.http", F.UNAVAILABLE, 2),
    "of tenacity's": ("held.http", F.REFUSED, 6),
}


@pytest.fixture(scope="module")
def units():
    layers = partial(prefect.layers, rounds.main)
    return {unit.unit: unit for unit in own.units_of(rounds.main, lambda unit: layers(unit, {}))}


@pytest.mark.parametrize(("name", "failure", "told"), LOOPS.values(), ids=LOOPS)
def test_a_loop_that_goes_on_after_a_failure_is_unknown(units, name, failure, told):
    unit = units[f"step:{name}"]
    cell = unit.cell(failure)
    if isinstance(told, str):
        assert cell.predicted is None
        assert cell.stops == told
        assert told in {layer.name for layer in unit.unknown}
    else:
        assert cell.predicted == told


def test_a_loop_out_of_which_every_failure_leads_is_no_layer(units):
    for name in ("raising", "first", "reading", "held", "patient"):
        assert not [layer.name for layer in units[f"step:{name}.http"].layers if layer.name.startswith("loop")]


def test_a_flow_that_is_never_retried_is_known_whatever_is_inside(units):
    assert units["step:polling.http"].cell(F.RATE_LIMITED).chain == "? (loop of polling) × ? (prefect task) = ?"
