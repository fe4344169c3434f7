"""How far a sweep has come: a bar on a terminal, a line now and then in a log.

These satisfy the protocol that a sweep reports to, without importing it: running is not rendering.
"""

from __future__ import annotations

from typing import IO, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from harness.report.paper import is_terminal
from harness.report.words import OK, clean, counted, mark_of, shortened
from harness.verdict import RunReport

LINES_PER_SWEEP = 10


class Watcher(Protocol):
    """Who is told how far a sweep has come."""

    def started(self, total: int) -> None:
        """So many runs will follow."""

    def advanced(self, report: RunReport) -> None:
        """One of them is done."""

    def note(self, text: str) -> None:
        """Something that a person should know now."""

    def finished(self) -> None:
        """No run follows."""


class Bar:
    """A progress bar that shows the last fault and how many cells are not ok. It begins at once, because getting an
    engine ready takes a second too, and leaves nothing behind.
    """

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[trouble]}", style="red"),
        )
        self._progress = Progress(*columns, console=console, transient=True)
        self._trouble = 0
        self._task = self._progress.add_task(f"{'getting ready':<40}", total=None, trouble="")
        self._progress.start()

    def started(self, total: int) -> None:
        self._trouble = 0
        self._progress.reset(self._task, total=total, trouble="")
        self._progress.start()

    def advanced(self, report: RunReport) -> None:
        self._trouble += mark_of(report) is not OK
        plan = shortened(clean(report.plan), 40)
        trouble = f"{self._trouble} not ok" if self._trouble else ""
        self._progress.update(self._task, advance=1, description=f"{plan:<40}", trouble=trouble)

    def note(self, text: str) -> None:
        self._progress.console.print(clean(text), style="dim", highlight=False, markup=False)

    def finished(self) -> None:
        self._progress.stop()


class Lines:
    """A plain line at every tenth of a sweep, and one for each note."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._total = self._done = self._trouble = 0

    def started(self, total: int) -> None:
        self._total, self._done, self._trouble = total, 0, 0
        self._say(counted(total, "run"))

    def advanced(self, report: RunReport) -> None:
        self._done += 1
        self._trouble += mark_of(report) is not OK
        if self._done * LINES_PER_SWEEP // self._total > (self._done - 1) * LINES_PER_SWEEP // self._total:
            trouble = f", {self._trouble} not ok" if self._trouble else ""
            self._say(f"{self._done} of {self._total} run{trouble}")

    def note(self, text: str) -> None:
        self._say(clean(text))

    def finished(self) -> None:
        """The report follows; there is nothing to add."""

    def _say(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


def watcher(stream: IO[str]) -> Watcher:
    """What suits a stream: a bar where a person watches (it begins at once), lines elsewhere and under `CI=true`."""
    return Bar(Console(file=stream)) if is_terminal(stream) else Lines(stream)


def for_console(console: Console) -> Watcher:
    """As `watcher`, for somebody who has a rich console."""
    return watcher(console.file)
