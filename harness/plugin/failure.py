"""What a person sees of a run that is not what it should be: lives around the fault, findings, how to see it again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.errors import HarnessError, SubjectError
from harness.history import History
from harness.report.causes import findings, unsure
from harness.report.paper import Paper
from harness.report.timeline import Happened, timeline
from harness.report.words import clean, gravest
from harness.verdict import EngineSweep, Finding, RunReport, Severity, Status, SweepReport

AROUND = 2
"""Rows of the timeline that are shown before and after one that something happened in."""
PAPER = Paper()


def headline(judged: RunReport) -> str:
    """One line: the gravest finding, or why nothing is known, or that it passed."""
    errors = [finding for finding in judged.findings if finding.severity is not Severity.NOTE]
    if judged.status is Status.FAILED and errors:
        return _one_line(gravest(errors).message)
    if judged.status is Status.UNKNOWN:
        return _one_line(f"unknown: {next(iter(judged.reasons), 'no check could tell')}")
    return str(judged.status)


def told(judged: RunReport, history: History, replay: str, *, instead_of: str = "") -> str:
    """The whole story of a run as text. `instead_of` says what was expected of it, if that was no pass."""
    sweep = EngineSweep(judged.engine, "", runs=(_without_replay(judged),))
    report = SweepReport(judged.subject, (sweep,))
    said = f", and was expected to be {instead_of}" if instead_of else ""
    head = f"{judged.plan} under {judged.engine}: {judged.status.upper()}{said}"
    shown = PAPER.write(*findings(report), *unsure(report))
    parts = [headline(judged), head, lives(history, judged.findings, short=True), shown.strip("\n")]
    return "\n\n".join(part.rstrip("\n") for part in [*parts, f"replay: {replay}\nrun folder: {judged.folder}"] if part)


def of_findings(found: Iterable[Finding], subject: str, engine: str, notes: Iterable[str]) -> str:
    """Findings that stand alone: of a fault-free run for which there is no sweep, and what was noted of it."""
    head = f"{subject} under {engine} cannot be swept: "
    lines: list[str] = []
    for finding in found:
        lines += [f"{head}{clean(finding.message)}", "", f"who: {finding.owner}", f"do: {clean(finding.remedy)}"]
        lines += [f"replay: {finding.replay}"] if finding.replay else []
        head = "\nalso: "
    lines += [f"note: {clean(note)}" for note in notes]
    return "\n".join(lines)


def in_words(error: HarnessError) -> str:
    """An error of ours as a person should see it: with the traceback of their code, and none of ours."""
    traceback = error.traceback if isinstance(error, SubjectError) else None
    return "\n\n".join(filter(None, [str(error), traceback]))


def lives(history: History, found: Iterable[Finding] = (), *, short: bool = False) -> str:
    """The timeline as text; `short`: only around what happened."""
    return PAPER.write(*timeline(history, found, PAPER.width, fold=around if short else None))


def around(drawn: tuple[Happened, ...]) -> tuple[Happened, ...]:
    """The rows near a fault or a finding, and the end; one line stands for each stretch that is left out."""
    eventful = [index for index, row in enumerate(drawn) if row.wrong or _struck(row) or row is drawn[-1]]
    shown = {near for index in eventful for near in range(index - AROUND, index + AROUND + 1)}
    kept: list[Happened] = []
    skipped: list[Happened] = []
    for index, row in enumerate(drawn):
        if index not in shown:
            skipped.append(row)
            continue
        kept += _gap(skipped)
        skipped = []
        kept.append(row)
    return tuple(kept)


def _gap(skipped: list[Happened]) -> list[Happened]:
    """Nothing is saved by leaving out one row."""
    if len(skipped) < 2:
        return skipped
    return [Happened(f".. {len(skipped)} more steps", ("",) * len(skipped[0].cells))]


def _struck(row: Happened) -> bool:
    """Whether a fault fired here: such cells are in capitals."""
    return any(word.isupper() and len(word) > 2 for cell in row.cells for word in cell.split())


def _without_replay(judged: RunReport) -> RunReport:
    """Findings carry no replay line of their own here: one at the end is enough."""
    verdicts = tuple(
        replace(verdict, findings=tuple(replace(finding, replay="") for finding in verdict.findings))
        for verdict in judged.verdicts
    )
    return replace(judged, verdicts=verdicts)


def _one_line(text: str) -> str:
    return clean(text).strip().splitlines()[0]
