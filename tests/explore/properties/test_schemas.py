"""Strategies for JSON schemas: everything drawn fits, and the simplest is what a person would have written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis.errors import NoSuchExample

from harness.explore.properties.profile import durable
from harness.explore.properties.schemas import values
from harness.subjects.schemas import fits

NODE = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}}}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {"order_id": {"type": "string"}, "cents": {"type": "integer", "minimum": 1}},
    "required": ["order_id", "cents"],
}
SCHEMAS: dict[str, dict[str, Any]] = {
    "an order": ORDER,
    "exclusive bounds": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "a multiple": {"type": "integer", "minimum": 7, "maximum": 50, "multipleOf": 6},
    "a pattern": {"type": "string", "pattern": "^[A-Z]{3}-[0-9]+$"},
    "a date": {"type": "string", "format": "date"},
    "an enum": {"enum": ["red", "green", None]},
    "a union": {"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 3}]},
    "two or three": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
    "a pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2},
    "a mapping": {"type": "object", "additionalProperties": {"type": "integer"}},
    "itself again": {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    "tags with a default": {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": kind, "default": kind}, "n": {"type": "integer"}}}
            for kind in ("cat", "dog")
        ],
        "discriminator": {"propertyName": "kind"},
    },
    "all of": {"allOf": [{"type": "integer"}, {"minimum": 3}]},
}
QUIETLY = durable(max_examples=25, derandomize=True, database=None)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_what_is_drawn_fits_and_is_json(schema: dict[str, Any]) -> None:
    @given(values(schema))
    @QUIETLY
    def holds(value: Any) -> None:
        assert fits(value, schema)
        assert json.loads(json.dumps(value, allow_nan=False)) == value

    holds()


def test_the_simplest_value_is_the_readable_example() -> None:
    assert find(values(ORDER), lambda _: True, settings=QUIETLY) == {"order_id": "order_id", "cents": 1}


def test_a_tag_is_always_drawn() -> None:
    unnamed = {"oneOf": SCHEMAS["tags with a default"]["oneOf"]}

    for schema in (SCHEMAS["tags with a default"], unnamed):
        with pytest.raises(NoSuchExample):
            find(values(schema), lambda value: "kind" not in value, settings=QUIETLY)
        assert find(values(schema), lambda value: value["kind"] == "dog", settings=QUIETLY) == {"kind": "dog"}


def test_a_field_that_matters_shrinks_and_the_others_stay_readable() -> None:
    found = find(values(ORDER), lambda value: value["cents"] > 100, settings=QUIETLY)

    assert found == {"order_id": "order_id", "cents": 101}


@pytest.mark.parametrize("schema", [name for name in SCHEMAS if name not in ("an enum", "a pair", "all of")])
def test_there_is_more_than_the_example(schema: str) -> None:
    seen = set()

    @given(values(SCHEMAS[schema]))
    @QUIETLY
    def look(value: Any) -> None:
        seen.add(json.dumps(value, sort_keys=True))

    look()
    assert len(seen) > 1
