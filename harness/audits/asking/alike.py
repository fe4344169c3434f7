"""Layers of one name in a unit: the report, the rules and the advice know a layer by its name, so each gets its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from itertools import combinations
from typing import Protocol, TypeVar

from harness.retries.values import RetryLayer


class Layered(Protocol):
    """Whatever is a layer, and can be asked for what it does."""

    layer: RetryLayer


One = TypeVar("One", bound=Layered)


def distinct(named: Iterable[tuple[str, str]]) -> list[str]:
    """A name for each of these, which come with whose they are, if that is known.

    Those of one name are told apart by whose they are (`prefect task of fetch`), else by numbers, in this order.
    """
    named = list(named)
    shared, owned = Counter(name for name, _whose in named), Counter(named)
    alike = {name for (name, _whose), count in owned.items() if count > 1}
    met: Counter[str] = Counter()
    found = []
    for name, whose in named:
        met[name] += 1
        mark = f" #{met[name]}" if name in alike else f" of {whose}" if whose else ""
        found.append(f"{name}{mark}" if shared[name] > 1 else name)
    return found


def apart(every: Sequence[One]) -> list[One]:
    """Layers that are around one another, the innermost first, with names of their own.

    Those that come in stay as they are: around another unit they may be the only ones of their name.
    """
    names = distinct((one.layer.name, one.layer.called) for one in every)
    return [one if one.layer.name == name else _renamed(one, name) for one, name in zip(every, names, strict=True)]


def _renamed(one: One, name: str) -> One:
    twin = copy(one)
    twin.layer = one.layer.model_copy(update={"name": name})
    return twin


def tell_apart(every: Sequence[tuple[Layered, str]]) -> None:
    """Let layers that are beside one another have names of their own, by whose they are. Those that are alike keep it.

    What is said of one of those is true of the others: they may even be one client.
    """
    pairs = [(one.layer, other.layer) for (one, _), (other, _) in combinations(every, 2)]
    unlike = {one.name for one, other in pairs if one.name == other.name and one != other}
    told = [(one, whose) for one, whose in every if one.layer.name in unlike]
    names = distinct((one.layer.name, whose) for one, whose in told)
    for (one, _), name in zip(told, names, strict=True):
        one.layer = one.layer.model_copy(update={"name": name})
