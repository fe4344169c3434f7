"""Whether a key that was said of a tool stands somewhere in what the tool takes. Else it protects nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.contract import parts_of
from harness.errors import UsageError
from harness.subjects.schemas import Schema, resolve

if TYPE_CHECKING:
    from harness.contract import ToolPolicy


def refuse_lost_keys(said: Mapping[str, ToolPolicy], taken: Mapping[str, Schema]) -> None:
    """Raise `UsageError` for the key of a tool that nothing which it takes has a place for."""
    for tool, policy in said.items():
        if policy.key in (None, "tool_call_id") or tool not in taken:
            continue
        path = parts_of(policy.key or "")
        if not _leads(path, taken[tool], taken[tool]):
            places = dict.fromkeys(
                name for one in _ways(taken[tool], taken[tool]) for name in one.get("properties", ())
            )
            raise UsageError(policy.without_place(tool, "no call of it", places))


def _leads(path: Sequence[str], schema: Any, root: Schema) -> bool:
    """Whether something may stand at a path. What a schema leaves open may be anything."""
    return not path or any(_leads_on(path, one, root) for one in _ways(schema, root))


def _leads_on(path: Sequence[str], schema: Schema, root: Schema) -> bool:
    first, rest = path[0], path[1:]
    fields, kind = schema.get("properties", {}), schema.get("type")
    if first in fields:
        return _leads(rest, fields[first], root)
    if kind == "array" and first.isdigit():
        return _leads(rest, schema.get("items", True), root)
    closed = "properties" in schema or schema.get("additionalProperties") is False
    return bool(schema.get("additionalProperties")) or (kind in (None, "object") and not closed)


def _ways(schema: Any, root: Schema) -> Iterator[Schema]:
    """A schema, or each of those that it is a choice of."""
    found = resolve(schema, root)
    choices = [one for word in ("anyOf", "oneOf", "allOf") for one in found.get(word, ())]
    for one in choices:
        yield from _ways(one, root)
    if not choices or "properties" in found:
        yield found
