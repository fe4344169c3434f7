"""Tables as reports draw them: aligned columns, one ruled line under the head, nothing that a log file cannot show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import Box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.report.words import KILLED, MARKS, Mark

_BLANK, _RULE = "    ", " -- "
RULED = Box("\n".join([_BLANK, _BLANK, _RULE, *[_BLANK] * 5]) + "\n", ascii=True)


def table(*heads: str, widest: Sequence[int | None] = ()) -> Table:
    """An empty table with these columns. A column with a width of its own is never wrapped."""
    made = Table(box=RULED, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, head in enumerate(heads):
        width = widest[index] if index < len(widest) else None
        made.add_column(head, min_width=width, no_wrap=width is not None, overflow="fold")
    return made


def cell(mark: Mark) -> Text:
    """The mark of one cell, in its colour."""
    return Text(mark.word, mark.style)


def legend(used: Iterable[Mark]) -> Group:
    """When the kills of a map came, and what its marks mean: only those that are in it."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=7, no_wrap=True)
    grid.add_column(style="dim")
    present = set(used)
    for mark in MARKS:
        if mark in present:
            grid.add_row(cell(mark), mark.means)
    return Group(Text(KILLED, "dim"), grid)


def indented(inner: RenderableType, left: int = 2) -> Padding:
    """Moved in, so that headings stand out without any ornament."""
    return Padding(inner, (0, 0, 0, left))
