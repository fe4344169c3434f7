"""The report as one JSON document: what other tools read."""

from __future__ import annotations

import json

from harness.verdict import SweepReport


def render(report: SweepReport) -> str:
    """The whole report as one indented document; its shape is `SweepReport.to_json`."""
    return json.dumps(report.to_json(), indent=2, ensure_ascii=False, default=str) + "\n"
