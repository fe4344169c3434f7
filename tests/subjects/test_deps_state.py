"""Looking at deps sees what tools leave in them, and disturbs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import BaseModel, computed_field

from harness.subjects.deps_state import state


class Line(BaseModel):
    sku: str = "a"

    @computed_field
    def price(self) -> int:
        raise AssertionError("nobody asked for the price")


class Connection:
    def __init__(self) -> None:
        self.opened = True

    def __repr__(self) -> str:
        raise AssertionError("nobody is to be printed")


@dataclass
class Cart:
    lines: list[Any] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    bank: Any = None
    left: Any = None


@dataclass(slots=True)
class Slots:
    count: int


class Plain:
    def __init__(self, count: int) -> None:
        self.count = count


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(Cart(), Cart(lines=["a"]), id="a line more"),
        pytest.param(Cart(lines=[Line()]), Cart(lines=[Line(sku="b")]), id="another field of a model"),
        pytest.param(Cart(notes={"a": [1]}), Cart(notes={"a": [2]}), id="a value deep inside"),
        pytest.param(Cart(seen={"a"}), Cart(seen={"b"}), id="another member"),
        pytest.param(Plain(1), Plain(2), id="an attribute"),
        pytest.param(Slots(1), Slots(2), id="a slot"),
        pytest.param(Cart(left=Slots(1)), Cart(left=Slots(2)), id="a slot inside"),
        pytest.param({"a": 1}, {"a": 2}, id="a dictionary"),
        pytest.param(1, 2, id="a number"),
        pytest.param(Cart(lines=[0] * 300), Cart(lines=[0] * 301), id="more than is looked at"),
    ],
)
def test_what_a_tool_leaves_is_seen(one: Any, other: Any) -> None:
    assert state(one) != state(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(Cart(bank=Connection()), Cart(bank=Connection()), id="a connection"),
        pytest.param(Cart(seen=set("abcdef")), Cart(seen=set("fedcba")), id="a set in another order"),
        pytest.param(None, None, id="none"),
    ],
)
def test_what_is_the_same_looks_the_same(one: Any, other: Any) -> None:
    assert repr(state(one)) == repr(state(other))


def test_an_iterator_is_not_used_up_and_a_ring_has_an_end() -> None:
    def numbers() -> Iterator[int]:
        yield 1

    cart = Cart(left=numbers())
    cart.notes["itself"] = cart.notes
    assert "generator" in repr(state(cart))
    assert next(cart.left) == 1
