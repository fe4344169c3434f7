from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent

from harness.subjects import models, rehearsal
from tests.subjects.asked import Asked

ROOT = Path(__file__).parents[2]

FIRST_RUN = """
import asyncio, sys
from harness.subjects import guard, models, rehearsal
guard.protect()
models.install(rehearsal.lines)
from pydantic_ai import Agent
import anyio._backends._asyncio
if {warm}: models.warm(None)
agent = Agent("openai:gpt-5", tools=[rehearsal.learn])
before = set(sys.modules)
asyncio.run(agent.run("hi"))
print(len(set(sys.modules) - before))
"""


def imported_by_the_first_run(*, warm: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_RUN.format(warm=warm)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_after_a_rehearsal_the_first_run_imports_nothing() -> None:
    assert imported_by_the_first_run(warm=True) == 0
    assert imported_by_the_first_run(warm=False) > 0


def test_a_rehearsal_asks_nobody_and_changes_nobody(asked: list[Asked]) -> None:
    agent: Agent[Any, Any] = Agent("openai:gpt-5")

    models.warm(agent)

    assert asked == []
    assert agent.run_sync("hi").output == "done"
    assert len(asked) == 1


def test_a_rehearsal_that_fails_leaves_the_answer_in_place(asked: list[Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_perform", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        models.warm(None)

    assert Agent("openai:gpt-5").run_sync("hi").output == "done"
