"""The generated pages of docs/ say what is measured: no more, no less, and nothing else."""

from __future__ import annotations

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

    # After a change that was meant, `make tables` writes the pages again.
    assert said == table.measure(lab)


@by_table
def test_a_page_is_as_it_was_generated(table: ModuleType) -> None:
    text = table.PAGE.path.read_text("utf-8")

    assert table.PAGE.written(table.PAGE.columns(text)) == text
