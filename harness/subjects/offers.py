"""What an agent offers to its model, written down as values: whoever makes up conversations needs to know what fits.

It is seen where a model sees it, in a request of a real run. Only there are the tools of every toolset known, with the
schemas that `prepare` functions have changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from harness.subjects.automatic import callable_tools
from harness.subjects.deps_state import state

_OPENERS = ("tool-search", "capability-load")
"""Kinds of tools that only show others; what they open is offered in a later request."""
OFFER = "offer"
"""The name of the observation that holds an offer."""


def shown(
    step: str, params: ModelRequestParameters, deps: Any = None, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The tools of the request of `step`: their order is part of the prompt, and often the order of a set.

    So is what is said of each. Of that a digest is kept, and of `deps`, which may be a part of keys, too. `toolsets`
    are the ids of those toolsets that have one, by their tools, as far as the run's own objects for its tools (`known`)
    or the definitions tell them.
    """
    tools = params.function_tools
    return {
        "step": step,
        "tools": [tool.name for tool in tools],
        "words": {tool.name: _words(tool) for tool in tools},
        "toolsets": {tool.name: told for tool in tools if (told := _toolset(tool, (known or {}).get(tool.name)))},
        "deps": _digest(state(deps)),
    }


def _toolset(tool: ToolDefinition, known: Any) -> str | None:
    """The id of the toolset that a tool comes from, below all that others have put around either."""
    while (inner := getattr(known, "source_tool", None)) is not None:
        known = inner
    toolset = getattr(known, "toolset", None)
    while toolset is not None and toolset.id is None:
        toolset = getattr(toolset, "wrapped", None)
    return getattr(tool, "toolset_id", None) if toolset is None else toolset.id


def _words(tool: ToolDefinition) -> str:
    return _digest((tool.description, tool.parameters_json_schema))


def _digest(value: Any) -> str:
    return hashlib.blake2b(repr(value).encode("utf-8", "replace"), digest_size=6).hexdigest()


def offer(agent: str, params: ModelRequestParameters) -> dict[str, Any]:
    """One request's offer in JSON values.

    `tools` and `outputs` map names to JSON schemas; `object` is the schema of an output that is given as JSON text (or
    None), `text` whether plain text is an output.
    """
    tools, _notes = callable_tools(params)
    return {
        "agent": agent,
        "tools": {tool.name: tool.parameters_json_schema for tool in tools if tool.tool_kind not in _OPENERS},
        "outputs": {tool.name: tool.parameters_json_schema for tool in params.output_tools},
        "object": params.output_object.json_schema if params.output_object is not None else None,
        "text": params.allow_text_output,
    }
