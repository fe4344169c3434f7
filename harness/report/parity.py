"""The parity matrix: the same crashes under several engines, and every cell in which the engines differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.faults import NO_FAULT, WINDOWS
from harness.report.crash_map import Line, lines
from harness.report.tables import cell, indented, legend, table
from harness.report.words import NOT_RUN, OK, SAME, Mark, clean, listed, mark_of, shortened
from harness.verdict import EngineSweep, SweepReport

DIFFER = "<- differ"
NOWHERE = Line("", (NOT_RUN,) * len(WINDOWS))


@dataclass(frozen=True)
class Cell:
    """One step and window, with the mark that each engine has there."""

    step: str
    window: str
    marks: Mapping[str, Mark]

    @property
    def differs(self) -> bool:
        """Whether two engines that were crashed here came to something different."""
        return len({mark for mark in self.marks.values() if mark is not NOT_RUN}) > 1


def cells(swept: Sequence[EngineSweep]) -> tuple[Cell, ...]:
    """Every step and window that any of the engines has. An engine without the step has `-` there."""
    table_of = {sweep.engine: {line.step: line for line in lines(sweep)} for sweep in swept}
    found = [
        Cell(step, window, {name: rows.get(step, NOWHERE).effective[index] for name, rows in table_of.items()})
        for step in merged([tuple(rows) for rows in table_of.values()])
        for index, window in enumerate(WINDOWS)
    ]
    return (*found, *_others(swept))


def _others(swept: Sequence[EngineSweep]) -> Iterator[Cell]:
    """Plans that are no single crash, by their spelling. A fault-free run that nothing is told of went well."""
    plans = dict.fromkeys(run.plan for sweep in swept if sweep.rows for run in sweep.runs if run.cell is None)
    for plan in plans:
        runs = {sweep.engine: next((run for run in sweep.runs if run.plan == plan), None) for sweep in swept}
        untold = OK if plan == str(NO_FAULT) else NOT_RUN
        yield Cell(plan, "", {name: mark_of(run) if run else untold for name, run in runs.items()})


def merged(orders: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """One order of steps that keeps the order of each engine: a step unknown so far comes after its predecessor."""
    steps: list[str] = []
    for order in orders:
        at = 0
        for step in order:
            if step in steps:
                at = steps.index(step) + 1
            else:
                steps.insert(at, step)
                at += 1
    return tuple(steps)


def parity(report: SweepReport, width: int) -> Iterator[RenderableType]:
    """The matrix, what its marks mean, where the engines differ, and who was not there."""
    swept = [sweep for sweep in report.engines if sweep.rows]
    if swept:
        found = cells(swept)
        yield indented(_matrix(swept, found, width))
        yield ""
        yield indented(legend(mark for each in found for mark in each.marks.values()))
        yield from _differences(found)
        yield from _unrecorded(swept)


def _matrix(swept: Sequence[EngineSweep], found: Sequence[Cell], width: int) -> Table:
    names = [sweep.engine for sweep in swept]
    columns = [max(7, len(name)) for name in names]
    gaps = 2 + 3 * (len(columns) + 2)
    room = width - sum(columns) - gaps - len("every window") - len(DIFFER)
    step_width = max(16, min(room, max(len(clean(each.step)) for each in found)))
    made = table("step", "crash", *names, "", widest=(step_width, 12, *columns))
    shown = ""
    for each in _joined(found):
        step = "" if each.step == shown else shortened(clean(each.step), step_width)
        shown = each.step
        marks = [cell(each.marks[name]) for name in names]
        made.add_row(step, each.window, *marks, Text(DIFFER if each.differs else "", "bold"))
    return made


def _joined(found: Sequence[Cell]) -> Iterator[Cell]:
    """One line for a step whose windows are all the same under every engine."""
    by_step: dict[str, list[Cell]] = {}
    for each in found:
        by_step.setdefault(each.step, []).append(each)
    for step, windows in by_step.items():
        same = all(each.marks == windows[0].marks for each in windows)
        if same and len(windows) > 1:
            yield Cell(step, "every window", windows[0].marks)
        else:
            yield from windows


def _differences(found: Sequence[Cell]) -> Iterator[RenderableType]:
    differing = [each for each in found if each.differs]
    yield ""
    if not differing:
        yield Text("The engines agree in every cell.")
        return
    yield Text(f"The engines differ in {len(differing)} of {len(found)} cells:", "bold")
    told: dict[tuple[str, str], list[str]] = {}
    for each in differing:
        told.setdefault((each.step, "; ".join(_camps(each))), []).append(each.window)
    for (step, camps), windows in told.items():
        place = f"{step}/{listed(windows)}" if any(windows) else step
        yield indented(Text(f"{clean(place)}: {camps}"))


def _camps(each: Cell) -> Iterator[str]:
    """`TWICE under none and dbos`, one for each mark in the cell."""
    for mark in dict.fromkeys(each.marks.values()):
        names = [name for name, other in each.marks.items() if other is mark]
        yield f"{mark.word} under {listed(names)}" if mark is not NOT_RUN else f"not there under {listed(names)}"


def _unrecorded(swept: Sequence[EngineSweep]) -> Iterator[RenderableType]:
    """Which steps which engine does not record: there, `between` and `after` are one moment."""
    if not any(SAME in line.marks for sweep in swept for line in lines(sweep)):
        return
    yield ""
    yield Text("Not recorded, so that between and after are one moment there:", "bold")
    for sweep in swept:
        steps = [row.step for row in sweep.rows if not row.recorded]
        if steps:
            said = "every step" if len(steps) == len(sweep.rows) else listed(map(clean, steps))
            yield indented(Text(f"{sweep.engine}: {said}"))
