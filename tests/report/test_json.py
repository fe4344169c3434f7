"""The one document that tools read."""

from __future__ import annotations

import json as parser

from harness.report import json
from tests.report.samples import a_bad_report, a_parity_report


def test_the_document_has_what_the_command_line_promises():
    document = parser.loads(json.render(a_bad_report()))
    assert {"status", "engine", "subject", "runs", "findings", "totals"} <= set(document)
    assert {"engine", "plan", "status", "incarnations", "checks"} <= set(document["runs"][0])
    assert {"check", "rule", "step", "severity", "owner", "message", "remedy", "replay"} <= set(document["findings"][0])
    assert (document["status"], document["totals"]["failed"]) == ("failed", 5)


def test_engines_that_were_not_tried_are_in_the_document():
    document = parser.loads(json.render(a_parity_report()))
    by_name = {engine["engine"]: engine for engine in document["engines"]}
    assert by_name["temporal"]["unavailable"]
    assert by_name["other"]["refused"]
