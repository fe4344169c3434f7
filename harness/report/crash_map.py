"""The crash map: one row per step of the fault-free run, one column per window, one mark per crash.

It shows at a glance where a death of the process is survived and where it repeats or loses something.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import RenderableType
from rich.text import Text

from harness.faults import WINDOWS
from harness.report.tables import cell, indented, legend, table
from harness.report.words import NOT_RUN, OK, SAME, Mark, clean, mark_of, shortened
from harness.verdict import EngineSweep, Row

MANY = 60
"""Above so many rows, neighbours that came back well everywhere share one line."""


@dataclass(frozen=True)
class Line:
    """One row of the map: a step, its marks from `before` to `after`, and what is special about it."""

    step: str
    marks: tuple[Mark, ...]
    remark: str = ""

    @property
    def effective(self) -> tuple[Mark, ...]:
        """The marks with `=` resolved into what it repeats."""
        return tuple(self.marks[index - 1] if mark is SAME else mark for index, mark in enumerate(self.marks))


def lines(sweep: EngineSweep) -> tuple[Line, ...]:
    """Every step of the fault-free run with its marks, in its order."""
    return tuple(_line(sweep, row) for row in sweep.rows)


def _line(sweep: EngineSweep, row: Row) -> Line:
    marks = [mark_of(sweep.at(row.step, window)) for window in WINDOWS]
    if not row.recorded and marks[-1] is NOT_RUN:
        marks[-1] = SAME
    return Line(row.step, tuple(marks), "" if row.recorded else "not recorded by the engine")


def crash_map(sweep: EngineSweep, width: int) -> Iterator[RenderableType]:
    """The map of one engine and what its marks mean; nothing if no step was crashed."""
    drawn = lines(sweep)
    if drawn:
        shown = folded(drawn)
        step_width = min(width // 2 - 10, max(len(clean(line.step)) for line in shown))
        made = table("step", *WINDOWS, "", widest=(step_width, 7, 7, 7))
        for line in shown:
            made.add_row(shortened(clean(line.step), step_width), *map(cell, line.marks), Text(line.remark, "dim"))
        yield indented(made)
        yield ""
        yield indented(legend(mark for line in drawn for mark in line.marks))
    yield from _other_plans(sweep, width)


def folded(drawn: Sequence[Line]) -> tuple[Line, ...]:
    """The rows as they are, unless they are many: then the unremarkable ones between two others become one."""
    if len(drawn) <= MANY:
        return tuple(drawn)
    kept: list[Line] = []
    for dull, group in groupby(drawn, lambda line: all(mark is OK for mark in line.effective)):
        same = list(group)
        if not dull or len(same) < 4:
            kept += same
        else:
            between = Line(f".. {len(same) - 2} more steps", (OK,) * len(WINDOWS))
            kept += [same[0], between, same[-1]]
    return tuple(kept)


def _other_plans(sweep: EngineSweep, width: int) -> Iterator[RenderableType]:
    """Runs that are no cell of the map: several faults at once, or none."""
    others = [run for run in sweep.runs if run.cell is None]
    if others and sweep.rows:
        made = table("other runs", "", widest=(min(width - 20, max(len(run.plan) for run in others)), 7))
        for run in others:
            made.add_row(shortened(clean(run.plan), width - 20), cell(mark_of(run)))
        yield from ("", indented(made))
