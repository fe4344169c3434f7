"""The functions around an agent's steps are seen to run, and to run again after a crash."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

from harness.explore import sweep as exploring
from harness.history import Called
from harness.journal import load
from harness.scenario import Scenario
from harness.subjects.around import HELD

AGENT = """
    from pydantic_ai import Agent
    from pydantic_ai.capabilities import ProcessEventStream, ProcessHistory

    def trim(messages):
        return messages

    async def tell(ctx, events):
        async for event in events:
            pass

    agent = Agent('openai:gpt-5', name='agent', capabilities=[ProcessHistory(trim), ProcessEventStream(tell)])
    inner = Agent('openai:gpt-5', name='inner', instructions=lambda: 'Be quick.')

    @agent.instructions
    async def greet():
        return 'Be kind.'

    @agent.system_prompt
    async def introduce():
        return 'You are a shop.'

    @agent.system_prompt(dynamic=True)
    def date():
        return 'It is Monday.'

    async def openly(ctx, tool):
        return tool

    @agent.tool_plain(prepare=openly)
    async def look() -> str:
        return 'seen'

    @agent.output_validator
    def publish(answer: str) -> str:
        return answer

    @agent.tool_plain
    async def ask() -> str:
        return (await inner.run('Hello?')).output
"""


@pytest.mark.parametrize(("module", "kind", "method", "attribute", "role"), HELD)
def test_what_is_held_is_where_it_was(module: str, kind: str, method: str, attribute: str, role: str) -> None:
    owner = getattr(import_module(module), kind)
    assert callable(getattr(owner, method))
    assert attribute in owner.__dataclass_fields__


def test_functions_around_the_steps_are_written_down_and_noted_when_a_recovery_runs_them_again(tmp_path: Path) -> None:
    file = tmp_path / "around.py"
    file.write_text(dedent(AGENT))
    scenario = Scenario.make(subject=f"{file}:agent", engine="journal", faults=["crash@run/between"])

    (judged,) = exploring.run(scenario, out=tmp_path / "out").runs

    seen = {(call.name, call.role) for call in load(Path(judged.folder) / "journal.jsonl").of(Called)}
    assert seen == {
        ("greet", "instructions"),
        ("introduce", "a system prompt"),
        ("date", "a system prompt"),
        ("publish", "an output validator"),
        ("trim", "a history processor"),
        ("tell", "an event handler"),
        ("openly", "a prepare function"),
    }
    noted = {note.partition(" ")[0] for note in judged.notes if "outside every step" in note}
    assert noted == {f"`{name}`" for name, _role in seen}
    assert judged.findings == ()
