"""What two fault-free runs had otherwise is named, each thing once."""

from __future__ import annotations

import pytest

from harness.checks import Baseline
from harness.checks.baseline import compare
from harness.explore.varying import varying
from harness.history import Called, History, Outcome

FIRST = "two fault-free runs differ in "
LAST = ": what a crash changes there is not seen"


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        pytest.param(["tool:find#1.result[0]", "tool:find#1.result[1]"], "the result of `find`", id="a result"),
        pytest.param(["tool:a#1.model#2.arguments.x"], "the arguments of `tool:a#1.model#2`", id="a step in a step"),
        pytest.param(["tool:mail#1.effect[0].arguments"], "an effect of `mail`", id="an effect"),
        pytest.param(["effect[0].arguments"], "an effect of no step", id="an effect of nobody's"),
        pytest.param(
            [f"model#{number}.tools[0]" for number in range(1, 6)],
            "the order of the tools of `model#1`, `model#2`, `model#3` and 2 more",
            id="more than a few",
        ),
        pytest.param(["outcome#1.messages[0].instructions"], "the instructions of the run", id="instructions"),
        pytest.param(
            ["called#1.instructions.now.1[1].said", "called#2.instructions.now.None[2].given"],
            "the answer of `now`",
            id="a function",
        ),
        pytest.param(
            ["outcome#1.messages[2].parts[0].content", "outcome#1.output.when", "tool:now#1.result"],
            "the output of the run; the result of `now`",
            id="messages only repeat it",
        ),
    ],
)
def test_what_varies_is_named(paths: list[str], said: str) -> None:
    assert list(varying(Baseline(History(()), frozenset(paths)))) == [FIRST + said + LAST]


@pytest.mark.parametrize("paths", [[], ["tool:mail#1.effect[0].key"], ["outcome#1.messages[2].parts[0].content"]])
def test_nothing_is_said_of_what_is_looked_at_or_repeats_something_else(paths: list[str]) -> None:
    assert list(varying(Baseline(History(()), frozenset(paths)))) == []


def test_a_function_that_answers_otherwise_each_time_is_named() -> None:
    """As the histories of two fault-free runs have it, whatever it is to the agent."""
    histories = [
        History(
            (Called(name="orders.now", role="output validator", at=1, said=said), Outcome(status="ok", invocation=1))
        )
        for said in ("one", "another")
    ]

    assert list(varying(compare(*histories))) == [f"{FIRST}the answer of `orders.now`{LAST}"]
