"""A conformance report as text: a row for each requirement, and what is wrong in whole sentences."""

from __future__ import annotations

from rich.text import Text

from harness.conformance.values import Answer, Conformance
from harness.report.paper import Paper
from harness.report.tables import indented, table
from harness.report.words import clean, counted

_WORDS = {
    Answer.MET: ("met", "green"),
    Answer.NOT_MET: ("NOT MET", "bold red"),
    Answer.NOT_APPLICABLE: ("n/a", "dim"),
    Answer.NOT_KNOWN: ("?", "yellow"),
}


def rendered(report: Conformance, paper: Paper) -> str:
    """The report on this paper. Ends with where the runs are, for a closer look."""
    head = Text(f"CONFORMANCE  engine {clean(report.engine)}: {str(report.status).upper()}", "bold")
    if report.exempt:
        return paper.write(head, "", Text(clean(report.exempt)))
    rows = table("requirement", "", "")
    for result in report.results:
        word, style = _WORDS[result.answer]
        rows.add_row(result.requirement, Text(word, style), Text(clean(result.sentence)))
    last = f"{_counted(report)}; the runs are in {clean(report.folder)}"
    return paper.write("", head, "", indented(rows), "", Text(last, no_wrap=True))


def _counted(report: Conformance) -> str:
    """How many there are of each answer: what was met and what was not always, the others where there are any."""
    counts = {answer: len(report.named(answer)) for answer in Answer}
    told = [f"{count} {answer}" for answer, count in counts.items() if count or answer in (Answer.MET, Answer.NOT_MET)]
    return f"of {counted(len(report.results), 'requirement')}: {', '.join(told)}"
