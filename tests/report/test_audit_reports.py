"""A retry audit on paper: terminal, Markdown, and SARIF as its published schema wants it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from harness.audits.rules import RULES
from harness.audits.run import judged
from harness.report import audit, markdown, sarif
from harness.report.paper import Paper
from harness.retries.arithmetic import times
from harness.retries.findings import Accepted
from harness.retries.values import Failure, Origin
from harness.verdict import Status
from tests.audits.reports import SDK, STEP, cell, growing, layer, measured, model, report, tool

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.json").read_text())
"""The published schema of SARIF 2.1.0 (rtm.5), unchanged."""
WIDE = Paper(width=400)

UNAVAILABLE = cell(Failure.UNAVAILABLE, growing(3, "openai"), growing(3, "dbos step"), seconds=3600.0, stops="openai")
REPORTS = {
    "nothing": report(),
    "findings": judged(report(model(UNAVAILABLE), tool(cell(Failure.TOOL_EXCEPTION, growing(3, "dbos step"))))),
    "accepted": judged(report(model(UNAVAILABLE)), [Accepted(rule="stacked-retries", reason="it is | cheap\n")]),
    "lapsed": judged(
        report(model(UNAVAILABLE)),
        [Accepted(rule="stacked-retries", reason="it is | cheap\n", expires=date(2026, 1, 1))],
    ),
    "idle": judged(report(model(UNAVAILABLE)), [Accepted(rule="no-backoff", unit="modle", reason="it is | cheap\n")]),
    "proven": judged(
        report(model(UNAVAILABLE.model_copy(update={"measured": measured(8)})), proven=True, notes=("a note",))
    ),
    "without end": judged(report(model(cell(Failure.BAD_REQUEST, times(None, "dbos step", endless=True))))),
    "unknown": judged(
        report(
            model(
                cell(Failure.REFUSED, times(None, "Mine")),
                layers=(layer("Mine", "transport", unknown="dark\x1b"), STEP),
            )
        )
    ),
}


@pytest.mark.parametrize("told", REPORTS.values(), ids=REPORTS.keys())
def test_sarif_is_what_its_schema_wants(told):
    document = json.loads(sarif.render(told, RULES))
    assert [error.message for error in Draft4Validator(SCHEMA).iter_errors(document)] == []
    assert len(document["runs"][0]["results"]) == len(told.findings)


def test_the_schema_would_notice():
    document = sarif.document(REPORTS["findings"], RULES)
    document["runs"][0]["results"][0]["level"] = "grave"
    assert list(Draft4Validator(SCHEMA).iter_errors(document))


def test_two_findings_of_one_rule_in_one_unit_are_two():
    again = REPORTS["findings"].model_copy(update={"findings": REPORTS["findings"].findings * 2})
    results = sarif.document(again, RULES)["runs"][0]["results"]
    prints = [result["partialFingerprints"]["harnessAudit/v1"] for result in results]
    assert len(set(prints)) == len(prints) == 2 * len(REPORTS["findings"].findings)
    once = sarif.document(REPORTS["findings"], RULES)["runs"][0]["results"]
    assert [result["partialFingerprints"]["harnessAudit/v1"] for result in once] == prints[: len(once)]


def test_sarif_shows_the_line_that_set_it_and_what_was_accepted():
    results = sarif.document(REPORTS["accepted"], RULES)["runs"][0]["results"]
    (stacked,) = [result for result in results if result["ruleId"] == "stacked-retries"]
    assert stacked["suppressions"][0]["justification"] == "it is | cheap\n"
    place = stacked["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("app.py", 7)


PLACES = {
    "a b/é.py": "a%20b/%C3%A9.py",
    "a:b#c?.py": "a%3Ab%23c%3F.py",
    "/some where/é.py": "file:///some%20where/%C3%A9.py",
}


@pytest.mark.parametrize(("file", "uri"), PLACES.items(), ids=PLACES.keys())
def test_sarif_names_a_file_by_a_reference(file, uri):
    step = STEP.model_copy(update={"origin": Origin(said="explicit", file=file)})
    told = judged(report(model(UNAVAILABLE, layers=(SDK, step))))
    locations = [result["locations"][0] for result in sarif.document(told, RULES)["runs"][0]["results"]]
    places = [location["physicalLocation"] for location in locations if "physicalLocation" in location]
    assert {place["artifactLocation"]["uri"] for place in places} == {uri}


@pytest.mark.parametrize("told", REPORTS.values(), ids=REPORTS.keys())
def test_every_report_can_be_told(told):
    for text in (audit.render(told), markdown.render(told), json.dumps(told.to_json())):
        assert "app:agent" in text
        assert "\x1b" not in text.replace("\\u001b", "")


def test_the_terminal_says_chain_and_change():
    text = audit.render(REPORTS["findings"])
    assert "3 (openai) × 3 (dbos step)" in text
    assert "To bring model under its budget:" in text
    assert "+ max_retries=0" in text
    assert "becomes 1 (openai) × 3 (dbos step) = 3" in text


def test_predicted_and_measured_stand_side_by_side():
    row = next(line for line in audit.render(REPORTS["proven"]).splitlines() if line.strip().startswith("503"))
    assert row.split()[-5:] == ["9", "8", "60", "min", "openai"]


@pytest.mark.parametrize(("name", "level"), [("lapsed", "warning"), ("idle", "note")])
def test_every_output_tells_once_that_an_acceptance_has_ended_or_is_about_nothing(name, level):
    (sentence,) = getattr(told := REPORTS[name], name)
    (only,) = sarif.document(told, RULES)["runs"][0]["invocations"][0]["toolConfigurationNotifications"]
    assert (only["message"]["text"], only["level"]) == (sentence, level)
    assert told.to_json()[name] == [sentence]
    assert " ".join(audit.render(told).split()).count(sentence) == 1
    assert markdown.render(told).replace("\\|", "|").count(sentence) == 1
    assert told.status is Status.FAILED
    assert all("which has passed" not in other.render(REPORTS["accepted"]) for other in (audit, markdown))


def test_a_text_from_outside_stays_in_its_cell():
    assert "it is \\| cheap " in markdown.render(REPORTS["accepted"])


def test_what_never_ends_is_no_number():
    values = REPORTS["without end"].to_json()
    assert values["units"][0]["cells"][0]["predicted"] == "unlimited"
    assert "unlimited" in audit.render(REPORTS["without end"])


def test_json_tells_prediction_and_chain():
    row = REPORTS["proven"].to_json()["units"][0]["cells"][0]
    assert (row["predicted"], row["agrees"]) == (9, False)
    assert row["chain"] == "3 (openai) × 3 (dbos step) = 9"
    assert SDK.name in row["chain"]


def test_what_is_said_of_several_units_with_the_same_words_is_said_once():
    one = model(UNAVAILABLE)
    told = judged(report(one, one.model_copy(update={"unit": "tool:other"})))
    rules = {finding.rule for finding in told.findings}
    assert len(told.findings) == 2 * len(rules)
    lines = audit.render(told, WIDE).splitlines()
    assert len([line for line in lines if " model, tool:other: " in line]) == len(rules)
    assert not [line for line in lines if "Set: unknown" in line]
