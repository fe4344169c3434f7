"""One lab per engine for the whole room: importing an engine and starting its server cost more than most runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tables.lab import Lab, open_lab
from tests.tables.uses import ENGINES


def of(engine: str) -> object:
    """The parameter for one engine."""
    return pytest.param(engine, marks=pytest.mark.engine(name=engine), id=engine)


@pytest.fixture(scope="session", params=map(of, ENGINES))
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Each engine in turn, or the one that a test names (`indirect`)."""
    with open_lab(request.param, tmp_path_factory.mktemp(request.param)) as opened:
        yield opened
