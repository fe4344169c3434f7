"""What deps hold, as far as looking does not disturb them: tools leave things in deps, and these die with the process.

Nobody's code is run and nothing is used up: no properties, no iterators, no serializers, only fields and containers.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from types import MemberDescriptorType
from typing import Any

DEPTH, WIDTH = 4, 200
"""How deep and how far containers are looked into: deps may hold the whole world."""


def state(deps: Any) -> Any:
    """The values in deps, by field; what is neither a plain value nor a container is told by its type alone."""
    return _seen(_fields(deps) or deps, DEPTH)


def _seen(value: Any, depth: int) -> Any:
    if value is None or type(value) in (str, bytes, int, float, bool):
        return value
    fields = _fields(value) if _is_record(type(value)) else value
    if not depth or type(fields) not in (dict, list, tuple, set, frozenset):
        return f"<{type(value).__qualname__}>"
    if isinstance(fields, dict):
        return {str(name): _seen(one, depth - 1) for name, one in _first(fields.items())}
    each = [_seen(one, depth - 1) for one in _first(fields)]
    return [len(fields), *(sorted(map(repr, each)) if isinstance(fields, set | frozenset) else each)]


def _fields(value: Any) -> dict[str, Any]:
    """The attributes and slots of an object."""
    made = [item for kind in type(value).__mro__ for item in vars(kind).items()]
    slots = {name: getattr(value, name, None) for name, slot in made if isinstance(slot, MemberDescriptorType)}
    return {**slots, **getattr(value, "__dict__", {})}


def _is_record(kind: type) -> bool:
    """Whether its fields are all there is to a value: a dataclass, or a model of pydantic's."""
    return hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__pydantic_fields__")


def _first(values: Iterable[Any]) -> Iterable[Any]:
    return islice(values, WIDTH)
