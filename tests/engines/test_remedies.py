"""What a finding tells a person to write is something that the installed versions understand."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from harness.engines.registry import load

CALL = re.compile(r"(@?[\w.]+)\((\w+)=")
KINDS = {
    "model": "model#1",
    "tool": "tool:charge#1",
    "tools": "tools:weather#1",
    "event": "event#1",
    "step": "step:a#1",
}


def named(name: str) -> Callable[..., Any]:
    """What a remedy calls by this name."""
    import dbos
    import prefect
    from pydantic_ai.durable_exec.prefect import PrefectDurability, TaskConfig
    from pydantic_ai.durable_exec.temporal import TemporalDurability
    from temporalio.workflow import ActivityConfig

    known: list[Any] = [PrefectDurability, TaskConfig, TemporalDurability, ActivityConfig]
    return {"@DBOS.step": dbos.DBOS.step, "@task": prefect.task, **{one.__name__: one for one in known}}[name]


@pytest.mark.parametrize("engine", ["dbos", "prefect", "temporal"])
def test_the_timeouts_that_are_advised_have_the_spelling_of_the_installed_version(engine: str) -> None:
    contract = load(engine).contract()
    calls = [call for text in contract.timeouts.values() for call in CALL.findall(text)]

    assert calls
    for name, keyword in calls:
        if name != "timedelta":
            taken = named(name)
            keywords = getattr(taken, "__annotations__", {}) if isinstance(taken, type) else {}
            assert keyword in keywords or keyword in inspect.signature(taken).parameters, f"{name}({keyword}=...)"


@pytest.mark.parametrize("step", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("engine", ["none", "journal", "dbos", "prefect", "temporal"])
def test_a_remedy_is_complete(engine: str, step: str) -> None:
    assert "{name}" not in load(engine).contract().timeout_for(step)
