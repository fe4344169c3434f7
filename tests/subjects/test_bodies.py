"""Faults happen where the person's function runs: inside its thread, and inside the timeout that the agent gave it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from harness.explore import sweep as exploring
from harness.history import History, StepEntered, StepLeft
from harness.journal import load
from harness.scenario import Scenario

AGENT = """
    import asyncio, functools, time
    from pydantic_ai import Agent

    agent = Agent('openai:gpt-5', name='odd', tool_timeout=20)

    def careless(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)
        return inner

    {tool}
"""
SAYING = """
    def act(text: str) -> str:
        return text

    for name, said in {said}.items():
        agent.tool_plain(act, name=name, metadata={{'harness': said}})
"""
TOOLS = {
    "async": "@agent.tool_plain\n    async def act(text: str) -> str:\n        return text",
    "sync": "@agent.tool_plain\n    def act(text: str) -> str:\n        return text",
    "awaitable": (
        "@agent.tool_plain\n    @careless\n    async def act(text: str) -> str:\n"
        "        await asyncio.sleep(0.01)\n        return 'done ' + text"
    ),
}


def run(folder: Path, kind: str, plan: str) -> History:
    return of_agent(folder, dedent(f"    {TOOLS[kind]}"), plan)


def of_agent(folder: Path, tool: str, *plan: str) -> History:
    file = folder / "odd.py"
    file.write_text(dedent(AGENT).format(tool=tool))
    scenario = Scenario.make(subject=f"{file}:agent", engine="none", faults=plan)
    (judged,) = exploring.run(scenario, out=folder / "out").runs
    return load(Path(judged.folder) / "journal.jsonl")


@pytest.mark.parametrize("kind", TOOLS)
@pytest.mark.parametrize("window", ["before", "between"])
def test_a_tool_that_hangs_is_ended_by_the_agents_own_timeout(tmp_path: Path, kind: str, window: str) -> None:
    history = run(tmp_path, kind, f"hang@tool:act#1/{window}")

    # 20 s is longer than a run may be silent, but it is scaled where it has to act.
    assert history.outcomes[1].status == "ok"
    assert "tool:act#1+1" in history.steps, "the model was told of the timeout, and asked again"


def test_a_plain_function_that_returns_an_awaitable_has_ended_when_that_has(tmp_path: Path) -> None:
    history = run(tmp_path, "awaitable", "crash@tool:act#1/between")

    results = [left.result for left in history.of(StepLeft) if left.step == "tool:act#1"]
    assert len(results) == 2
    assert all(result.startswith("done ") for result in results)


def test_a_tool_says_in_its_metadata_what_it_may_do_as_a_policy_or_as_the_command_line_does(tmp_path: Path) -> None:
    said = {
        "both": {"may": "keyed", "key": "text"},
        "harmless": "repeatable",
        "keyed": "keyed: text",
        "mistaken": "repeatble",
        "odd": True,
    }
    history = of_agent(tmp_path, dedent(SAYING).format(said=said))

    assert {entered.step: entered.may for entered in history.of(StepEntered) if entered.step.startswith("tool:")} == {
        "tool:both#1": {"may": "keyed", "key": "text"},
        "tool:harmless#1": {"may": "repeatable"},
        "tool:keyed#1": {"may": "keyed", "key": "text"},
        "tool:mistaken#1": {"may": "repeatble"},
        "tool:odd#1": {"may": "True"},
    }
