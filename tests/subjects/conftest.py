"""A process in which every provider can be built and the scripted model answers, put back as it was afterwards."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic_ai.messages import ModelResponse

from harness.subjects import guard, models
from harness.subjects.answers import AgentRun, answer
from tests.subjects.asked import Asked


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment as the guard leaves it."""
    shielded = dict(os.environ)
    guard.shield(shielded)
    for name in os.environ.keys() - shielded.keys():
        monkeypatch.delenv(name)
    for name, value in shielded.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def asked(keys: None) -> Iterator[list[Asked]]:
    """Every model of this process is scripted: each tool is called once, then a valid output is given."""
    seen: list[Asked] = []

    async def reply(model: Any, messages: Any, settings: Any, params: Any) -> ModelResponse:
        by = models.asking()
        run = AgentRun(step=by.run_step, id=by.run_id, agent=by.agent_name or "")
        given = answer(None, messages, params, model_name=model.model_name, run=run)
        seen.append(Asked(model, messages, settings, params, by, given.step))
        return given.response

    models.install(reply)
    yield seen
    models.uninstall()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Write the files of a person's project and stand in its folder, as a shell would. Forgets its modules again."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.chdir(tmp_path)
    loaded = set(sys.modules)

    def write(folders: dict[str, str] | None = None, **files: str) -> Path:
        for name, text in {**(folders or {}), **files}.items():
            file = tmp_path / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        importlib.invalidate_caches()
        return tmp_path

    yield write
    for name in set(sys.modules) - loaded:
        if str(tmp_path) in f"{getattr(sys.modules[name], '__file__', '')}{getattr(sys.modules[name], '__path__', '')}":
            del sys.modules[name]
