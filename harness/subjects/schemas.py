"""Does a value fit a JSON schema? A small answer, for the dialect that pydantic writes.

The scripted model needs it to find the output tool that a value belongs to, and to check the examples it
makes up. It judges as pydantic's lax mode does where the two differ (a number may stand for a string's
format, never for its type), and takes keywords that it does not know as fulfilled: the agent itself has the
last word on every value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]


def resolve(schema: Any, root: Schema) -> Schema:
    """Follow `$ref` inside `root` and give booleans their schema. Keywords beside a `$ref` are kept, as
    pydantic does.

    Raises `KeyError` if a reference leads nowhere.
    """
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    seen: set[str] = set()
    while "$ref" in schema and schema["$ref"] not in seen:
        seen.add(schema["$ref"])
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**_lookup(schema["$ref"], root), **beside}
    result: Schema = schema
    return result


def fits(value: Any, schema: Any, root: Schema | None = None) -> bool:
    """Whether a JSON value fits a schema. `root` holds the definitions, if they are not in the schema
    itself.
    """
    root = schema if root is None else root
    try:
        schema = resolve(schema, root)
    except (KeyError, TypeError):
        return False
    return all(
        keyword(value, schema[name], schema, root) for name, keyword in _KEYWORDS.items() if name in schema
    )


def _lookup(reference: str, root: Any) -> Schema:
    node = root
    for part in reference.removeprefix("#").split("/"):
        if part:
            node = node[part.replace("~1", "/").replace("~0", "~")]
    if not isinstance(node, Mapping):
        raise KeyError(reference)
    return node


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and float(value).is_integer(),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}


def _type(value: Any, wanted: Any, schema: Schema, root: Schema) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(_TYPES.get(name, lambda _: True)(value) for name in names)


def _multiple(value: Any, step: Any, schema: Schema, root: Schema) -> bool:
    if not _is_number(value):
        return True
    rest = math.remainder(value, step)
    return abs(rest) <= abs(step) * 1e-9


def _pattern(value: Any, pattern: Any, schema: Schema, root: Schema) -> bool:
    try:
        return not isinstance(value, str) or re.search(pattern, value) is not None
    except re.error:  # a dialect that this interpreter does not read
        return True


def _properties(value: Any, properties: Any, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, Mapping):
        return True
    return all(fits(value[name], schema, root) for name, schema in properties.items() if name in value)


def _additional(value: Any, additional: Any, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, Mapping):
        return True
    patterns = schema.get("patternProperties", {})
    rest = [name for name in value if name not in schema.get("properties", {})]
    rest = [name for name in rest if not any(re.search(pattern, str(name)) for pattern in patterns)]
    return all(fits(value[name], additional, root) for name in rest)


def _items(value: Any, items: Any, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, list | tuple):
        return True
    return all(fits(item, items, root) for item in value[len(schema.get("prefixItems", [])) :])


def _prefix(value: Any, prefix: Any, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, list | tuple):
        return True
    return all(fits(item, schema, root) for item, schema in zip(value, prefix, strict=False))


def _unique(value: Any, unique: Any, schema: Schema, root: Schema) -> bool:
    if not unique or not isinstance(value, list | tuple):
        return True
    return not any(item in value[:index] for index, item in enumerate(value))


def _any_of(value: Any, options: Any, schema: Schema, root: Schema) -> bool:
    # oneOf counts as anyOf: pydantic writes it for tagged unions, where the tag decides.
    return any(fits(value, option, root) for option in options)


def _sized(
    kind: type | tuple[type, ...], within: Callable[[int, Any], bool]
) -> Callable[[Any, Any, Any, Any], bool]:
    return lambda value, limit, schema, root: not isinstance(value, kind) or within(len(value), limit)


def _bounded(within: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Any, Any], bool]:
    return lambda value, limit, schema, root: not _is_number(value) or within(value, limit)


_KEYWORDS: dict[str, Callable[[Any, Any, Schema, Schema], bool]] = {
    "type": _type,
    "const": lambda value, const, schema, root: _same(value, const),
    "enum": lambda value, options, schema, root: any(_same(value, option) for option in options),
    "anyOf": _any_of,
    "oneOf": _any_of,
    "allOf": lambda value, parts, schema, root: all(fits(value, part, root) for part in parts),
    "not": lambda value, unwanted, schema, root: not fits(value, unwanted, root),
    "minimum": _bounded(lambda value, limit: value >= limit),
    "maximum": _bounded(lambda value, limit: value <= limit),
    "exclusiveMinimum": _bounded(lambda value, limit: value > limit),
    "exclusiveMaximum": _bounded(lambda value, limit: value < limit),
    "multipleOf": _multiple,
    "minLength": _sized(str, lambda size, limit: size >= limit),
    "maxLength": _sized(str, lambda size, limit: size <= limit),
    "pattern": _pattern,
    "minItems": _sized((list, tuple), lambda size, limit: size >= limit),
    "maxItems": _sized((list, tuple), lambda size, limit: size <= limit),
    "uniqueItems": _unique,
    "prefixItems": _prefix,
    "items": _items,
    "minProperties": _sized(Mapping, lambda size, limit: size >= limit),  # type: ignore[type-abstract]
    "maxProperties": _sized(Mapping, lambda size, limit: size <= limit),  # type: ignore[type-abstract]
    "required": lambda value, names, schema, root: not isinstance(value, Mapping) or set(names) <= set(value),
    "properties": _properties,
    "additionalProperties": _additional,
}


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON, in which `true` is not 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)
