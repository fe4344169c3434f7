"""The generated pages of docs/ say what is measured: no more, no less, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tables import support
from tests.tables.lab import Lab, open_lab
from tests.tables.uses import ENGINES

TABLES = {"support": support}
by_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=pytest.mark.engine(name=name), id=name) for name in ENGINES]
)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with open_lab(request.param, tmp_path_factory.mktemp(request.param)) as opened:
        yield opened


@pytest.mark.slow
@by_table
def test_a_page_says_what_is_measured(lab: Lab, table: support) -> None:
    said = table.PAGE.columns(table.PAGE.path.read_text("utf-8"))[lab.engine.name]

    # After a change that was meant, `make tables` writes the pages again.
    assert said == table.measure(lab)


@by_table
def test_a_page_is_as_it_was_generated(table: support) -> None:
    text = table.PAGE.path.read_text("utf-8")

    assert table.PAGE.written(table.PAGE.columns(text)) == text
