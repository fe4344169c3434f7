"""An example of a JSON schema: small, valid, and readable in a report.

Without a script every tool is called with arguments made here. They are the same in every process (nothing
random), and a person who reads `{"order_id": "order_id", "amount": 1}` sees at once what was made up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.subjects.patterns import matching
from harness.subjects.schemas import Schema, fits, resolve

FORMATS: dict[str, tuple[str, ...]] = {
    "date-time": ("2000-01-01T00:00:00Z",),
    "date": ("2000-01-01",),
    "time": ("00:00:00Z", "00:00:00"),
    "duration": ("PT1S",),
    "email": ("someone@example.com",),
    "idn-email": ("someone@example.com",),
    "name-email": ("Someone <someone@example.com>",),
    "uri": ("https://example.com/",),
    "uri-reference": ("https://example.com/",),
    "multi-host-uri": ("https://example.com/",),
    "hostname": ("example.com",),
    "uuid": ("00000000-0000-4000-8000-000000000001",),
    "uuid1": ("00000000-0000-1000-8000-000000000001",),
    "uuid3": ("00000000-0000-3000-8000-000000000001",),
    "uuid4": ("00000000-0000-4000-8000-000000000001",),
    "uuid5": ("00000000-0000-5000-8000-000000000001",),
    "uuid6": ("00000000-0000-6000-8000-000000000001",),
    "uuid7": ("00000000-0000-7000-8000-000000000001",),
    "uuid8": ("00000000-0000-8000-8000-000000000001",),
    "ipv4": ("127.0.0.1",),
    "ipv6": ("::1",),
    "ipvanyaddress": ("127.0.0.1",),
    "ipv4interface": ("127.0.0.1/32",),
    "ipv6interface": ("::1/128",),
    "ipvanyinterface": ("127.0.0.1/32",),
    "ipv4network": ("127.0.0.0/8",),
    "ipv6network": ("::/64",),
    "ipvanynetwork": ("127.0.0.0/8",),
    "base64": ("dGV4dA==",),
    "base64url": ("dGV4dA==",),
    "json-string": ("{}",),
    "regex": (".*",),
    "color": ("red",),
    "file-path": ("/etc/hosts",),
    "directory-path": (".",),
    "zoneinfo": ("UTC",),
}
"""What stands for a string of each format that pydantic writes. Others (`path`, `binary`, `password`) take
any text.
"""

_ANY_TEXT = "text"


def arguments(schema: Schema) -> Any:
    """The smallest readable example of a JSON schema: required fields only, one item per list, fields' own
    names.

    A default, an `examples` entry or the first member of an enum is used where the schema gives one. The
    value fits the schema; whether it also satisfies validators that the schema does not show is for the agent
    to say. Raises `UsageError` that names the place in the schema for which no value could be made.
    """
    try:
        value = _Place(schema, schema, "#", _ANY_TEXT).example()
    except RecursionError:
        value = _STUCK
    if value is _STUCK or not fits(value, schema):
        raise _refusal(schema, "#")
    return value


class _Stuck:
    """No value here: the schema repeats itself for ever, contradicts itself, or is beyond this file."""


_STUCK = _Stuck()


def _refusal(schema: Schema, path: str) -> UsageError:
    shown = json.dumps(schema, default=str)
    shown = shown if len(shown) <= 200 else shown[:197] + "..."
    return UsageError(
        f"no example can be made for {path} of the JSON schema {shown}; give the arguments in a script"
    )


@dataclass(frozen=True)
class _Place:
    """One place in a schema: what is wanted there, how it is called, and which references led to it.

    `variant` asks for a different value where several distinct ones are needed.
    """

    schema: Any
    root: Schema
    path: str
    name: str
    variant: int = 0
    above: tuple[str, ...] = ()

    def example(self) -> Any:
        """The first candidate that fits. Raises `UsageError` if there is none and no way around."""
        reference = self.schema.get("$ref") if isinstance(self.schema, Mapping) else None
        if reference in self.above:
            return _STUCK
        try:
            schema = resolve(self.schema, self.root)
        except (KeyError, TypeError):
            raise _refusal(self.schema, self.path) from None
        here = replace(self, schema=schema, above=(*self.above, reference) if reference else self.above)
        return next((value for value in here._candidates() if fits(value, schema, self.root)), _STUCK)

    def _candidates(self) -> Iterator[Any]:
        """Values worth trying, best first. One that is stuck is left out, so that another branch may do."""
        for value in self._given():
            yield value
        for branch in self._branches():
            value = branch.example()
            if value is not _STUCK:
                yield value
        for kind in _kinds(self.schema):
            yield from (value for value in _MAKERS[kind](self) if value is not _STUCK)

    def _given(self) -> list[Any]:
        """What the schema itself offers as a value."""
        schema = self.schema
        given = [schema[key] for key in ("const", "default") if key in schema]
        given += [*schema.get("examples", ()), *schema.get("enum", ())]
        start = self.variant % len(given) if given else 0
        return [*given[start:], *given[:start]]

    def _branches(self) -> Iterator[_Place]:
        """The alternatives of a union (`null` last), and all parts of an `allOf` taken together."""
        for keyword in ("anyOf", "oneOf"):
            options = list(enumerate(self.schema.get(keyword, ())))
            options.sort(key=lambda option: _is_null(option[1]))
            start = self.variant % len(options) if options else 0
            for index, option in [*options[start:], *options[:start]]:
                yield self._at(option, f"{keyword}/{index}")
        if "allOf" in self.schema:
            yield self._at(_merged(self.schema, self.root), "allOf")

    def _at(self, schema: Any, path: str, name: str | None = None, variant: int | None = None) -> _Place:
        return replace(
            self,
            schema=schema,
            path=f"{self.path}/{path}",
            name=self.name if name is None else name,
            variant=self.variant if variant is None else variant,
        )

    # One method per JSON type: each yields candidates, best first.

    def nulls(self) -> Iterator[Any]:
        yield None

    def booleans(self) -> Iterator[Any]:
        yield self.variant % 2 == 0
        yield self.variant % 2 == 1

    def numbers(self) -> Iterator[Any]:
        return _numbers(self.schema, self.variant, whole=False)

    def integers(self) -> Iterator[Any]:
        return _numbers(self.schema, self.variant, whole=True)

    def strings(self) -> Iterator[Any]:
        schema, suffix = self.schema, str(self.variant + 1) if self.variant else ""
        if "contentSchema" in schema:
            inner = self._at(schema["contentSchema"], "contentSchema").example()
            yield json.dumps(inner, default=str)
        least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
        formatted = FORMATS.get(schema.get("format", ""), ())
        yield from (_varied(text, self.variant) for text in formatted)
        for text in (self.name + suffix, suffix + self.name):
            yield _sized(text, least, most)
        if "pattern" in schema:
            yield from matching(schema["pattern"], least, most, self.variant)

    def arrays(self) -> Iterator[Any]:
        schema = self.schema
        fixed = [
            self._at(part, f"prefixItems/{i}").example()
            for i, part in enumerate(schema.get("prefixItems", ()))
        ]
        items = schema.get("items", {} if "prefixItems" not in schema else False)
        wanted = max(schema.get("minItems", 0), len(fixed))
        telling = max(wanted, min(1, schema.get("maxItems", 1))) if items not in (False, {}) else wanted
        for size in dict.fromkeys((telling, wanted)):
            rest = self._distinct(items, size - len(fixed), bool(schema.get("uniqueItems")))
            value = [*fixed[:size], *rest]
            yield _STUCK if any(item is _STUCK for item in value) else value

    def _distinct(self, items: Any, count: int, unique: bool) -> list[Any]:
        """`count` items, all different if the list must be a set; fewer if no more can be made."""
        found: list[Any] = []
        for variant in range(self.variant, self.variant + (4 * count + 8 if unique else count)):
            if len(found) < count:
                item = self._at(items, "items", _singular(self.name), variant).example()
                if item is _STUCK or not unique or item not in found:
                    found.append(item)
        return found

    def objects(self) -> Iterator[Any]:
        schema = self.schema
        properties, required = schema.get("properties", {}), list(schema.get("required", ()))
        value = {
            name: self._property(name) for name in [*(p for p in properties if p in required), *required]
        }
        if any(item is _STUCK for item in value.values()):
            yield _STUCK
            return
        yield value
        for name in (name for name in properties if name not in value):
            if len(value) < schema.get("minProperties", 0) and (item := self._property(name)) is not _STUCK:
                value = {**value, name: item}
        yield {**value, **self._extra(schema.get("minProperties", 0) - len(value))}

    def _property(self, name: str) -> Any:
        return self._at(self.schema.get("properties", {}).get(name, {}), f"properties/{name}", name).example()

    def _extra(self, count: int) -> dict[str, Any]:
        """Entries of a mapping that must not be empty."""
        patterns = self.schema.get("patternProperties", {})
        keys: Any = self.schema.get("propertyNames", {"type": "string"})
        values: Any = self.schema.get("additionalProperties", {})
        for pattern, wanted in patterns.items():
            keys, values = {"type": "string", "pattern": pattern}, wanted
        entries: dict[str, Any] = {}
        for variant in range(max(0, 4 * count)):
            key = self._at({"type": "string", **keys}, "propertyNames", "key", variant).example()
            if len(entries) < count and key is not _STUCK:
                entries[key] = self._at(values, "additionalProperties", str(key), variant).example()
        return {} if any(item is _STUCK for item in entries.values()) else entries


_MAKERS = {
    "null": _Place.nulls,
    "boolean": _Place.booleans,
    "integer": _Place.integers,
    "number": _Place.numbers,
    "string": _Place.strings,
    "array": _Place.arrays,
    "object": _Place.objects,
}


def _kinds(schema: Schema) -> list[str]:
    """The JSON types that a schema allows, `null` last; guessed from its keywords where it names none."""
    named = schema.get("type")
    if named is not None:
        kinds = [named] if isinstance(named, str) else list(named)
        return sorted((kind for kind in kinds if kind in _MAKERS), key=lambda kind: kind == "null")
    if any(keyword in schema for keyword in ("const", "enum", "anyOf", "oneOf", "allOf", "not")):
        return []
    if "properties" in schema or "additionalProperties" in schema:
        return ["object"]
    return (
        ["array"]
        if "items" in schema or "prefixItems" in schema
        else ["string", "integer", "object", "array"]
    )


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and (schema.get("type") == "null" or schema.get("const", "") is None)


def _merged(schema: Schema, root: Schema) -> Schema:
    """All parts of an `allOf` as one schema, with what stands beside it."""
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        part = resolve(part, root)
        part = _merged(part, root) if "allOf" in part else part
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged.update(part)
        merged.update({"properties": properties} if properties else {})
        merged.update({"required": list(dict.fromkeys(required))} if required else {})
    return merged


def _numbers(schema: Schema, variant: int, whole: bool) -> Iterator[Any]:
    """1 where it is allowed, then the bounds, then what lies between them."""
    step = schema.get("multipleOf", 1 if whole else 0)
    least = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf))
    most = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf))
    base = 1 if least <= 1 <= most else least if math.isfinite(least) else most
    found = [base, base + 1, base - 1, 0, least, most]
    found += [(least + most) / 2, math.nextafter(least, math.inf), math.nextafter(most, -math.inf)]
    if step:
        near = [math.ceil(value / step) for value in found if math.isfinite(value)]
        found = [multiple * step for multiple in near] + [(multiple + 1) * step for multiple in near]
    moved = [value + variant * (step or 1) for value in found] if variant else []
    moved += [value - variant * (step or 1) for value in found] if variant else []
    for value in [*moved, *found]:
        if math.isfinite(value):
            yield int(value) if float(value).is_integer() else value


def _sized(text: str, least: int, most: float) -> str:
    """Repeat or cut a text to a length that is allowed."""
    if text and len(text) < least:
        text = (text * math.ceil(least / len(text)))[:least]
    return text if len(text) <= most else text[: int(most)]


def _varied(text: str, variant: int) -> str:
    """Another text of the same format: the last digit of a date, address or id counts up."""
    if not variant:
        return text
    if "example.com" in text:
        return text.replace("example.com", f"example{variant}.com")
    at = max((index for index, c in enumerate(text) if c == "1"), default=-1)
    return text if at < 0 else f"{text[:at]}{(1 + variant) % 10}{text[at + 1 :]}"


def _singular(name: str) -> str:
    """What an item of a list is called: `orders` holds an `order`."""
    if name.endswith("ies") and len(name) > 4:
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") and len(name) > 3 else name
