"""The reference engine names a run as the others do: the same in every life, and never again."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from harness.explore import sweep as exploring
from harness.history import Effect
from harness.journal import load
from harness.scenario import Scenario

AGENT = """
    import harness
    from pydantic_ai import Agent, RunContext

    agent = Agent("openai:gpt-5", name="shop")

    @agent.tool
    def charge(ctx: RunContext[None]) -> str:
        harness.effect("charge", key=f"{ctx.run_id} {ctx.conversation_id}")
        return "charged"
"""


def test_what_a_tool_makes_its_key_of_is_the_same_in_every_life_and_another_in_every_run(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(dedent(AGENT))
    scenario = Scenario.make(subject=f"{file}:agent", engine="journal", faults=["crash@tool:charge#1/between"])
    (judged,) = exploring.run(scenario, out=tmp_path / "out").runs
    journals = sorted(Path(judged.folder).parent.glob("*/journal.jsonl"))
    keys = [[effect.key for effect in load(journal).of(Effect)] for journal in journals]

    assert judged.status == "passed"
    assert [len(of_run) for of_run in keys] == [1, 1, 2]
    assert [len(set(of_run)) for of_run in keys] == [1, 1, 1]
    assert len({key for of_run in keys for key in of_run}) == 3
