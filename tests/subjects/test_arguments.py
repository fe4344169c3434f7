"""Examples made from JSON schemas: pydantic accepts them, and a person can read them."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import re
import uuid
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AnyUrl,
    Base64Str,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    Json,
    PositiveInt,
    SecretStr,
    StringConstraints,
    Tag,
    TypeAdapter,
    conlist,
    create_model,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_ai import JsonSchemaTransformer
from pydantic_ai.profiles.google import GoogleJsonSchemaTransformer
from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer
from typing_extensions import TypeAliasType, TypedDict

from harness.errors import UsageError
from harness.subjects.arguments import arguments
from harness.subjects.schemas import fits


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 3
    HIGH = 7


class Tree(BaseModel):
    value: int
    children: list[Tree]
    parent: Tree | None


class Line(TypedDict):
    sku: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{4}$")]
    quantity: PositiveInt


class Point(NamedTuple):
    x: float
    y: float = 0.0


class Card(BaseModel):
    kind: Literal["card"]
    number: Annotated[str, Field(min_length=12, max_length=19)]


class Transfer(BaseModel):
    kind: Literal["transfer"]
    iban: str


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Dog(BaseModel):
    kind: Literal["dog", "puppy"] = "dog"
    name: str


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Hidden(Cat):
    """A cat in a union of its own."""

    coat: Literal["black"] = "black"


class Bright(Cat):
    coat: Literal["white"] = "white"


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    day: dt.date
    pair: tuple[int, str]
    colour: Colour
    id: uuid.UUID


Nested = TypeAliasType("Nested", "list[Nested] | int")

TYPES: dict[str, Any] = {
    "bool": bool,
    "bytes": bytes,
    "none": None,
    "any": Any,
    "datetime": dt.datetime,
    "date": dt.date,
    "time": dt.time,
    "timedelta": dt.timedelta,
    "uuid": uuid.UUID,
    "uuid4": UUID4,
    "decimal": decimal.Decimal,
    "decimal with places": Annotated[decimal.Decimal, Field(gt=0, max_digits=6, decimal_places=2)],
    "path": Path,
    "url": HttpUrl,
    "any url": AnyUrl,
    "ipv4": ipaddress.IPv4Address,
    "ipv6 network": ipaddress.IPv6Network,
    "secret": SecretStr,
    "base64": Base64Str,
    "compiled pattern": re.Pattern[str],
    "json text": Json[dict[str, int]],
    "enum": Colour,
    "int enum": Level,
    "literal": Literal["a", 1, None],
    "nullable": int | None,
    "union of models": Card | Transfer,
    "tagged union": Annotated[Card | Transfer, Field(discriminator="kind")],
    "callable tag": Annotated[
        Annotated[Card, Tag("card")] | Annotated[Transfer, Tag("transfer")],
        Discriminator(lambda value: value["kind"] if isinstance(value, dict) else getattr(value, "kind", None)),
    ],
    "a tag with a default": Pet,
    "a list of tags with a default": list[Pet],
    "tags in tags": Annotated[
        Annotated[Hidden | Bright, Field(discriminator="coat")] | Dog, Field(discriminator="kind")
    ],
    "recursive model": Tree,
    "recursive alias": Nested,
    "typed dict": Line,
    "named tuple": Point,
    "open tuple": tuple[int, ...],
    "tuple": tuple[int, str, bool],
    "set of three": Annotated[set[int], Field(min_length=3)],
    "set of all colours": Annotated[set[Colour], Field(min_length=2)],
    "set of both truths": Annotated[frozenset[bool], Field(min_length=2)],
    "set of dates": Annotated[set[dt.date], Field(min_length=3)],
    "set over a union": Annotated[set[Literal["a"] | bool], Field(min_length=3)],
    "set of a favourite": Annotated[set[Annotated[int, Field(examples=[5])]], Field(min_length=2)],
    "list over a union": Annotated[list[decimal.Decimal | Card], Field(min_length=3)],
    "five items": Annotated[list[str], Field(min_length=5)],
    "mapping that is not empty": Annotated[dict[str, Line], Field(min_length=2)],
    "mapping with int keys": Annotated[dict[int, str], Field(min_length=1)],
    "mapping with constrained keys": Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^k\d$")], int], Field(min_length=2)
    ],
    "strict model": Strict,
    "even": Annotated[int, Field(multiple_of=2, gt=10)],
    "negative": Annotated[int, Field(lt=0)],
    "narrow float": Annotated[float, Field(gt=0.25, lt=0.5)],
    "steps of a cent": Annotated[float, Field(multiple_of=0.05, ge=0.1)],
    "short": Annotated[str, Field(max_length=2)],
    "empty only": Annotated[str, Field(max_length=0)],
    "phone": Annotated[str, Field(pattern=r"^\+?[1-9]\d{7,14}$")],
    "hex colour": Annotated[str, Field(pattern=r"^#(?:[0-9a-fA-F]{3}){1,2}$")],
    "e-mail by pattern": Annotated[str, Field(pattern=r"^[\w.]+@[\w-]+\.\w{2,}$")],
    "pattern and length": Annotated[str, Field(pattern=r"^[a-z]+$", min_length=30)],
}


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_pydantic_accepts_the_example_of(kind: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    example = arguments(adapter.json_schema())
    adapter.validate_json(json.dumps(example))
    assert arguments(adapter.json_schema()) == example


@pytest.mark.parametrize("dialect", [OpenAIJsonSchemaTransformer, GoogleJsonSchemaTransformer])
def test_a_tag_is_known_where_a_dialect_does_not_name_it(dialect: type[JsonSchemaTransformer]) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Pet | None)
    schema = dialect(adapter.json_schema()).walk()
    assert "discriminator" not in json.dumps(schema)
    assert adapter.validate_python(arguments(schema)) == Cat(lives=1)


SCHEMAS: dict[str, tuple[JsonSchemaValue, Any]] = {
    "a text is called like its field": (
        {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]},
        {"order_id": "order_id"},
    ),
    **{
        f"an address is known by its name: {name}": (
            {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]},
            {name: "https://example.com/"},
        )
        for name in ("url", "uri", "link", "href", "endpoint", "image_url", "imageUrl", "imageURL")
    },
    "several addresses differ": (
        {
            "type": "object",
            "properties": {"urls": {"type": "array", "items": {"type": "string"}, "minItems": 2}},
            "required": ["urls"],
        },
        {"urls": ["https://example.com/", "https://example1.com/"]},
    ),
    "a name that only begins like an address": (
        {"type": "object", "properties": {"url_count": {"type": "string"}}, "required": ["url_count"]},
        {"url_count": "url_count"},
    ),
    "what an address must look like, which ours does not": (
        {
            "type": "object",
            "properties": {"link": {"type": "string", "maxLength": 5}},
            "required": ["link"],
        },
        {"link": "link"},
    ),
    "optional fields are left out": (
        {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["b"]},
        {"b": 1},
    ),
    "a list holds one item, called in the singular": (
        {
            "type": "object",
            "properties": {"cities": {"type": "array", "items": {"type": "string"}}},
            "required": ["cities"],
        },
        {"cities": ["city"]},
    ),
    "an example of the schema's own": ({"type": "string", "examples": ["Lisbon"]}, "Lisbon"),
    "an example that does not fit is passed over": ({"type": "integer", "examples": ["x"]}, 1),
    "a default": ({"type": "integer", "default": 30}, 30),
    "null only if there is nothing else": ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
    "what may be nothing is no choice, and needs no tag": (
        {
            "anyOf": [
                {"type": "object", "properties": {"kind": {"const": "cat", "default": "cat"}}},
                {"type": "null"},
            ]
        },
        {},
    ),
    "several types in one": ({"type": ["null", "string"]}, "text"),
    "parts that hold together": (
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"required": ["b"]},
            ]
        },
        {"a": 1, "b": "b"},
    ),
    "no schema at all": ({}, "text"),
    "a keyword that is unknown": ({"type": "string", "x-vendor": 1}, "text"),
}


@pytest.mark.parametrize(("schema", "example"), SCHEMAS.values(), ids=SCHEMAS)
def test_the_example_is(schema: JsonSchemaValue, example: Any) -> None:
    assert arguments(schema) == example


HOPELESS: dict[str, tuple[JsonSchemaValue, str]] = {
    "endless": (
        {
            "$defs": {"A": {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "required": ["a"]}},
            "$ref": "#/$defs/A",
        },
        "#/properties/a",
    ),
    "a reference to nowhere": (
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/X"}}, "required": ["a"]},
        "#/properties/a",
    ),
    "a contradiction": (
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 2}}, "required": ["n"]},
        "#/properties/n",
    ),
    "a pattern beyond us": ({"type": "string", "pattern": r"^(?=.*\d)(?=.*[A-Z])(?=.*!)\S{9,}$"}, "#"),
    "a set larger than its items": (
        {"type": "array", "items": {"enum": ["a"]}, "uniqueItems": True, "minItems": 2},
        "#",
    ),
    "nothing fits": ({"not": {}}, "#"),
}


@pytest.mark.parametrize(("schema", "place"), HOPELESS.values(), ids=HOPELESS)
def test_a_schema_without_an_example_is_refused_at_its_place(schema: JsonSchemaValue, place: str) -> None:
    with pytest.raises(UsageError, match=f"for {re.escape(place)} of the JSON schema .* in a script"):
        arguments(schema)


def _bounds(strategy: st.SearchStrategy[Any], low: str, high: str) -> st.SearchStrategy[dict[str, Any]]:
    pair = st.tuples(strategy, strategy).map(sorted)
    return pair.flatmap(lambda p: st.sampled_from([{}, {low: p[0]}, {high: p[1]}, {low: p[0], high: p[1]}]))


_SIZES = st.integers(0, 5)
_LEAVES = st.one_of(
    st.sampled_from([kind for name, kind in TYPES.items() if "set" not in name]),
    _bounds(st.integers(-50, 50), "ge", "le").map(lambda c: Annotated[int, Field(**c)]),
    _bounds(st.integers(-50, 50), "gt", "le")
    .filter(lambda c: c.get("gt") != c.get("le", 99))
    .map(lambda c: Annotated[float, Field(**c)]),
    _bounds(_SIZES, "min_length", "max_length").map(lambda c: Annotated[str, Field(**c)]),
    st.integers(1, 30).map(lambda step: Annotated[int, Field(multiple_of=step)]),
    st.lists(st.one_of(st.text(max_size=5), st.integers(-99, 99)), min_size=1, max_size=3).map(
        lambda v: Literal[tuple(v)]
    ),
)
_FIELD_NAMES = st.sampled_from(["amount", "order_id", "tags", "when", "notes", "x1"])


def _model(fields: dict[str, tuple[Any, bool]]) -> Any:
    kinds = {name: kind if required else Optional[kind] for name, (kind, required) in fields.items()}  # noqa: UP045
    return create_model("Made", **{name: (kind, ... if fields[name][1] else None) for name, kind in kinds.items()})


_KINDS: st.SearchStrategy[Any] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, _SIZES).map(lambda p: Annotated[list[p[0]], Field(min_length=p[1])]),
        st.tuples(inner, inner).map(lambda p: Union[p[0], p[1]]),  # noqa: UP007 (made at run time)
        st.tuples(inner, inner).map(lambda p: tuple[p[0], p[1]]),
        st.tuples(inner, _SIZES).map(lambda p: Annotated[dict[str, p[0]], Field(min_length=p[1])]),
        inner.map(lambda kind: Optional[kind]),  # noqa: UP045
        inner.map(lambda kind: conlist(kind, max_length=2)),
        st.dictionaries(_FIELD_NAMES, st.tuples(inner, st.booleans()), max_size=4).map(_model),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(_KINDS)
def test_any_type_that_pydantic_describes_gets_a_value_that_it_accepts(kind: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema()
    example = arguments(schema)
    adapter.validate_json(json.dumps(example))
    assert fits(example, schema)
