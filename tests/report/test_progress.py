"""Progress: a bar for a person, a few plain lines for a log."""

from __future__ import annotations

import io

from rich.console import Console

from harness.report.progress import Bar, Lines, for_console, watcher
from tests.report.samples import a_finding, a_run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_now_and_then():
    stream = io.StringIO()
    lines = watcher(stream)
    lines.started(100)
    for _ in range(100):
        lines.advanced(a_run())
    lines.finished()
    assert stream.getvalue().splitlines() == ["100 runs", *(f"{number}0 of 100 run" for number in range(1, 11))]


def test_a_log_says_how_many_runs_are_not_ok():
    stream = io.StringIO()
    lines = Lines(stream)
    lines.started(1)
    lines.advanced(a_run("p", a_finding()))
    assert stream.getvalue().splitlines()[-1] == "1 of 1 run, 1 not ok"


def test_a_note_is_one_plain_line():
    stream = io.StringIO()
    Lines(stream).note("confirming \x1b[1min cold interpreters")
    assert stream.getvalue() == "confirming \\x1b[1min cold interpreters\n"


def test_a_second_engine_counts_from_its_own_beginning():
    stream = io.StringIO()
    lines = Lines(stream)
    for _engine in range(2):
        lines.started(1)
        lines.advanced(a_run())
    assert stream.getvalue().splitlines() == ["1 run", "1 of 1 run"] * 2


def test_a_terminal_gets_a_bar_that_gives_the_cursor_back(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")  # a dumb one has no cursor to hide
    stream = Terminal()
    bar = watcher(stream)
    assert isinstance(bar, Bar)
    bar.started(2)
    bar.advanced(a_run("crash@model#1/before"))
    bar.note("a note")
    bar.finished()
    bar.finished()
    said = stream.getvalue()
    assert "a note" in said
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")


def test_under_ci_a_terminal_gets_lines(monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert isinstance(for_console(Console(file=Terminal())), Lines)
