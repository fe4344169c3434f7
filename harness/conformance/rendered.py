"""A conformance report as text: a row for each requirement, and what is wrong in whole sentences."""

from __future__ import annotations

from rich.text import Text

from harness.conformance.values import Conformance, Result
from harness.report.paper import Paper
from harness.report.tables import indented, table
from harness.report.words import clean, counted
from harness.verdict import Status

_WORDS = {Status.PASSED: ("ok", "green"), Status.FAILED: ("FAIL", "bold red"), Status.UNKNOWN: ("?", "yellow")}


def rendered(report: Conformance, paper: Paper) -> str:
    """The report on this paper. Ends with where the runs are, for a closer look."""
    head = Text(f"CONFORMANCE  engine {clean(report.engine)}: {str(report.status).upper()}", "bold")
    if report.exempt:
        return paper.write(head, "", Text(clean(report.exempt)))
    rows = table("requirement", "", "")
    for result in report.results:
        word, style = _word(result)
        rows.add_row(result.requirement, Text(word, style), Text(clean(result.sentence)))
    met = sum(result.status is Status.PASSED for result in report.results)
    last = f"{met} of {counted(len(report.results), 'requirement')} met; the runs are in {clean(report.folder)}"
    return paper.write("", head, "", indented(rows), "", Text(last, no_wrap=True))


def _word(result: Result) -> tuple[str, str]:
    return _WORDS[result.status] if result.applies else ("n/a", "dim")
