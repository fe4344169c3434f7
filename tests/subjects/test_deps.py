from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent
from typing_extensions import TypedDict

from harness.errors import SubjectError, UsageError
from harness.subjects.deps import load_deps

pytestmark = pytest.mark.anyio
Project = Callable[..., Path]


@dataclasses.dataclass
class Item:
    name: str
    price: float = 0.0


@dataclasses.dataclass
class Order:
    customer: str
    items: list[Item] = dataclasses.field(default_factory=list)


class Account(BaseModel):
    number: int = Field(alias="no")
    owner: str = "me"


class Options(TypedDict):
    depth: int


@dataclasses.dataclass
class Defaults:
    depth: int = 3


@dataclasses.dataclass
class Live:
    connection: sqlite3.Connection


def agent(deps_type: Any = object) -> Agent[Any, Any]:
    return Agent(deps_type=deps_type)


FITTING = {
    "dataclass": (Order, '{"customer": "ada", "items": [{"name": "pen"}]}', Order("ada", [Item("pen")])),
    "model": (Account, '{"no": 7}', Account(no=7)),
    "typed dictionary": (Options, '{"depth": 2}', {"depth": 2}),
    "dictionary": (dict[str, int], '{"a": 1}', {"a": 1}),
    "integer": (int, "18", 18),
    "text": (str, '"hello"', "hello"),
    "literal": (Literal["a", "b"], '"b"', "b"),
    "list": (list[int], "[1, 2]", [1, 2]),
    "optional": (Order | None, "null", None),
    "undeclared": (object, '{"x": [1]}', {"x": [1]}),
    "a value, not a text": (Order, {"customer": "ada"}, Order("ada")),
    "false": (bool, "false", False),
}


@pytest.mark.parametrize(("deps_type", "given", "expected"), FITTING.values(), ids=FITTING.keys())
async def test_json_becomes_the_agents_deps_type(deps_type: Any, given: Any, expected: Any) -> None:
    deps = load_deps(given, agent(deps_type))

    assert await deps.make() == expected
    assert deps.notes == ()


async def test_each_incarnation_gets_deps_of_its_own() -> None:
    deps = load_deps('{"customer": "ada"}', agent(Order))

    one, two = await deps.make(), await deps.make()

    assert one == two
    assert one.items is not two.items


MISFITS = {
    "type": (Order, '{"customer": 5}', "at customer: Input should be a valid string, got 5"),
    "nested": (
        Order,
        '{"customer": "a", "items": [{"name": "pen"}, {"name": "ink", "price": "dear"}]}',
        "at items[1].price: Input should be a valid number",
    ),
    "missing": (Order, "{}", "at customer: Field required"),
    "misspelt": (Defaults, '{"dept": 4}', "at dept: there is no such field, did you mean 'depth'?"),
    "misspelt in a model": (Account, '{"no": 1, "ownr": "x"}', "at ownr: there is no such field"),
    "misspelt in a dictionary": (Options, '{"depth": 1, "deep": 2}', "at deep: there is no such field"),
    "literal": (Literal["a", "b"], '"c"', "at the top: Input should be 'a' or 'b'"),
    "null": (Order, "null", "at the top: Input should be"),
}


@pytest.mark.parametrize(("deps_type", "given", "message"), MISFITS.values(), ids=MISFITS.keys())
def test_json_that_does_not_fit_is_refused_with_its_place(deps_type: Any, given: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_deps(given, agent(deps_type))

    assert message in str(caught.value)
    assert str(caught.value).startswith("the deps do not fit ")


def test_every_misfit_is_listed_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        load_deps('{"customer": 5, "itms": []}', agent(Order))

    assert str(caught.value).splitlines() == [
        "the deps do not fit Order, the agent's deps_type:",
        "  - at itms: there is no such field, did you mean 'items'?",
        "  - at customer: Input should be a valid string, got 5",
    ]


def test_a_type_that_json_cannot_hold_asks_for_a_factory() -> None:
    with pytest.raises(UsageError, match=r"deps of type Live cannot be written as JSON .*; name a factory instead"):
        load_deps('{"connection": 1}', agent(Live))


def test_what_is_neither_path_nor_json_is_refused() -> None:
    with pytest.raises(UsageError, match=r"neither an import path .* nor JSON"):
        load_deps("hello there", agent(str))


DEPS = """
    import functools
    calls = []
    value = {'a': 1}
    def make():
        calls.append(1)
        return len(calls)
    async def make_later():
        return 'later'
    class Maker:
        def __init__(self, size=4):
            self.size = size
        @classmethod
        def build(cls):
            return cls(9)
    partly = functools.partial(Maker, size=6)
    instance = Maker()
    def needs(a, b, c=1): ...
    def broken():
        raise RuntimeError('no database')
"""


async def test_a_value_is_used_as_it_is(project: Project) -> None:
    project(shop_deps=DEPS)

    deps = load_deps("shop_deps:value", agent())

    assert await deps.make() is __import__("shop_deps").value


async def test_a_factory_is_called_in_each_incarnation_and_not_before(project: Project) -> None:
    project(shop_deps=DEPS)

    deps = load_deps("shop_deps:make", agent())

    assert __import__("shop_deps").calls == []
    assert [await deps.make(), await deps.make()] == [1, 2]


FACTORIES = {
    "async": ("make_later", "later"),
    "class": ("Maker", 4),
    "class method": ("Maker.build", 9),
    "partial": ("partly", 6),
    "instance": ("instance", 4),
}


@pytest.mark.parametrize(("name", "expected"), FACTORIES.values(), ids=FACTORIES.keys())
async def test_whatever_makes_deps_is_called(name: str, expected: Any, project: Project) -> None:
    project(shop_deps=DEPS)

    made = await load_deps(f"shop_deps:{name}", agent()).make()

    assert getattr(made, "size", made) == expected


async def test_a_function_is_the_value_where_the_agent_wants_a_function(project: Project) -> None:
    project(shop_deps=DEPS)

    deps = load_deps("shop_deps:make", agent(Callable[[], int]))

    assert await deps.make() is __import__("shop_deps").make


def test_a_factory_that_needs_arguments_is_refused(project: Project) -> None:
    project(shop_deps=DEPS)

    with pytest.raises(UsageError, match="cannot make the deps: 'shop_deps:needs' needs a, b"):
        load_deps("shop_deps:needs", agent())


def test_a_missing_name_is_refused_with_the_nearest(project: Project) -> None:
    project(shop_deps=DEPS)

    with pytest.raises(UsageError, match="'shop_deps' has no 'makr', did you mean 'make'"):
        load_deps("shop_deps:makr", agent())


def test_a_missing_module_is_refused(project: Project) -> None:
    with pytest.raises(SubjectError, match="there is no module 'shop_dep' to import"):
        load_deps("shop_dep:make", agent())


async def test_none_is_given_where_nothing_is_declared_or_none_is_allowed() -> None:
    for deps_type in (object, type(None), None, Any, Order | None):
        deps = load_deps(None, agent(deps_type))
        assert (await deps.make(), deps.notes) == (None, ())


async def test_a_type_that_needs_nothing_is_made_and_mentioned() -> None:
    deps = load_deps(None, agent(Defaults))

    assert await deps.make() == Defaults()
    assert deps.notes == ("the agent declares deps of type Defaults and none were given, so each run gets Defaults()",)


NEEDING = {
    "dataclass": (Order, "it needs customer"),
    "model": (Account, "it needs no"),
    "typed dictionary": (Options, "it needs depth"),
    "union": (Order | Account, "it needs a value"),
    "literal": (Literal["a"], "it needs a value"),
}


@pytest.mark.parametrize(("deps_type", "message"), NEEDING.values(), ids=NEEDING.keys())
async def test_a_type_that_needs_something_is_none_and_mentioned(deps_type: Any, message: str) -> None:
    deps = load_deps(None, agent(deps_type))

    assert await deps.make() is None
    assert message in deps.notes[0]
    assert "give deps as JSON or as `module:attr`" in deps.notes[0]
