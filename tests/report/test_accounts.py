"""The ledger of a run and its engine's own account, as text and in the document that tools read."""

from __future__ import annotations

import json as parser
from dataclasses import replace

from harness.report import json, terminal
from harness.verdict import EngineSweep, Ledger, LedgerLine, RunReport, SweepReport, UnitAccount
from tests.report.samples import SUBJECT, a_run

LINES = (
    LedgerLine("model#1", 1, 1, 0, 0, 0),
    LedgerLine("model#2", 2, 0, 1, 1, 0),
    LedgerLine("tool:charge#1", 2, 0, 1, 0, 1),
)
BOOK = Ledger(LINES, requests=3, tokens=90, requests_again=1, tokens_again=30)
SLOW = {"start_to_close_timeout": 60.0, "initial_interval": 1.0}
QUICK = {"start_to_close_timeout": 6.0, "initial_interval": 0.01}
UNITS = (
    UnitAccount("u1", "model#1", "ask", "RECORDED", 1, SLOW, QUICK),
    UnitAccount("u2", "model#2", "ask", "recorded", 3, SLOW, QUICK, "TIMEOUT: too late"),
    UnitAccount("u3", None, "sleep", "recorded"),
)


def told(**values: object) -> str:
    return terminal.render_run(of(replace(a_run(engine="temporal"), **values)))  # type: ignore[arg-type]


def of(run: RunReport) -> SweepReport:
    return SweepReport(SUBJECT, (EngineSweep("temporal", "activity", runs=(run,), possible=1),))


def rows(said: str) -> list[list[str]]:
    return [line.split() for line in said.splitlines()]


def test_each_step_of_the_ledger_has_its_figures():
    found = rows(told(ledger=BOOK))
    assert ["step", "executed", "replayed", "re-executed", "indeterminate", "orphaned"] in found
    assert ["model#1", "1", "1", "-", "-", "-"] in found
    assert ["model#2", "2", "-", "1", "1", "-"] in found
    assert ["tool:charge#1", "2", "-", "1", "-", "1"] in found


def test_what_was_bought_twice_is_said_in_figures():
    assert "3 model requests, 90 tokens: 1 request and 30 tokens were bought twice" in told(ledger=BOOK)
    cheap = replace(BOOK, requests_again=0, tokens_again=0)
    assert "3 model requests, 90 tokens: nothing was bought twice" in told(ledger=cheap)


def test_a_run_in_which_each_body_ran_once_needs_no_ledger():
    assert "executed" not in told(ledger=Ledger((LedgerLine("model#1", 1, 0, 0, 0, 0),), 1, 10, 0, 0))


def test_a_long_ledger_shows_what_was_repeated_and_counts_the_rest():
    dull = tuple(LedgerLine(f"model#{number}", 1, 1, 0, 0, 0) for number in range(3, 60))
    found = told(ledger=replace(BOOK, lines=(*LINES, *dull)))
    assert ["tool:charge#1", "2", "-", "1", "-", "1"] in rows(found)
    assert "model#30" not in found
    assert "and 58 more without a repeat" in found


def test_the_engines_own_account_has_its_attempts_and_its_times_side_by_side():
    said = told(account=UNITS)
    found = rows(said)
    assert ["activity", "state", "attempts"] in found
    assert ["model#1", "recorded", "1"] in found
    assert ["model#2", "recorded", "3", "failed:", "TIMEOUT:", "too", "late"] in found
    assert "    model: start to close timeout 60 s -> 6 s, initial interval 1 s -> 0.01 s" in said
    assert ["sleep", "recorded", "-"] not in found


def test_an_engine_that_counts_nothing_has_no_account():
    assert "itself says" not in told(account=UNITS[2:])


def test_a_long_account_shows_what_was_tried_again_and_counts_the_rest():
    many = tuple(replace(UNITS[0], unit=f"v{number}", step=f"model#{number}") for number in range(3, 60))
    said = told(account=(*UNITS, *many))
    assert "and 58 more of one attempt" in said
    assert said.count("start to close timeout") == 1


def test_the_time_scale_is_said_of_a_run_and_of_a_sweep():
    run = replace(a_run(engine="temporal"), time_scale="waits are divided by 100")
    assert "note: waits are divided by 100\n" in terminal.render_run(of(run))
    assert "note: waits are divided by 100\n" in terminal.render(of(run))


def test_both_accounts_are_in_the_document():
    run = replace(a_run(engine="temporal"), ledger=BOOK, account=UNITS, time_scale="times are real")
    (found,) = parser.loads(json.render(of(run)))["runs"]
    assert found["ledger"]["steps"][1]["re_executed"] == 1
    assert (found["ledger"]["tokens"], found["ledger"]["tokens_again"]) == (90, 30)
    assert (found["account"][1]["attempts"], found["account"][1]["configured"]) == (3, SLOW)
    assert (found["account"][1]["effective"], found["account"][1]["failure"]) == (QUICK, "TIMEOUT: too late")
    assert found["time_scale"] == "times are real"
