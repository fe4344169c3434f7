"""A workflow of the person's own is called as its author would, and its result looks like an agent's."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_ai.usage import RunUsage

from harness.errors import UsageError
from harness.scenario import DEFAULT_PROMPT
from harness.subjects.owned import Owned, arguments, as_result, call, kind_of, refusal


@dataclass
class Order:
    number: int


async def alone() -> str:
    return "alone"


async def prompted(prompt: str, *, times: int = 1) -> str:
    return prompt * times


async def numbered(number: int, times: int = 2) -> int:
    return number * times


async def asked(prompt: str, number: int = 1) -> str:
    return f"{prompt} {number}"


async def usual(prompt: str = "as usual") -> str:
    return prompt


async def ordered(order: Order) -> str:
    return f"{type(order).__name__} {order.number}"


def in_a_thread(prompt: str) -> str:
    return f"{prompt} {threading.current_thread() is threading.main_thread()}"


@pytest.mark.parametrize(
    ("function", "prompt", "deps", "output"),
    [
        pytest.param(alone, "go", None, "alone", id="without arguments"),
        pytest.param(prompted, "go", None, "go", id="a text is the prompt"),
        pytest.param(in_a_thread, "go", None, "go False", id="a plain function beside the loop"),
        pytest.param(numbered, "go", 7, 14, id="what is no text is the deps"),
        pytest.param(numbered, "go", {"number": 7, "times": 3}, 21, id="deps by name"),
        pytest.param(asked, "go", {"number": 3}, "go 3", id="a prompt, and deps by name"),
        pytest.param(asked, "go", {"prompt": "stop"}, "stop 1", id="deps before the prompt"),
        pytest.param(usual, DEFAULT_PROMPT, None, "as usual", id="a default stands where nobody said a prompt"),
        pytest.param(usual, "go", None, "go", id="and a prompt where somebody did"),
        pytest.param(ordered, "go", {"number": 3}, "Order 3", id="an object from JSON"),
        pytest.param(ordered, "go", {"order": {"number": 4}}, "Order 4", id="an object by name"),
        pytest.param(ordered, "go", Order(5), "Order 5", id="an object as it is"),
    ],
)
def test_a_workflow_is_given_what_it_needs(function: Any, prompt: str, deps: Any, output: Any) -> None:
    assert asyncio.run(call(function, prompt, deps)) == output


def test_what_a_flow_wraps_says_what_it_needs() -> None:
    class Flow(SimpleNamespace):
        def __call__(self, *args: Any) -> Any:
            return self.fn(*args)

    assert asyncio.run(call(Flow(fn=prompted), "go", None)) == "go"


def test_a_method_is_not_given_its_object() -> None:
    class Workflow:
        async def run(self, prompt: str, number: int) -> None: ...

    assert arguments(Workflow.run, "go", 3) == ["go", 3]


@pytest.mark.parametrize(
    ("function", "deps", "says"),
    [
        pytest.param(numbered, None, "`numbered` needs number; give it as `--deps`, in JSON", id="nothing"),
        pytest.param(ordered, 3, "the deps do not fit `order`", id="another type"),
        pytest.param(numbered, {"number": "seven"}, "the deps do not fit `number`: Input should be", id="by name"),
    ],
)
def test_what_cannot_be_called_is_told_in_a_sentence(function: Any, deps: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        asyncio.run(call(function, "go", deps))


def test_what_a_workflow_returns_is_its_output() -> None:
    assert as_result({"a": 1}) == Owned({"a": 1}, RunUsage())
    assert as_result(None).all_messages() == []


def test_an_agents_result_stays_what_it_is() -> None:
    result = SimpleNamespace(output="x", all_messages=list, usage=RunUsage())
    assert as_result(result) is result


def test_an_engine_refuses_the_workflows_of_another() -> None:
    def settle() -> None: ...

    settle.dbos_function_name = "settle"  # type: ignore[attr-defined]

    assert kind_of(settle) == ("a DBOS workflow", "dbos")
    assert refusal(settle, "settle", "dbos") == ""
    assert refusal(settle, "settle", "prefect") == "'settle' is a DBOS workflow; run it under --engine dbos"
    assert refusal(object(), "agent", "prefect") == ""
