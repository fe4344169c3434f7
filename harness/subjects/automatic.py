"""The conversation of an agent that nobody scripted: every tool once, then an output.

It is made from what each request offers, because tools come and go from turn to turn (`prepare` functions, tool
search): the next turn calls the first tool that was not called yet. Where an agent trims its history, so that this
cannot be seen, the k-th turn calls the k-th tool on offer. Tools and capabilities that pydantic-ai hides until somebody
asks for them are asked for by name.
"""

from __future__ import annotations

import json
from itertools import count

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from harness.errors import UsageError
from harness.subjects.arguments import arguments
from harness.subjects.script import Call, ScriptError, Turn
from harness.subjects.stamps import CallStamp, Position
from harness.subjects.utterance import Utterance

TEXT = "done"
"""What an agent with text output is told at the end."""


def automatic(at: Position, params: ModelRequestParameters) -> tuple[Utterance, tuple[str, ...]]:
    """What to say at this position, and notes on tools that are left out.

    Raises `ScriptError` if the agent takes no output that can be made up, `UsageError` if a schema has no example.
    """
    tools, notes = callable_tools(params)
    if at.rejected:
        return Utterance(Turn(), tuple((_again(params, call), call.number) for call in at.rejected)), notes
    called = [call.tool for call in at.called if call.stamp.turn < at.stamp.turn]
    tool = _next([tool.name for tool in tools], called, at)
    if tool is None:
        return _output(params, called), notes
    return Utterance(Turn(), tuple(zip(_calls(params, tool), count(called.count(tool) + 1)))), notes


def _visible(params: ModelRequestParameters, tool: ToolDefinition) -> bool:
    # Tools that wait to be found came in a later 2.x; before, every tool was visible.
    visibility = getattr(params, "visibility_of", None)
    return visibility is None or visibility(tool.name) != "withheld"


def callable_tools(params: ModelRequestParameters) -> tuple[list[ToolDefinition], tuple[str, ...]]:
    """The tools that a model can call and the agent itself runs, and a note for each of the others."""
    offered = [tool for tool in params.function_tools if _visible(params, tool)]
    waits = {"external": "its result comes from outside the run", "unapproved": "somebody has to approve it"}
    left_out = [f"tool {tool.name!r} is not called: {waits[tool.kind]}" for tool in offered if tool.kind in waits]
    return [tool for tool in offered if tool.kind == "function"], tuple(left_out)


def _next(tools: list[str], called: list[str], at: Position) -> str | None:
    if at.complete:
        return next((tool for tool in tools if tool not in called), None)
    return tools[at.stamp.turn - 1] if at.stamp.turn <= len(tools) else None


def _calls(params: ModelRequestParameters, name: str) -> list[Call]:
    """How a tool is called: once with made-up arguments, unless it opens others, whose names are known."""
    tool = params.tool_defs.get(name)
    kind = tool.tool_kind if tool else None
    hidden = [known.name for known in params.function_tools if not _visible(params, known)]
    if kind == "tool-search" and hidden:
        return [Call(name, {"queries": hidden})]
    if kind == "capability-load" and params.deferred_capability_ids:
        return [Call(name, {"id": capability}) for capability in sorted(params.deferred_capability_ids)]
    return [Call(name)]


def _again(params: ModelRequestParameters, rejected: CallStamp) -> Call:
    known = _calls(params, rejected.tool)
    return known[rejected.number - 1] if rejected.number <= len(known) else Call(rejected.tool)


def _output(params: ModelRequestParameters, called: list[str]) -> Utterance:
    if params.output_tools:
        tool = params.output_tools[0]
        return Utterance(Turn(), ((Call(tool.name, arguments_of(tool)), called.count(tool.name) + 1),))
    if params.output_object is not None:
        return Utterance(Turn(text=json.dumps(arguments(params.output_object.json_schema), ensure_ascii=False)), ())
    if not params.allow_text_output:
        raise ScriptError("the agent takes neither text nor structured output, so none can be made up; write a script")
    return Utterance(Turn(text=TEXT), ())


def arguments_of(tool: ToolDefinition) -> dict[str, object]:
    """Arguments made for a tool. Raises `UsageError` that names the tool if its schema has no example."""
    try:
        made: dict[str, object] = arguments(tool.parameters_json_schema)
    except UsageError as error:
        raise UsageError(f"tool {tool.name!r}: {error}") from None
    return made
