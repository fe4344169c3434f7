"""The paper a report is printed on: plain where nobody watches, and never wider than it says."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from harness.report.paper import Paper, is_terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


PAPERS = [
    pytest.param(io.StringIO(), {}, False, id="a file"),
    pytest.param(Terminal(), {"TERM": "xterm"}, True, id="a terminal"),
    pytest.param(Terminal(), {"CI": "true"}, False, id="a terminal that CI pretends"),
    pytest.param(Terminal(), {"CI": "false"}, True, id="no CI"),
    pytest.param(Terminal(), {"CI": "1", "TERM": "xterm"}, False, id="CI=1"),
    pytest.param(Terminal(), {"NO_COLOR": "1"}, False, id="colour is not wanted"),
    pytest.param(Terminal(), {"TERM": "dumb"}, False, id="a dumb terminal"),
]


@pytest.mark.parametrize(("stream", "environment", "colour"), PAPERS)
def test_colour_is_for_terminals_that_a_person_watches(stream: io.StringIO, environment: dict[str, str], colour: bool):
    assert Paper.of(stream, environment).colour is colour


def test_without_a_terminal_a_line_has_a_hundred_columns():
    assert Paper.of(io.StringIO(), {"COLUMNS": "300"}).width == 100


def test_a_terminal_is_used_as_wide_as_it_is_and_never_wider(monkeypatch: pytest.MonkeyPatch):
    widths = []
    for columns in ("20", "80", "300"):
        monkeypatch.setenv("COLUMNS", columns)
        widths.append(Paper.of(Terminal(), {}).width)
    assert widths == [60, 80, 100]


def test_ci_is_no_terminal_even_with_one():
    assert is_terminal(Terminal(), {})
    assert not is_terminal(Terminal(), {"CI": "true"})


def test_plain_paper_takes_no_colour_and_leaves_no_trailing_blanks():
    assert Paper().write(Text("red   ", "red")) == "red\n"


def test_coloured_paper_is_coloured_whatever_the_process_is_attached_to():
    assert Paper(colour=True).write(Text("red", "red")) == "\x1b[31mred\x1b[0m\n"


def test_what_is_to_be_copied_is_never_folded():
    line = "harness run " + "x" * 200
    assert Paper(width=60).write(Text(line, no_wrap=True)) == line + "\n"
    assert len(Paper(width=60).write(Text(line)).splitlines()) > 1


def test_nothing_is_taken_for_markup():
    assert Paper().write("[bold]list[str][/bold] :smile:") == "[bold]list[str][/bold] :smile:\n"
