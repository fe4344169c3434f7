"""Does a value fit a JSON schema? A small answer, for the dialect that pydantic writes.

The scripted model needs it to find the output tool that a value belongs to, and to check the examples it makes up. It
judges as pydantic's lax mode does where the two differ (a number may stand for a string's format, never for its type),
and takes keywords that it does not know as fulfilled: the agent itself has the last word on every value.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]


def resolve(schema: Any, root: Schema) -> Schema:
    """Follow `$ref` inside `root` and give booleans their schema. Keywords beside a `$ref` are kept, as pydantic does.

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


def alternatives(schema: Schema, keyword: str, root: Schema) -> list[Any]:
    """The members of a union (`anyOf`, `oneOf`). Among several, each requires the fields that can tell them apart.

    Such a field, a `const` or an `enum`, may have a default, and pydantic wants it in the value all the same. It is
    known by its own schema, because many a provider's dialect leaves the `discriminator` out, which would name it.
    """
    options = list(schema.get(keyword, ()))
    several = sum(not is_null(option) for option in options) > 1
    return [_tagged(option, root) for option in options] if several else options


def _tagged(option: Any, root: Schema) -> Any:
    try:
        member = resolve(option, root)
    except (KeyError, TypeError):  # it is refused where a value is made for it
        return option
    tags = [name for name, field in member.get("properties", {}).items() if _is_fixed(field)]
    return {**option, "required": list(dict.fromkeys([*member.get("required", ()), *tags]))} if tags else option


def _is_fixed(schema: Any) -> bool:
    return isinstance(schema, Mapping) and ("const" in schema or "enum" in schema)


def is_null(schema: Any) -> bool:
    """Whether nothing but `null` fits."""
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("const", "") is None)


def fits(value: Any, schema: Any, root: Schema | None = None) -> bool:
    """Whether a JSON value fits a schema. `root` holds the definitions, if they are not in the schema itself."""
    root = schema if root is None else root
    try:
        case = _Case(value, resolve(schema, root), root)
    except (KeyError, TypeError):
        return False
    return all(check(case, case.schema[name]) for name, check in _KEYWORDS.items() if name in case.schema)


@dataclass(frozen=True)
class _Case:
    """A value beside the schema that it should fit."""

    value: Any
    schema: Schema
    root: Schema

    def all_fit(self, values: Iterable[Any], schema: Any) -> bool:
        return all(fits(value, schema, self.root) for value in values)


_Check = Callable[[_Case, Any], bool]


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


def _type(case: _Case, wanted: Any) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(_TYPES.get(name, lambda _: True)(case.value) for name in names)


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON, in which `true` is not 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _enum(case: _Case, options: Any) -> bool:
    return any(_same(case.value, option) for option in options)


def _any_of(case: _Case, options: Any) -> bool:
    # oneOf counts as anyOf: pydantic writes it for tagged unions, where the tag decides.
    return any(fits(case.value, option, case.root) for option in options)


def _all_of(case: _Case, parts: Any) -> bool:
    return all(fits(case.value, part, case.root) for part in parts)


def _multiple(case: _Case, step: Any) -> bool:
    return not _is_number(case.value) or abs(math.remainder(case.value, step)) <= abs(step) * 1e-9


def _pattern(case: _Case, pattern: Any) -> bool:
    try:
        return not isinstance(case.value, str) or re.search(pattern, case.value) is not None
    except re.error:  # a dialect that this interpreter does not read
        return True


def _items(case: _Case, items: Any) -> bool:
    fixed = len(case.schema.get("prefixItems", ()))
    return not isinstance(case.value, list | tuple) or case.all_fit(case.value[fixed:], items)


def _prefix(case: _Case, prefix: Any) -> bool:
    if not isinstance(case.value, list | tuple):
        return True
    return all(fits(item, schema, case.root) for item, schema in zip(case.value, prefix, strict=False))


def _unique(case: _Case, unique: Any) -> bool:
    if not unique or not isinstance(case.value, list | tuple):
        return True
    # By Python's equality, in which True is 1: the list becomes a Python set.
    return not any(item in case.value[:index] for index, item in enumerate(case.value))


def _required(case: _Case, names: Any) -> bool:
    return not isinstance(case.value, Mapping) or set(names) <= set(case.value)


def _discriminator(case: _Case, discriminator: Any) -> bool:
    tag = discriminator.get("propertyName") if isinstance(discriminator, Mapping) else None
    return tag is None or not isinstance(case.value, Mapping) or tag in case.value


def _properties(case: _Case, properties: Any) -> bool:
    if not isinstance(case.value, Mapping):
        return True
    return all(fits(case.value[name], properties[name], case.root) for name in properties if name in case.value)


def _pattern_properties(case: _Case, patterns: Any) -> bool:
    if not isinstance(case.value, Mapping):
        return True
    found = ((item, patterns[pattern]) for name, item in case.value.items() for pattern in _matched(name, patterns))
    return all(fits(item, schema, case.root) for item, schema in found)


def _additional(case: _Case, additional: Any) -> bool:
    if not isinstance(case.value, Mapping):
        return True
    known, patterns = case.schema.get("properties", {}), case.schema.get("patternProperties", {})
    rest = (item for name, item in case.value.items() if name not in known and not _matched(name, patterns))
    return case.all_fit(rest, additional)


def _matched(name: Any, patterns: Any) -> list[str]:
    return [pattern for pattern in patterns if re.search(pattern, str(name))]


def _names(case: _Case, schema: Any) -> bool:
    return not isinstance(case.value, Mapping) or case.all_fit(case.value, schema)


def _long(kind: type[Any] | tuple[type[Any], ...], within: Callable[[int, Any], bool]) -> _Check:
    return lambda case, limit: not isinstance(case.value, kind) or within(len(case.value), limit)


def _bounded(within: Callable[[Any, Any], bool]) -> _Check:
    return lambda case, limit: not _is_number(case.value) or within(case.value, limit)


_KEYWORDS: dict[str, _Check] = {
    "type": _type,
    "const": lambda case, const: _same(case.value, const),
    "enum": _enum,
    "anyOf": _any_of,
    "oneOf": _any_of,
    "allOf": _all_of,
    "not": lambda case, unwanted: not fits(case.value, unwanted, case.root),
    "minimum": _bounded(operator.ge),
    "maximum": _bounded(operator.le),
    "exclusiveMinimum": _bounded(operator.gt),
    "exclusiveMaximum": _bounded(operator.lt),
    "multipleOf": _multiple,
    "minLength": _long(str, operator.ge),
    "maxLength": _long(str, operator.le),
    "pattern": _pattern,
    "minItems": _long((list, tuple), operator.ge),
    "maxItems": _long((list, tuple), operator.le),
    "uniqueItems": _unique,
    "prefixItems": _prefix,
    "items": _items,
    "minProperties": _long(dict, operator.ge),
    "maxProperties": _long(dict, operator.le),
    "required": _required,
    "discriminator": _discriminator,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
}
