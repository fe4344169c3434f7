"""The few words that every report uses: one per cell of the crash map, one sentence per owner."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from harness.steps import readable
from harness.verdict import Finding, Owner, RunReport, Severity, Status


@dataclass(frozen=True)
class Mark:
    """What stands in a cell: a word that is read without colour, its colour, and what it means."""

    word: str
    style: str
    means: str


OK = Mark("ok", "green", "came back as if nothing had happened")
TWICE = Mark("TWICE", "bold red", "something ran twice that must not")
LOST = Mark("LOST", "bold red", "something that had to happen never did")
KEY = Mark("KEY", "bold red", "an idempotency key does not protect")
STUCK = Mark("STUCK", "bold red", "the run never ended")
FAIL = Mark("FAIL", "bold red", "came back wrong")
WARN = Mark("warn", "yellow", "came back, with a warning")
UNSURE = Mark("?", "bold magenta", "could not tell")
NOT_RUN = Mark("-", "dim", "not run")
SAME = Mark("=", "dim", "the same moment as the cell before: the engine does not record this step")
REFUSED = Mark("n/a", "dim", "the engine does not take this subject")
MARKS = (OK, TWICE, LOST, KEY, STUCK, FAIL, WARN, UNSURE, NOT_RUN, SAME, REFUSED)
"""In the order in which a map explains them."""
KILLED = "Killed before the step's body ran, between its return and the engine's record, or after that."
"""What the three windows of a map are."""

_BY_RULE = (
    (re.compile(r"ran-again|repeated|twice"), TWICE),
    (re.compile(r"key-"), KEY),
    (re.compile(r"not-done|never-ran|denied|lost|missing|vanished"), LOST),
    (re.compile(r"stuck|crash-loop|no-outcome|never-ended"), STUCK),
)

WHO = {
    Owner.ENGINE: "the engine's maintainers",
    Owner.INTEGRATION: "the maintainers of the integration between pydantic-ai and the engine",
    Owner.CONFIGURATION: "whoever configures the agent and its engine",
    Owner.TOOL: "whoever writes the tool",
    Owner.HARNESS: "us: please report it",
}

SEVERITY_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}
STATUS_STYLE = {Status.PASSED: "bold green", Status.FAILED: "bold red", Status.UNKNOWN: "bold magenta"}


def mark_of(run: RunReport | None) -> Mark:
    """The mark of one run: what its gravest finding is about."""
    if run is None:
        return NOT_RUN
    if run.status is Status.UNKNOWN:
        return UNSURE
    if run.status is Status.FAILED:
        failing = [
            finding for verdict in run.verdicts if verdict.status is Status.FAILED for finding in verdict.findings
        ]
        return mark_of_finding(gravest(failing)) if failing else FAIL
    return WARN if any(finding.severity is Severity.WARNING for finding in run.findings) else OK


def mark_of_finding(finding: Finding) -> Mark:
    """The word for what one finding says, whatever its severity."""
    return next((mark for pattern, mark in _BY_RULE if pattern.search(finding.rule)), FAIL)


def gravest(findings: Iterable[Finding]) -> Finding:
    """The finding that stands for the others: the first of the highest severity."""
    return min(findings, key=lambda finding: list(Severity).index(finding.severity))


def shortened(text: str, width: int) -> str:
    """A long name, cut in the middle: both its ends say something (`run#2.tool:..charge#1`)."""
    if len(text) <= width:
        return text
    tail = (width - 2) * 2 // 3
    return f"{text[: width - 2 - tail]}..{text[len(text) - tail :]}"


def clean(text: str) -> str:
    """A text for people: names of steps are readable, and control characters of others cannot steer the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else _escaped(character)
        for character in readable(text)
    )


def _escaped(character: str) -> str:
    return " " if character in "\t\r" else character.encode("unicode_escape").decode("ascii")


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 crash`, `2 crashes`."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} and {last}" if most else last
