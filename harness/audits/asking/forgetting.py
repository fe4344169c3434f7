"""What code of a person's own keeps in mind while it is asked: in objects, classes and globals. Then it forgets it.

Else whoever counts failures would meet the next question with those of the last one, and so would a run.
"""

from __future__ import annotations

import functools
import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import is_
from types import CellType, FunctionType, MethodType
from typing import Any

from harness.subjects.importing import is_own_class, is_theirs

MANY = 1000
"""Things in one place from which on it is data, and no memory."""


@contextmanager
def forgetting(*holders: Any) -> Iterator[Callable[[], None]]:
    """Let whatever these hold be as it was, afterwards. Yields what does so at once."""
    inside = (value for one in holders for value in getattr(one, "__dict__", {}).values())
    kept = [put_back for one in _reached([*holders, *inside]) if (put_back := _put_back(one)) is not None]

    def forget() -> None:
        for put_back in kept:
            put_back()

    try:
        yield forget
    finally:
        forget()


def _reached(roots: Iterable[Any]) -> list[Any]:
    waiting, seen = [*roots], dict[int, Any]()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            waiting += _held(one)
    return [*seen.values()]


def _held(one: Any) -> list[Any]:  # noqa: PLR0911  one for each kind of holder
    """What is held by a container, or by whatever is the person's own."""
    if isinstance(one, dict | list | set | frozenset | tuple | deque):
        return [] if len(one) > MANY else [*(one.values() if isinstance(one, dict) else one)]
    if isinstance(one, CellType):
        return [*_contents(one)]
    if isinstance(one, MethodType):
        return [one.__self__, one.__func__]
    if isinstance(one, functools.partial):
        return [one.func, one.args, one.keywords]
    if isinstance(one, FunctionType):
        own = is_theirs(one.__code__.co_filename)
        return [vars(one), *([*(one.__closure__ or ()), one.__globals__] if own else ())]
    if isinstance(one, type):
        return [*one.__mro__, *vars(one).values(), vars(sys.modules[one.__module__])] if is_own_class(one) else []
    return [type(one), getattr(one, "__dict__", {}), *_in_slots(one).values()] if is_own_class(type(one)) else []


def _put_back(one: Any) -> Callable[[], None] | None:
    """What lets a holder hold again what it does now; None if it never holds anything else."""
    if isinstance(one, dict):
        return None if len(one) > MANY else functools.partial(_restore, one, dict(one))
    if isinstance(one, list | set | deque):
        return None if len(one) > MANY else functools.partial(_refill, one, [*one])
    if isinstance(one, CellType):
        return functools.partial(_restore_cell, one, [*_contents(one)])
    if isinstance(one, type):
        return functools.partial(_restore_class, one, dict(vars(one))) if is_own_class(one) else None
    if is_own_class(type(one)) and (slots := _in_slots(one)):
        return functools.partial(_restore_slots, one, slots)
    return None


def _restore(one: dict[Any, Any], was: Mapping[Any, Any]) -> None:
    if len(one) == len(was) and all(map(is_, one, was)) and all(map(is_, one.values(), was.values())):
        return
    if isinstance(one, OrderedDict):  # which knows an order besides
        OrderedDict.clear(one)
        OrderedDict.update(one, was)
    else:
        for name in one.keys() - was.keys():
            dict.pop(one, name)
        dict.update(one, was)


def _refill(one: list[Any] | set[Any] | deque[Any], was: list[Any]) -> None:
    if not (len(one) == len(was) and all(map(is_, one, was))):
        one.clear()
        (one.update if isinstance(one, set) else one.extend)(was)


def _restore_cell(one: CellType, was: list[Any]) -> None:
    for contents in was:
        one.cell_contents = contents


def _restore_class(one: type[Any], was: Mapping[str, Any]) -> None:
    for name in vars(one).keys() - was.keys():
        type.__delattr__(one, name)
    for name, value in was.items():
        if vars(one).get(name) is not value:
            type.__setattr__(one, name, value)


def _restore_slots(one: Any, was: Mapping[str, Any]) -> None:
    for name, value in was.items():
        object.__setattr__(one, name, value)


def _contents(cell: CellType) -> Iterator[Any]:
    with suppress(ValueError):  # nothing is in it yet
        yield cell.cell_contents


def _in_slots(one: Any) -> dict[str, Any]:
    """What an object keeps outside its dictionary."""
    said = (vars(kind).get("__slots__", ()) for kind in type(one).__mro__)
    names = (name for slots in said for name in ([slots] if isinstance(slots, str) else slots))
    return {name: getattr(one, name) for name in names if not name.startswith("__") and hasattr(one, name)}
