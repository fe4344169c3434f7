"""A `datetime` that goes on by what nobody waits, for whoever stops by what the clock on the wall shows.

The class itself is not to be changed, and everybody else must see it as it is. So a person's own modules get another in
its place, which tells another time, makes the same objects and passes for the same type.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any


def moved_dates(passed: Callable[[], float]) -> dict[Any, Any]:
    """What stands in for the class, and for the module it is in, while so many seconds have passed."""

    class Alike(type):
        def __instancecheck__(cls, value: Any) -> bool:
            return isinstance(value, dt.datetime)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, dt.datetime)

    class Moved(dt.datetime, metaclass=Alike):
        def __new__(cls, *given: Any, **named: Any) -> Any:
            return dt.datetime(*given, **named)  # noqa: DTZ001  as it is asked for

        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return dt.datetime.now(tz) + dt.timedelta(seconds=passed())

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(dt.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return cls.now()

        @classmethod
        def __get_pydantic_core_schema__(cls, _source: Any, handler: Callable[[Any], Any]) -> Any:
            return handler(dt.datetime)

    return {dt.datetime: Moved, dt: _Module(Moved)}


class _Module:
    """The module `datetime`, with another class of that name."""

    def __init__(self, kind: Any) -> None:
        self.datetime = kind

    def __getattr__(self, name: str) -> Any:
        return getattr(dt, name)
