"""From a finished report to what is printed, and to the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness import errors

if TYPE_CHECKING:
    from harness.report.paper import Paper
    from harness.report.progress import Watcher
    from harness.verdict import SweepReport


def tell(report: SweepReport, style: str, text: Callable[[Paper], str]) -> None:
    """Print a report on stdout: as one JSON document, or as what `text` makes of it."""
    if style == "json":
        from harness.report import json

        say(json.render(report))
        return
    from harness.report.paper import Paper

    say(text(Paper.of(sys.stdout)))


def say(text: str) -> None:
    """Write to stdout, whatever its encoding. A reader who has gone away (`| head`) is no error."""
    encoding = sys.stdout.encoding or "utf-8"  # a `StringIO` in place of stdout has none
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at exit, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def watching() -> Iterator[Watcher]:
    """Progress on stderr, gone from the terminal when the report comes."""
    from harness.report.progress import watcher

    progress = watcher(sys.stderr)
    try:
        yield progress
    finally:
        progress.finished()


def exit_code(report: SweepReport, require: Sequence[str] = ()) -> int:
    """What a report means to a shell. An engine that had to run the subject and did not is a usage error."""
    from harness.verdict import EXIT_CODES

    if any(sweep.partial for sweep in report.engines):
        return errors.INTERRUPTED
    absent = [sweep for sweep in report.engines if sweep.refused or sweep.unavailable]
    if any(sweep.engine in require for sweep in absent) or (absent and not report.runs):
        return errors.USAGE
    return EXIT_CODES[report.status]
