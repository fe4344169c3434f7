"""An example of a JSON schema: small, valid, and readable in a report.

Without a script every tool is called with arguments made here. They are the same in every process (nothing is random),
and a person who reads `{"order_id": "order_id", "amount": 1}` sees at once what was made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.errors import UsageError
from harness.subjects.scalars import numbers, texts
from harness.subjects.schemas import Schema, alternatives, fits, is_null, resolve


def arguments(schema: Schema) -> Any:
    """The smallest readable example of a JSON schema: required fields only, one item per list.

    A text is called like its field. A default, an entry of `examples` or the first member of an enum is used where the
    schema gives one. What tells the members of a union apart counts as required. The value fits the schema; whether it
    also satisfies validators that the schema does not show is for the agent to say. Raises `UsageError` that names the
    place in the schema where no value can be made.
    """
    try:
        return _Place(schema, schema).example()
    except _NoExample as error:
        raise UsageError(
            f"no example can be made for {error.path} of the JSON schema ({error.shown});"
            " give the arguments in a script"
        ) from None


class _NoExample(Exception):
    """No value here: the schema repeats itself for ever, contradicts itself, or is beyond this file."""

    def __init__(self, place: _Place) -> None:
        super().__init__(place.path)
        self.path = place.path
        shown = json.dumps(place.schema, default=str)
        self.shown = shown if len(shown) <= 120 else shown[:117] + "..."


@dataclass(frozen=True)
class _Place:
    """One place in a schema: what is wanted there, how it is called, and which references led to it.

    `variant` asks for a different value where several distinct ones are needed, `branch` for another member of a union
    where one member has no more.
    """

    schema: Any
    root: Schema
    path: str = "#"
    name: str = "text"
    variant: int = 0
    branch: int = 0
    above: tuple[str, ...] = ()

    def example(self) -> Any:
        """The first candidate that fits. Raises `_NoExample` for the deepest place that has none."""
        here = self._resolved()
        problem: _NoExample | None = None
        for candidates in here.ways():
            try:
                for value in candidates():
                    if fits(value, here.schema, here.root):
                        return value
            except _NoExample as error:
                problem = problem or error
        raise problem or _NoExample(here)

    def _resolved(self) -> _Place:
        """The place behind a reference. One that leads to itself has no smallest value."""
        reference = self.schema.get("$ref") if isinstance(self.schema, Mapping) else None
        if reference in self.above:
            raise _NoExample(self)
        above = (*self.above, reference) if reference else self.above
        try:
            return replace(self, schema=resolve(self.schema, self.root), above=above)
        except (KeyError, TypeError):
            raise _NoExample(self) from None

    def ways(self) -> Iterator[Callable[[], Iterable[Any]]]:
        """Ways to a value, best first: what the schema offers, a branch of a union, an example of each type."""
        yield self._offered
        for branch in self._branches():
            yield partial(_only, branch)
        for kind in _kinds(self.schema):
            yield partial(_MAKERS[kind], self)

    def _offered(self) -> list[Any]:
        """What the schema itself gives as a value; the later ones first if a later variant is wanted."""
        schema = self.schema
        offered = [schema["default"]] if "default" in schema else []
        offered += schema.get("examples", ())
        fixed = [*([schema["const"]] if "const" in schema else ()), *schema.get("enum", ())]
        return _turned(offered + fixed, self.variant) if fixed else offered[self.variant :]

    def _branches(self) -> Iterator[_Place]:
        """The alternatives of a union, `null` last, and all parts of an `allOf` taken together."""
        for keyword in ("anyOf", "oneOf"):
            members = alternatives(self.schema, keyword, self.root)
            options = sorted(enumerate(members), key=lambda option: is_null(option[1]))
            for index, option in _turned(options, self.branch):
                yield self.at(option, f"{keyword}/{index}")
        if "allOf" in self.schema:
            yield self.at(_merged(self.schema, self.root), "allOf")

    def at(self, schema: Any, path: str, name: str = "", variant: int | None = None) -> _Place:
        """A place further down."""
        variant = self.variant if variant is None else variant
        return replace(self, schema=schema, path=f"{self.path}/{path}", name=name or self.name, variant=variant)


def _only(place: _Place) -> Iterator[Any]:
    yield place.example()


def _turned(values: list[Any], by: int) -> list[Any]:
    start = by % len(values) if values else 0
    return values[start:] + values[:start]


def _strings(place: _Place) -> Iterator[Any]:
    if "contentSchema" in place.schema:  # a text that is JSON itself
        yield json.dumps(place.at(place.schema["contentSchema"], "contentSchema").example(), default=str)
    yield from texts(place.schema, place.name, place.variant)


def _arrays(place: _Place) -> Iterator[Any]:
    """One item rather than none, because a tool that is given an empty list often does nothing."""
    schema = place.schema
    fixed = [place.at(part, f"prefixItems/{i}").example() for i, part in enumerate(schema.get("prefixItems", ()))]
    least = max(schema.get("minItems", 0), len(fixed))
    if not least and "items" in schema:
        try:
            yield _listed(place, 1)
        except _NoExample:
            yield []  # its items cannot end, so it has none
    yield [*fixed, *_listed(place, least - len(fixed))]


def _listed(place: _Place, count: int) -> list[Any]:
    """`count` items that differ; fewer if the list must be a set and no more can be made."""
    items, unique = place.schema.get("items", {}), place.schema.get("uniqueItems", False)
    found: list[Any] = []
    for branch in range(4 if unique else 1):
        for variant in range(4 * count if unique else count):
            if len(found) < count:
                there = place.at(items, "items", _singular(place.name), place.variant + variant)
                item = replace(there, branch=place.branch + branch).example()
                found += [] if unique and item in found else [item]
    return found


def _objects(place: _Place) -> Iterator[Any]:
    schema = place.schema
    properties, required = schema.get("properties", {}), schema.get("required", ())
    names = [name for name in properties if name in required] + [n for n in required if n not in properties]
    value = {name: _property(place, name) for name in names}
    yield value
    least = schema.get("minProperties", 0)
    more = [name for name in properties if name not in value][: max(0, least - len(value))]
    value |= {name: _property(place, name) for name in more}
    yield {**value, **_entries(place, least - len(value))}


def _property(place: _Place, name: str) -> Any:
    return place.at(place.schema.get("properties", {}).get(name, {}), f"properties/{name}", name).example()


def _entries(place: _Place, count: int) -> dict[str, Any]:
    """Entries of a mapping that must not be empty."""
    schema = place.schema
    keys: Any = {"type": "string", **schema.get("propertyNames", {})}
    values: Any = schema.get("additionalProperties", {})
    for pattern, wanted in schema.get("patternProperties", {}).items():
        keys, values = {"type": "string", "pattern": pattern}, wanted
    entries: dict[str, Any] = {}
    for variant in range(4 * max(0, count)):
        if len(entries) < count:
            # A number as text is a key of `dict[str, …]` and of `dict[int, …]`, which look the same here.
            key = place.at(keys, "propertyNames", "1", variant).example()
            entries[key] = place.at(values, "additionalProperties", key, variant).example()
    return entries


_MAKERS: dict[str, Callable[[_Place], Iterable[Any]]] = {
    "null": lambda _: [None],
    "boolean": lambda place: _turned([True, False], place.variant),
    "integer": lambda place: numbers(place.schema, place.variant),
    "number": lambda place: numbers(place.schema, place.variant),
    "string": _strings,
    "array": _arrays,
    "object": _objects,
}


def _kinds(schema: Schema) -> list[str]:
    """The JSON types that a schema allows, `null` last; guessed from its keywords where it names none."""
    named = schema.get("type")
    if named is not None:
        kinds = [named] if isinstance(named, str) else list(named)
        return sorted((kind for kind in kinds if kind in _MAKERS), key=lambda kind: kind == "null")
    if any(keyword in schema for keyword in ("const", "enum", "anyOf", "oneOf", "allOf")):
        return []
    if "properties" in schema or "additionalProperties" in schema:
        return ["object"]
    if "items" in schema or "prefixItems" in schema:
        return ["array"]
    return ["string", "integer", "object", "array"]


def _merged(schema: Schema, root: Schema) -> Schema:
    """All parts of an `allOf` as one schema, with what stands beside it."""
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for given in schema["allOf"]:
        resolved = resolve(given, root)
        part = _merged(resolved, root) if "allOf" in resolved else resolved
        properties = {**merged.get("properties", {}), **part.get("properties", {})}
        required = dict.fromkeys([*merged.get("required", ()), *part.get("required", ())])
        merged.update(part)
        merged.update({"properties": properties} if properties else {})
        merged.update({"required": list(required)} if required else {})
    return merged


def _singular(name: str) -> str:
    """What an item of a list is called: `orders` holds an `order`."""
    if name.endswith("ies") and len(name) > 4:
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") and len(name) > 3 else name
