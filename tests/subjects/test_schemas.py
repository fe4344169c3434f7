"""Whether a value fits a schema, judged as a real validator does."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.subjects.schemas import fits

DEFS = {
    "$defs": {"Tree": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}}
}

SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "string", "minLength": 2, "maxLength": 3},
    {"type": "string", "pattern": "^a+$"},
    {"type": "integer", "minimum": 0, "exclusiveMaximum": 3},
    {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": 0, "maximum": 2},
    {"type": ["boolean", "null"]},
    {"const": 1},
    {"enum": [True, "a", None, 2]},
    {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
    {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
    {"type": "object", "properties": {"a": True}, "additionalProperties": False},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1, "maxProperties": 2},
    {"type": "object", "patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": {"type": "string"}},
    {"type": "object", "propertyNames": {"maxLength": 1}},
    {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    {"allOf": [{"type": "integer"}, {"minimum": 1}]},
    {"not": {"type": "string"}},
    {**DEFS, "$ref": "#/$defs/Tree"},
    {"type": "string", "x-unknown": 5},
]

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 4)
    | st.sampled_from([0.5, 1.0, 1.25])
    | st.sampled_from(["", "a", "aa", "bbbb"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "ab", "kids"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@settings(deadline=None)  # a busy machine is no finding
@given(value=_VALUES)
def test_the_verdict_is_that_of_a_full_validator(schema: dict[str, Any], value: Any) -> None:
    assert fits(value, schema) == jsonschema.Draft202012Validator(schema).is_valid(value)


def test_a_reference_to_nowhere_fits_nothing() -> None:
    assert not fits(1, {"$ref": "#/$defs/None"})


def test_a_pattern_of_another_dialect_is_taken_as_fulfilled() -> None:
    assert fits("x", {"type": "string", "pattern": r"^\p{L}+$"})


def test_a_tagged_union_is_any_of_its_members() -> None:
    assert fits(1, {"oneOf": [{"type": "integer"}, {"type": "number"}]})


def test_a_tag_must_be_there_even_if_it_has_a_default() -> None:
    cat = {"type": "object", "properties": {"kind": {"const": "cat", "default": "cat"}}}
    tagged = {"oneOf": [cat], "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/Cat"}}}
    assert fits({"kind": "cat"}, tagged)
    assert not fits({}, tagged)
    assert fits({}, {"oneOf": [cat]})
    assert fits({}, {**cat, "discriminator": "kind"})  # an older dialect's


def test_a_set_holds_true_and_one_only_once_as_in_python() -> None:
    assert not fits([True, 1], {"type": "array", "uniqueItems": True})
