"""The published table: complete, and every prediction in it is what was measured."""

from __future__ import annotations

from itertools import product

import pytest

from harness import audit
from harness.retries.values import ON_THE_WIRE, Failure
from tests.audits import page
from tests.audits.table import AGENTS, ENGINES

ROWS = page.written(page.PAGE.read_text())


def test_the_table_holds_every_cell():
    told = [(row[0], row[1], row[2], row[3]) for row in ROWS]
    clients = [(agent.partition("_")[0], "on" if "_" in agent else "off") for agent in AGENTS]
    wanted = {(engine, *client, failure) for engine, client, failure in product(ENGINES, clients, ON_THE_WIRE)}
    assert set(told) == wanted
    assert len(told) == len(wanted) >= 120


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row[:4]))
def test_a_cell_was_measured_as_predicted(row: list[str]):
    assert len(row) == len(page.HEADS)
    assert row[-1] == row[-2]
    assert row[-3].endswith(f"= {row[-2]}")


@pytest.mark.parametrize("row", page.written(page.PAGE.read_text(), "flow"), ids=lambda row: row[0])
def test_the_plain_flow_was_measured_as_predicted(row: list[str]):
    assert row[-1] == row[-2]
    assert len(page.written(page.PAGE.read_text(), "flow")) == len(ON_THE_WIRE)


BODIES = page.written(page.PAGE.read_text(), "bodies")
ASKED = {
    "tool:look": {Failure.TOOL_EXCEPTION, Failure.USER_ERROR, Failure.MODEL_RETRY, Failure.VALIDATION},
    "tools:weather": {Failure.TOOL_EXCEPTION},
    "tool:weather/*": {Failure.TOOL_EXCEPTION, Failure.MODEL_RETRY},
    "run": {Failure.INVALID_OUTPUT},
}
DIES = ("model", "tool:look", "tool:weather/*")


def test_tools_servers_and_deaths_are_in_a_table_of_their_own():
    wanted = {
        (engine, unit, failure) for engine in ENGINES[1:] for unit, failures in ASKED.items() for failure in failures
    }
    wanted |= {(engine, unit, Failure.CRASH) for engine in ("dbos", "temporal") for unit in DIES}
    assert {tuple(row[:3]) for row in BODIES} == wanted


@pytest.mark.parametrize("row", BODIES, ids=lambda row: "-".join(row[:3]))
def test_a_body_ran_as_often_as_predicted(row: list[str]):
    assert row[-1] == row[-2]
    assert row[-3].endswith(f"= {row[-2]}")


@pytest.mark.parametrize("failure", [Failure.UNAVAILABLE, Failure.BAD_REQUEST, Failure.READ_TIMEOUT])
def test_a_sample_is_what_it_would_be_today(failure: Failure):
    report = audit("fixtures.audit.documented_prefect:openai", "prefect", static=True)
    today = page.row("prefect", "openai", report.units[0].cell(failure)).split(" | ")[:-1]
    (written,) = [row for row in ROWS if row[:4] == ["prefect", "openai", "off", failure]]
    assert [part.strip("| ") for part in today] == written[:-1]


def test_the_rules_on_the_page_are_the_rules():
    text = page.PAGE.read_text()
    assert page.replaced(text, "rules", page.rules()) == text


def test_a_mark_that_is_gone_is_noticed():
    with pytest.raises(AssertionError, match="table is marked 0 times"):
        page.replaced("no marks", "table", "rows")
