"""Who answered a tool call whose body never ran: the engine, or something of the agent's own."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from harness.explore import sweep as exploring
from harness.history import CallAnswered
from harness.journal import load
from harness.scenario import Scenario
from harness.verdict import RunReport, Severity

TOOLS = """
    from pydantic_ai import Agent, ModelRetry
    from pydantic_ai.capabilities import AbstractCapability, HandleDeferredToolCalls
    from pydantic_ai.exceptions import CallDeferred, SkipToolExecution, ToolFailed
    from pydantic_ai.toolsets import DynamicToolset, ExternalToolset, FunctionToolset, WrapperToolset
    from pydantic_ai.tools import ToolDefinition, ToolDenied

    tools = FunctionToolset(id='till')

    @tools.tool_plain
    async def note(text: str) -> str:
        return 'noted ' + text

    @tools.tool_plain
    async def charge(cents: int) -> int:
        return cents

    class Cached(WrapperToolset):
        async def call_tool(self, name, tool_args, ctx, tool):
            return 'noted hi' if name == 'charge' else await super().call_tool(name, tool_args, ctx, tool)

    class Skips(AbstractCapability):
        async def before_tool_execute(self, ctx, *, call, tool_def, args):
            if call.tool_name == 'charge':
                raise SkipToolExecution('noted hi')
            return args

    class Answers(AbstractCapability):
        async def wrap_tool_execute(self, ctx, *, call, tool_def, args, handler):
            return 'noted hi' if call.tool_name == 'charge' else await handler(args)

    outside = ExternalToolset([ToolDefinition(name='charge')], id='outside')
    noting = tools.filtered(lambda ctx, tool: tool.name == 'note')

    async def decided(ctx, requests):
        return requests.build_results(approvals={one.tool_call_id: ToolDenied('no') for one in requests.approvals},
                                      calls={one.tool_call_id: 'noted hi' for one in requests.calls})

    hands = HandleDeferredToolCalls(handler=decided)
"""
PLAIN = "toolsets=[tools]"
OWN = {
    "a toolset around the tools": "toolsets=[Cached(tools)]",
    "a hook that skips": "toolsets=[tools], capabilities=[Skips()]",
    "a hook that answers": "toolsets=[tools], capabilities=[Answers()]",
    "somebody who refuses": (
        "toolsets=[tools.approval_required(lambda ctx, tool, args: tool.name == 'charge')], capabilities=[hands]"
    ),
    "a dynamic toolset": "toolsets=[DynamicToolset(lambda ctx: Cached(tools), id='made')]",
    "somebody outside": "toolsets=[noting, outside], capabilities=[hands]",
}
SCRIPT = [{"call": "note", "args": {"text": "hi"}}, {"call": "charge", "args": {"cents": 5}}, "done"]


def ran(folder: Path, parts: str, engine: str) -> RunReport:
    file = folder / "till.py"
    file.write_text(f"{dedent(TOOLS)}\nagent = Agent('openai:gpt-5', name='till', {parts})\n")
    scenario = Scenario.make(subject=f"{file}:agent", engine=engine, script=SCRIPT)
    (judged,) = exploring.run(scenario, out=folder / "out").runs
    return judged


def never_ran(report: RunReport) -> list[str | None]:
    return [finding.step for finding in report.findings if finding.rule == "asked-never-ran"]


def test_a_tool_that_the_engine_answers_in_every_run_is_found_in_the_run_without_faults(tmp_path: Path) -> None:
    report = ran(tmp_path, PLAIN, "fixtures.engines.one_key_for_two_tools:Engine")

    assert never_ran(report) == ["tool:charge#1"]


@pytest.mark.parametrize("parts", OWN.values(), ids=OWN)
def test_what_the_agent_answers_itself_is_nothing_that_the_engine_answered(tmp_path: Path, parts: str) -> None:
    report = ran(tmp_path, parts, "fixtures.engines.one_key_for_two_tools:Engine")

    assert "tool:charge#1" not in report.steps
    assert never_ran(report) == []
    assert report.status == "passed"
    warned = [finding.rule for finding in report.findings if finding.severity is Severity.WARNING]
    assert warned == (["answered-unseen"] if "Dynamic" in parts else [])


@pytest.mark.parametrize("engine", ["journal", "prefect", "temporal"])
def test_every_engine_that_has_toolsets_of_its_own_is_seen_to_answer(tmp_path: Path, engine: str) -> None:
    report = ran(tmp_path, PLAIN, engine)

    answered = load(Path(report.folder) / "journal.jsonl").of(CallAnswered)
    assert {event.step for event in answered} == {"tool:note#1", "tool:charge#1"}
    assert report.status == "passed"
