"""What an import leaves behind in the interpreter that did it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from harness.process import loading

seen: list[int] = []


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    seen.clear()
    yield before
    gc.set_threshold(*before)


def look(_argument: dict[str, Any]) -> dict[str, Any]:
    seen.append(gc.get_threshold()[0])
    return {}


def choose(argument: dict[str, Any]) -> dict[str, Any]:
    gc.set_threshold(argument["threshold"])
    return {}


def fail(_argument: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("no subject")


def test_garbage_is_hardly_looked_for_during_an_import_and_as_usual_afterwards(usual: tuple[int, int, int]) -> None:
    assert loading.preload(f"{__name__}:look", {})["event"] == "ready"

    assert seen == [loading.RARELY]
    assert gc.get_threshold() == usual


def test_garbage_is_looked_for_as_usual_after_an_import_that_failed(usual: tuple[int, int, int]) -> None:
    assert loading.preload(f"{__name__}:fail", {})["event"] == "failed"

    assert gc.get_threshold() == usual


def test_subject_that_chooses_how_often_garbage_is_looked_for_keeps_its_choice() -> None:
    loading.preload(f"{__name__}:choose", {"threshold": 12_345})

    assert gc.get_threshold()[0] == 12_345
