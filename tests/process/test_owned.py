"""A workflow of the person's own is called as its author would, and its result looks like an agent's."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from harness.process.owned import owned


async def alone() -> str:
    return "alone"


async def prompted(prompt: str, *, times: int = 1) -> str:
    return prompt * times


def in_a_thread(prompt: str) -> str:
    return f"{prompt} {threading.current_thread() is threading.main_thread()}"


@pytest.mark.parametrize(
    ("function", "output"),
    [
        pytest.param(alone, "alone", id="without arguments"),
        pytest.param(prompted, "go", id="with the one that it needs"),
        pytest.param(in_a_thread, "go False", id="a plain function beside the loop"),
    ],
)
def test_a_workflow_is_given_what_it_needs(function: Any, output: str) -> None:
    result = asyncio.run(owned(function, "go"))
    assert (result.output, result.all_messages(), result.usage.requests) == (output, [], 0)


def test_what_a_flow_wraps_says_what_it_needs() -> None:
    class Flow(SimpleNamespace):
        def __call__(self, *args: Any) -> Any:
            return self.fn(*args)

    assert asyncio.run(owned(Flow(fn=prompted), "go")).output == "go"
