"""One word per cell: what it is chosen by, and that it is safe to print."""

from __future__ import annotations

import pytest

from harness.report.words import (
    FAIL,
    KEY,
    LOST,
    MARKS,
    NOT_RUN,
    OK,
    STUCK,
    TWICE,
    UNSURE,
    WARN,
    Mark,
    clean,
    counted,
    listed,
    mark_of,
    shortened,
)
from harness.verdict import RunReport, Severity, Status, Verdict
from tests.report.samples import a_finding, a_run, a_warning

WORDS = [
    pytest.param(None, NOT_RUN, id="no run"),
    pytest.param(a_run(), OK, id="clean"),
    pytest.param(a_run("p", a_warning()), WARN, id="a warning"),
    pytest.param(a_run("p", a_finding(severity=Severity.NOTE)), OK, id="a note"),
    pytest.param(a_run("p", unknown="no idea"), UNSURE, id="unknown"),
    pytest.param(a_run("p", a_finding(), unknown="no idea"), TWICE, id="failed beats unknown"),
    pytest.param(a_run("p", a_finding(rule="recorded-ran-again")), TWICE, id="replay of a recorded unit"),
    pytest.param(a_run("p", a_finding(rule="effect-repeated")), TWICE, id="an effect outside every step"),
    pytest.param(a_run("p", a_finding(rule="key-differs")), KEY, id="a key that changes"),
    pytest.param(a_run("p", a_finding(rule="never-ran")), LOST, id="a step that never ran"),
    pytest.param(a_run("p", a_finding(rule="stuck")), STUCK, id="a run that never ends"),
    pytest.param(a_run("p", a_finding(rule="something-new")), FAIL, id="a rule nobody has named yet"),
    pytest.param(a_run("p", a_warning(), a_finding(rule="stuck")), STUCK, id="the error before the warning"),
]


@pytest.mark.parametrize(("run", "mark"), WORDS)
def test_a_cell_says_what_its_gravest_finding_is_about(run: RunReport | None, mark: Mark):
    assert mark_of(run) == mark


def test_a_warning_that_fails_under_strict_is_named_as_the_failure_it_is():
    verdict = Verdict.of("effects", [a_warning()], strict=True)
    assert mark_of(RunReport("dbos", "m:a", "p", (verdict,), 2, "f")) == TWICE


def test_a_failed_check_without_findings_is_a_failure():
    assert mark_of(RunReport("dbos", "m:a", "p", (Verdict("x", Status.FAILED),), 1, "f")) == FAIL


def test_marks_are_told_apart_by_their_words_alone():
    words = [mark.word for mark in MARKS]
    assert len(set(words)) == len(words)
    assert all(word.isascii() for word in words)


SHORT = [
    pytest.param("tool:charge#1", 20, "tool:charge#1", id="fits"),
    pytest.param("tool:charge#1", 13, "tool:charge#1", id="just fits"),
    pytest.param("run#2.tool:a_long_delegate#1.tool:charge#1", 21, "run#2.t..ool:charge#1", id="keeps both ends"),
]


@pytest.mark.parametrize(("text", "width", "expected"), SHORT)
def test_a_long_name_is_cut_in_the_middle(text: str, width: int, expected: str):
    assert shortened(text, width) == expected
    assert len(shortened(text, width)) <= width


def test_text_from_outside_cannot_steer_the_terminal():
    said = clean("red\x1b[31m\x07bell\r\ttab\nline\u202eback")
    assert said == "red\\x1b[31m\\x07bell  tab\nline\\u202eback"


def test_text_in_any_language_stays_as_it_is():
    assert clean("Überweisung 送金 ✓") == "Überweisung 送金 ✓"


def test_counts_and_lists_read_as_english():
    assert [counted(1, "crash", "crashes"), counted(2, "crash", "crashes"), counted(0, "run")] == [
        "1 crash",
        "2 crashes",
        "0 runs",
    ]
    assert [listed([]), listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
