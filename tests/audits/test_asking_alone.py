"""Whoever asks over connections that no audit can ask is unknown, and a run that meets such a one names its host."""

from __future__ import annotations

from functools import partial

import pytest

from fixtures.audit import alone
from harness.audits import own
from harness.engines.prefect import retries as prefect
from harness.retries.values import Failure
from tests.audits.cells import measured


@pytest.mark.parametrize("name", ["search.ClientSession", "fetch.urlopen", "connect.HTTPSConnection", "opened.opener"])
def test_a_client_that_nobody_can_ask_is_unknown(name):
    layers = partial(prefect.layers, alone.main)
    units = {unit.unit: unit for unit in own.units_of(alone.main, lambda unit: layers(unit, {}))}
    unit = units[f"step:{name}"]
    assert "asks over connections of its own" in unit.unknown[0].unknown
    assert {cell.predicted for cell in unit.cells if cell.failure is not Failure.CRASH} == {None}


def test_what_is_not_measured_because_nobody_reaches_a_host_names_it(tmp_path):
    name = "step:fetch.urlopen"
    cell = measured(tmp_path, "fixtures.audit.alone:other", "prefect", name, Failure.UNAVAILABLE)
    assert cell.unmeasured == "the run asked nobody: api.example.com cannot be reached from here"
