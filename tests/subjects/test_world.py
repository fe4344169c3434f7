"""A world is found where a subject would be, entered and left, and a wrong one is told before anything runs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from harness.errors import UsageError
from harness.subjects.world import entered, load_world

WORLDS = """
    from contextlib import asynccontextmanager, contextmanager

    seen = []

    @contextmanager
    def shop():
        seen.append('shop')
        yield
        seen.append('shop left')

    @asynccontextmanager
    async def bank():
        seen.append('bank')
        yield
        seen.append('bank left')

    async def made():
        return shop()
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / f"worlds_{abs(hash(tmp_path))}.py"
    file.write_text(dedent(WORLDS))
    monkeypatch.syspath_prepend(tmp_path)
    return file


@pytest.mark.parametrize(("name", "said"), [("shop", "shop"), ("bank", "bank"), ("made", "shop")])
@pytest.mark.parametrize("as_file", [True, False], ids=["by file", "by module"])
def test_a_world_is_entered_and_left(file: Path, name: str, said: str, as_file: bool) -> None:
    path = f"{file if as_file else file.stem}:{name}"

    async def live() -> None:
        async with entered(path):
            assert sys.modules[file.stem].seen == [said]

    asyncio.run(live())
    assert sys.modules[file.stem].seen == [said, f"{said} left"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param(":shopp", "did you mean 'shop'", id="a misspelt name"),
        pytest.param("", "say which of", id="no name"),
        pytest.param(":seen", "name a function or class that makes a context manager", id="a list"),
    ],
)
def test_a_world_that_is_none_is_refused(file: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_world(f"{file}{name}")
