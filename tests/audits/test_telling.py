"""What a call says to whom it asks counts in place of what that was told; what only a run knows is unknown."""

from __future__ import annotations

import pytest

from fixtures.audit import telling
from harness.audits import collect, own
from harness.audits.asking.deps import Given
from harness.audits.inside import asked_by
from harness.audits.reach import reached
from harness.audits.telling import told_to
from harness.retries.values import Failure

F = Failure


def asked(function):
    (unit,) = asked_by("tool:ask", function, (), lambda _unit: (), Given(telling.inner))
    return unit


FIVE_SECONDS = ("3 (openai) = 3", 16.5)
TOLD = {
    telling.in_the_call: FIVE_SECONDS,
    telling.by_name: FIVE_SECONDS,
    telling.made: FIVE_SECONDS,
    telling.unpacked: FIVE_SECONDS,
    telling.bound: FIVE_SECONDS,
    telling.lent: FIVE_SECONDS,
    telling.of_an_object: FIVE_SECONDS,
    telling.of_several: ("1 (openai) = 1", 5),
    telling.partly: FIVE_SECONDS,
    telling.in_a_thread: FIVE_SECONDS,
    telling.copied: ("8 (openai) = 8", 71.5),
    telling.entered: FIVE_SECONDS,
    telling.not_said: ("3 (openai) = 3", 1801.5),
    telling.for_ever: ("1 (openai) = 1", None),
    telling.fetched: ("1 (httpx2 client) = 1", 60),
    telling.sent: ("1 (httpx2 client) = 1", 60),
    telling.alone: ("1 (httpx2 client) = 1", 60),
    telling.of_its_own: ("1 (httpx2 client) = 1", 60),
    telling.run: FIVE_SECONDS,
    telling.run_with: ("8 (openai) = 8", 71.5),
    telling.directly: FIVE_SECONDS,
}


@pytest.mark.parametrize("function", TOLD, ids=lambda function: function.__name__)
def test_what_a_call_spells_out_or_names_counts(function):
    unit = asked(function)
    cell = unit.cell(F.READ_TIMEOUT)
    assert ((cell.chain, cell.seconds), unit.unknown) == (TOLD[function], ())


NUMBER = "3 (openai) = 3"
UNTOLD = {
    telling.of_a_parameter: (NUMBER, "only a run knows the `timeout` that a call says: `patience`"),
    telling.unlike: (NUMBER, "not every call says the same `timeout`"),
    telling.handed_over: (NUMBER, "only a run knows what `do` does with the timeout that it is given"),
    telling.twice_copied: ("? (AsyncOpenAI) = ?", "`client` is copied with other options in the call"),
    telling.passed_on: ("? (AsyncOpenAI) = ?", "`client` is copied with other options in the call"),
    telling.copied_as_told: ("? (AsyncOpenAI) = ?", "`client` is copied with other options in the call"),
    telling.elsewhere: ("? (AsyncOpenAI) = ?", "`client` is copied with other options in the call"),
    telling.run_as_told: ("? (openai) = ?", "only a run knows what the settings `settings` say"),
    telling.overridden: (NUMBER, "not every call says the same `timeout`"),
    telling.by_google: ("? (Client) = ?", "a call of `gemini` says `http_options` of its own"),
}


@pytest.mark.parametrize("function", UNTOLD, ids=lambda function: function.__name__)
def test_what_only_a_run_knows_is_unknown_and_never_what_the_client_says(function):
    unit, (chain, reason) = asked(function), UNTOLD[function]
    cell = unit.cell(F.READ_TIMEOUT)
    assert (cell.predicted, cell.seconds, unit.cell(F.UNAVAILABLE).chain) == (None, None, chain)
    assert [reason in layer.unknown for layer in unit.unknown] == [True]


def test_a_durable_agent_waits_as_its_run_says():
    found = {unit.unit: unit for unit in own.units_of(telling.workflow, lambda _unit: ())}
    assert found["durable.model"].cell(F.READ_TIMEOUT).seconds == 16.5


@pytest.mark.parametrize(
    ("agent", "seconds", "unknown"),
    [(telling.hurried, 16.5, 0), (telling.warm, 1801.5, 0), (telling.hidden, None, 1)],
    ids=["that says a timeout", "that says none", "of which only a run knows what it says"],
)
def test_the_settings_of_a_model_may_be_made_by_a_function(agent, seconds, unknown):
    unit = next(iter(collect.units_of(agent, lambda _unit: ())))
    assert (unit.cell(F.READ_TIMEOUT).seconds, len(unit.unknown)) == (seconds, unknown)


def test_code_without_a_source_may_say_what_nobody_sees(tmp_path):
    known = {"client": telling.client}
    for line in ("def asks(): return client.post(timeout=5)", "def says(): return client.post()"):
        exec(compile(line, tmp_path / "gone.py", "exec"), known)
    (asks,), (says,) = ([told_to(one) for one in reached(known[name])] for name in ("asks", "says"))
    assert ("its source is not here" in asks.settings["timeout"], says.settings) == (True, {})
