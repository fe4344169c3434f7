from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.process.zygote import Zygote

LIFE = "tests.process.nurslings:"


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Callable[..., Zygote]]:
    """Makes zygotes whose preload function is one of `nurslings.py`, and closes them."""
    with contextlib.ExitStack() as stack:

        def make(preload: str = "load", argument: dict[str, Any] | None = None, **options: Any) -> Zygote:
            settings = {"hash_seed": 1, "env": None, "log": tmp_path / "zygote.log", **options}
            return stack.enter_context(Zygote(LIFE + preload, argument or {}, **settings))

        yield make
