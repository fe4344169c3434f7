"""Strategies for what a JSON schema allows: the arguments of tools and structured outputs.

The first alternative everywhere is the readable example that the automatic script uses (`{"order_id": "order_id"}`), so
a shrunk failure holds made-up values only where the failure needs others. What a schema does not show (a validator's
own rules) is for the agent to say; it answers with a retry prompt, and such an example is discarded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from harness.errors import UsageError
from harness.subjects.arguments import arguments
from harness.subjects.schemas import Schema, alternatives, fits, resolve

Values = st.SearchStrategy[Any]
DEEPEST = 4
"""How far a schema that repeats itself is followed."""
NOTHING = object()
SAFE = 2**53 - 1
"""Beyond it, JSON numbers lose digits on their way through other languages."""
TEXTS = ("", "naïve café — 東京 🎉", "line one\nline two", "x" * 2000)
"""Texts that break what only ever saw ASCII on one line."""


def values(schema: Schema) -> Values:
    """Values that fit `schema`; the simplest is its readable example."""
    return _Place(schema, schema, _example(schema, schema)).values()


def texts(least: int = 0, most: int | None = None) -> st.SearchStrategy[str]:
    """Texts that UTF-8 can carry, among them long ones, several lines, and other alphabets."""
    known = [text for text in TEXTS if least <= len(text) and (most is None or len(text) <= most)]
    free = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=least, max_size=_most(least, most))
    return st.one_of(free, st.sampled_from(known)) if known else free


def _most(least: int, most: int | None) -> int:
    return max(least, 40) if most is None else most


def _example(schema: Any, root: Schema) -> Any:
    definitions = {key: root[key] for key in ("$defs", "definitions") if key in root}
    try:
        return arguments({**definitions, **schema} if isinstance(schema, dict) else schema)
    except (UsageError, TypeError, AttributeError):
        return NOTHING


@dataclass(frozen=True)
class _Place:
    """One place in a schema, with the example that belongs there."""

    schema: Any
    root: Schema
    example: Any
    depth: int = 0

    def values(self) -> Values:
        """The example first, then whatever else fits."""
        try:
            here = replace(self, schema=resolve(self.schema, self.root))
        except (KeyError, TypeError):
            return _just(self.example)
        others = here.others() if self.depth < DEEPEST else st.nothing()
        fitting = others.filter(lambda value: fits(value, here.schema, self.root))
        return _just(self.example) | fitting

    def others(self) -> Values:
        """Everything else: a member of an enum or union, or a value of each type."""
        schema = self.schema
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(list(schema["enum"]))
        options = [member for union in ("anyOf", "oneOf") for member in alternatives(schema, union, self.root)]
        if options:
            return st.one_of([self.at(option, NOTHING).values() for option in options])
        kinds = schema.get("type", [])
        named = [kinds] if isinstance(kinds, str) else list(kinds)
        return st.one_of([_MAKERS[kind](self) for kind in named if kind in _MAKERS])

    def at(self, schema: Any, example: Any) -> _Place:
        """A place further down; without an example from above it has one of its own."""
        own = _example(schema, self.root) if example is NOTHING else example
        return _Place(schema, self.root, own, self.depth + 1)


def _just(value: Any) -> Values:
    return st.nothing() if value is NOTHING else st.just(value)


def _integers(place: _Place) -> Values:
    least, most = (int(bound) for bound in _bounds(place.schema))
    step = place.schema.get("multipleOf", 1)
    if isinstance(step, int) and step > 1:
        return st.integers(-(-least // step), most // step).map(lambda number: number * step)
    return st.integers(least, most)


def _numbers(place: _Place) -> Values:
    least, most = (float(bound) for bound in _bounds(place.schema))
    return st.floats(least, most, allow_nan=False, allow_infinity=False)


def _bounds(schema: Schema) -> tuple[float, float]:
    """The least and the most that a number may be. Whether a bound itself is meant is left to `fits`."""
    least = schema.get("minimum", schema.get("exclusiveMinimum", -SAFE))
    most = schema.get("maximum", schema.get("exclusiveMaximum", SAFE))
    return least, max(least, most)


def _strings(place: _Place) -> Values:
    schema = place.schema
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]()
    if "pattern" in schema:
        return st.from_regex(schema["pattern"]).filter(lambda text: "\x00" not in text)
    return texts(schema.get("minLength", 0), schema.get("maxLength"))


_FORMATS: dict[str, Callable[[], Values]] = {
    "date": lambda: st.dates().map(lambda day: day.isoformat()),
    "date-time": lambda: st.datetimes().map(lambda time: time.isoformat() + "Z"),
    "time": lambda: st.times().map(lambda time: time.isoformat()),
    "uuid": lambda: st.uuids().map(str),
    "email": lambda: st.sampled_from(["ada@example.com", "a.b+c@example.org"]),
    "uri": lambda: st.sampled_from(["https://example.com/", "https://example.com/a?b=c"]),
    "duration": lambda: st.integers(0, 86_400).map(lambda seconds: f"PT{seconds}S"),
}


def _arrays(place: _Place) -> Values:
    schema = place.schema
    if "prefixItems" in schema:
        return st.tuples(*[place.at(part, NOTHING).values() for part in schema["prefixItems"]]).map(list)
    items = place.at(schema.get("items", {"type": "string"}), NOTHING).values()
    least = schema.get("minItems", 0)
    most = min(schema.get("maxItems", least + 3), least + 3)
    return st.lists(items, min_size=least, max_size=most)


def _objects(place: _Place) -> Values:
    """Every required field, any of the others, and entries of a mapping."""
    schema = place.schema
    known = place.example if isinstance(place.example, dict) else {}
    fields = {
        name: place.at(part, known.get(name, NOTHING)).values() for name, part in schema.get("properties", {}).items()
    }
    required = {name: fields.get(name, texts()) for name in schema.get("required", ())}
    optional = {name: strategy for name, strategy in fields.items() if name not in required}
    named = st.fixed_dictionaries(required, optional=optional).map(lambda value: _ordered(value, fields))
    entries = schema.get("additionalProperties")
    if fields or not isinstance(entries, dict):
        return named
    return st.dictionaries(texts(1, 10), place.at(entries, NOTHING).values(), max_size=3)


def _ordered(value: dict[str, Any], fields: dict[str, Values]) -> dict[str, Any]:
    """The fields in the order of the schema, as a model would write them."""
    return {name: value[name] for name in [*fields, *value] if name in value}


_MAKERS: dict[str, Callable[[_Place], Values]] = {
    "null": lambda _: st.none(),
    "boolean": lambda _: st.booleans(),
    "integer": _integers,
    "number": _numbers,
    "string": _strings,
    "array": _arrays,
    "object": _objects,
}
