"""How an output reaches the agent: through which output tool, as JSON text, or as plain text.

A script says only *what* the agent's output is. pydantic-ai wants it in one of several envelopes, depending on
`output_type` and on the model: a tool per member of a union, `{"response": …}` around anything that is no object,
`{"result": {"kind": …, "data": …}}` around a union without tools. The envelope is found by trying the schemas.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
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
    """The form in which these request parameters want `output`; `tool` names an output tool that must be used.

    An output that fits nothing is sent all the same, to the first output tool or as text: rejecting it is the agent's
    business.
    """
    if tool is None and isinstance(output, str) and _takes_any_text(params):
        return Delivery(None, output)
    tools = [known for known in params.output_tools if tool is None or known.name == tool]
    for strictly in (True, False):
        for known in tools:
            found = _first(_tool_envelopes(output, known), known.parameters_json_schema, strictly=strictly)
            if found is not _NONE:
                return Delivery(known.name, found)
    if tools and (tool or not params.allow_text_output):
        return Delivery(tools[0].name, output if isinstance(output, Mapping) else {_key(tools[0]): output})
    return Delivery(None, _as_text(output, params))


_NONE = object()


def _first(envelopes: Iterable[Any], schema: Schema, *, strictly: bool, root: Schema | None = None) -> Any:
    """The first envelope that fits, or `_NONE`.

    `strictly` refuses fields that the schema does not name, so that a model whose fields are all optional does not
    swallow what was meant for another.
    """
    for value in envelopes:
        unknown = isinstance(value, Mapping) and not set(value) <= set(schema.get("properties", value))
        if fits(value, schema, root) and not (strictly and unknown):
            return value
    return _NONE


def _takes_any_text(params: ModelRequestParameters) -> bool:
    return params.allow_text_output and (params.output_object is None or params.output_mode in ("text", "tool"))


def _tool_envelopes(output: Any, tool: ToolDefinition) -> Iterator[Any]:
    """The value in the tool's own wrapper first, then as it stands, then around the only field it may mean."""
    if tool.outer_typed_dict_key:
        yield {tool.outer_typed_dict_key: output}
    yield output
    yield {_key(tool): output}


def _key(tool: ToolDefinition) -> str:
    required = tool.parameters_json_schema.get("required") or list(tool.parameters_json_schema.get("properties", ()))
    return tool.outer_typed_dict_key or next(iter(required), "response")


def _as_text(output: Any, params: ModelRequestParameters) -> str:
    if params.output_object is None:
        return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    schema = params.output_object.json_schema
    ways = (
        _first(_text_envelopes(output, schema, schema, strictly=way), schema, strictly=way) for way in (True, False)
    )
    return json.dumps(next((found for found in ways if found is not _NONE), output), ensure_ascii=False)


def _text_envelopes(output: Any, schema: Schema, root: Schema, *, strictly: bool) -> Iterator[Any]:
    """The value as it stands, around the only field, and as each member of a union."""
    yield output
    properties = schema.get("properties", {})
    if len(properties) == 1:
        yield dict.fromkeys(properties, output)
    for member in properties.get("result", {}).get("anyOf", ()):
        parts = member.get("properties", {})
        inner = resolve(parts.get("data", {}), root)
        data = _first(_text_envelopes(output, inner, root, strictly=strictly), inner, strictly=strictly, root=root)
        if "kind" in parts and data is not _NONE:
            yield {"result": {"kind": parts["kind"].get("const"), "data": data}}
