"""What the tests of this project share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.process import stems


@pytest.fixture(scope="session", autouse=True)
def _one_groundwork() -> Iterator[None]:
    """Hundreds of tests open a bench in this process: what every one of them would import is imported once."""
    with stems.kept():
        yield


@pytest.fixture
def _no_groundwork(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process that a test starts be one that it ends."""
    monkeypatch.setattr(stems, "_kept", None)
    monkeypatch.setattr(stems, "_holders", 0)
