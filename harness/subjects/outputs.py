"""How an output reaches the agent: through which output tool, as JSON text, or as plain text.

A script says only *what* the agent's output is. pydantic-ai wants it in one of several envelopes, depending
on `output_type` and on the model: a tool per member of a union, `{"response": …}` around anything that is no
object, `{"result": {"kind": …, "data": …}}` around a union without tools. The envelope is found by trying the
schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from harness.subjects.schemas import Schema, fits, resolve


@dataclass(frozen=True)
class Delivery:
    """An output on its way: arguments of the output tool `tool`, or a text if `tool` is None."""

    tool: str | None
    content: Any


def deliver(output: Any, params: ModelRequestParameters, tool: str | None = None) -> Delivery:
    """The form in which these request parameters want `output`; `tool` names an output tool that must be
    used.

    An output that fits nothing is sent all the same, to the first output tool or as text: rejecting it is the
    agent's business.
    """
    if tool is None and isinstance(output, str) and _takes_any_text(params):
        return Delivery(None, output)
    tools = [known for known in params.output_tools if tool is None or known.name == tool]
    for tight in (True, False):
        for known in tools:
            for args in _tool_envelopes(output, known):
                if fits(args, known.parameters_json_schema) and (not tight or _says_all(args, known)):
                    return Delivery(known.name, args)
    if tools and (tool or not params.allow_text_output):
        return Delivery(tools[0].name, output if isinstance(output, Mapping) else {_key(tools[0]): output})
    return Delivery(None, _as_text(output, params))


def _takes_any_text(params: ModelRequestParameters) -> bool:
    return params.allow_text_output and (params.output_object is None or params.output_mode in ("text", "tool"))


def _tool_envelopes(output: Any, tool: ToolDefinition) -> Iterator[Any]:
    """The value in the tool's own wrapper first, then as it stands, then around the only field it may
    mean.
    """
    if tool.outer_typed_dict_key:
        yield {tool.outer_typed_dict_key: output}
    yield output
    yield {_key(tool): output}


def _key(tool: ToolDefinition) -> str:
    required = tool.parameters_json_schema.get("required") or list(tool.parameters_json_schema.get("properties", ()))
    return tool.outer_typed_dict_key or next(iter(required), "response")


def _says_all(args: Any, tool: ToolDefinition) -> bool:
    """Whether the tool knows every field of the value, so that a model of optional fields does not swallow
    another.
    """
    schema = tool.parameters_json_schema
    return not isinstance(args, Mapping) or "properties" not in schema or set(args) <= set(schema["properties"])


def _as_text(output: Any, params: ModelRequestParameters) -> str:
    if params.output_object is None:
        return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    schema = params.output_object.json_schema
    found = next((value for value in _text_envelopes(output, schema, schema) if fits(value, schema)), output)
    return json.dumps(found, ensure_ascii=False)


def _text_envelopes(output: Any, schema: Schema, root: Schema) -> Iterator[Any]:
    """The value as it stands, around the only field, and as each member of a union."""
    yield output
    properties = schema.get("properties", {})
    if len(properties) == 1:
        yield dict.fromkeys(properties, output)
    for member in properties.get("result", {}).get("anyOf", ()):
        inner = resolve(member.get("properties", {}).get("data", {}), root)
        kind = member.get("properties", {}).get("kind", {}).get("const")
        data = next((value for value in _text_envelopes(output, inner, root) if fits(value, inner, root)), None)
        if kind is not None and data is not None:
            yield {"result": {"kind": kind, "data": data}}
