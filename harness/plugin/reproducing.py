"""What a property found, as a file to be kept: pytest marks each line of a message, and then it is no YAML any more.

So the scenario stands once more below the failure, in a section of its own whose lines are those of the file.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.explore.properties.reproduction import DoesNotSurvive, regression

SECTION = "scenario: save it as it is under scenarios/"


def attach(report: pytest.TestReport, error: BaseException) -> None:
    """Put the scenarios that an error is about below what pytest tells of it."""
    report.sections += [(SECTION, regression(each.scenario, each.report)) for each in _within(error)]


def _within(error: BaseException) -> Iterator[DoesNotSurvive]:
    """Hypothesis raises a group if it has found several things."""
    if isinstance(error, DoesNotSurvive):
        yield error
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _within(part)
