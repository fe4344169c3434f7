"""The generated pages of docs/ say what is measured: no more, no less, and nothing else."""

from __future__ import annotations

import warnings
from types import ModuleType

import pytest

from tests.tables import faults, support
from tests.tables.lab import Lab

TABLES = {"support": support, "faults": faults}
by_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


@pytest.mark.slow
@by_table
def test_a_page_says_what_is_measured(lab: Lab, table: ModuleType) -> None:
    said = table.PAGE.columns(table.PAGE.path.read_text("utf-8"))[lab.engine.name]

    measured = table.measure(lab)

    cells = said.keys() | measured.keys()
    differing = {row for row, line in cells if said.get((row, line)) != measured.get((row, line))}
    for row in differing & table.TIMED:
        warnings.warn(f"measured again, alone: {row!r} in {table.PAGE.file} under {lab.engine.name}", stacklevel=1)
        measured |= table.measure(lab, row)
    # After a change that was meant, `make tables` writes the pages again.
    assert said == measured


@by_table
def test_a_page_is_as_it_was_generated(table: ModuleType) -> None:
    text = table.PAGE.path.read_text("utf-8")

    assert table.PAGE.written(table.PAGE.columns(text)) == text
