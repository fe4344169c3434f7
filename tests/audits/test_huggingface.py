"""Hugging Face's client: it is asked over the HTTP client that its library makes, and on the wire."""

from __future__ import annotations

import math

import httpx2
import huggingface_hub
import pytest
from huggingface_hub.utils._http import default_async_client_factory

from fixtures.audit import huggingface
from harness import audit
from harness.audits.asking.modeling import Asker
from harness.retries.arithmetic import spelled
from harness.retries.report import UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure
from tests.audits.live import tenacious


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch):
    """What the audit says to its own processes before they import the library."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)


@pytest.fixture
def made(request):
    """The library makes such an HTTP client, as its own factory does afterwards."""
    huggingface_hub.set_async_client_factory(request.param)
    yield
    huggingface_hub.set_async_client_factory(default_async_client_factory)


def sdk(asker: Asker):
    return next(layer for layer in asker.layers if layer.kind == "sdk")


def test_it_retries_nothing_and_waits_for_ever():
    asker = Asker(huggingface.model())
    outcomes = {failure: asker.ask(failure) for failure in ON_THE_WIRE}
    assert {outcome.expression.total for outcome in outcomes.values()} == {1}
    assert {failure for failure, outcome in outcomes.items() if outcome.error is None} == {Failure.READ_TIMEOUT}
    assert (outcomes[Failure.READ_TIMEOUT].course.seconds, outcomes[Failure.READ_TIMEOUT].course.hangs) == (
        math.inf,
        True,
    )
    assert (sdk(asker).settings, sdk(asker).origin.said) == ({"timeout": "none"}, "default")


@pytest.mark.filterwarnings("ignore:The .* setting is not supported")
def test_its_timeout_is_the_clients_and_settings_that_it_does_not_take_are_none_of_it():
    asker = Asker(huggingface.model(timeout=20), {"timeout": 3, "max_retries": 5})
    assert asker.ask(Failure.READ_TIMEOUT).course.seconds == 20
    assert (sdk(asker).settings, sdk(asker).origin.said) == ({"timeout": "20 s"}, "explicit")


@pytest.mark.parametrize("made", [tenacious], indirect=True)
def test_what_the_librarys_factory_makes_is_below_it(made):
    asked = Asker(huggingface.model()).ask(Failure.UNAVAILABLE)
    assert spelled(asked.expression) == "3 (tenacity transport) = 3"


def test_asking_leaves_the_client_as_it_was():
    model = huggingface.model()
    Asker(model).ask(Failure.UNAVAILABLE)
    assert model.client._async_client is None
    model.client._async_client = kept = httpx2.AsyncClient()
    Asker(model).ask(Failure.UNAVAILABLE)
    assert model.client._async_client is kept


UNKNOWN = {
    "of a provider that the Hub names": (huggingface.model(base_url=None, provider="nebius"), "it asks the Hub first"),
    "with a timeout below zero": (huggingface.model(timeout=-1), "timeout=-1 makes no sense"),
}


@pytest.mark.parametrize(("model", "reason"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_cannot_be_asked_is_unknown_and_never_one(model, reason):
    asker = Asker(model)
    assert asker.ask(Failure.UNAVAILABLE).expression.total is None
    assert reason in sdk(asker).unknown


def test_the_wire_shows_what_was_predicted_and_nothing_stays_in_the_persons_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    report = audit("fixtures.audit.huggingface:agent")
    unit: UnitAudit = next(unit for unit in report.units if unit.unit == "model")
    found = {cell.failure: (cell.predicted, cell.counted) for cell in unit.cells}
    assert found == dict.fromkeys(ON_THE_WIRE, (1, 1))
    assert list(tmp_path.rglob("*")) == []
