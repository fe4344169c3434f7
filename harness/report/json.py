"""The report as one JSON document: what other tools read."""

from __future__ import annotations

import json

from harness.verdict import SweepReport


def render(report: SweepReport) -> str:
    """The whole report as one document, shaped by `SweepReport.to_json`; in ASCII, so that any pipe takes it."""
    return json.dumps(report.to_json(), indent=2, default=str) + "\n"
