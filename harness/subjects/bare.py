"""An exception of any type, to be raised or asked about, whatever arguments its constructor wants.

No constructor of the person's own is called, so what that would have set is not there. To whom an exception is only
shown, and who would take that for an answer, is given one of a type that is like the other, and that tells: an `unset`
one, or one that is `silent` about everything, or `silent_about` what its maker was given and nobody knows.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

_MISSING = {"type": "missing", "loc": ("harness",), "input": None}
_ANYBODYS = frozenset(dir(BaseException)) - {"args", "__str__"}
"""What is no secret of an error, whatever it says."""


class OnlyARunTells(BaseException):
    """Says that somebody asks an error of the person's own for what only a run shows. No code of theirs catches it."""


def bare(kind: type[BaseException], text: str) -> BaseException:
    """An exception of this type that says `text`; no constructor of the person's own is called.

    Pydantic's is made of what it found, and not of a message: of one missing field.
    """
    if issubclass(kind, ValidationError):
        error: BaseException = kind.from_exception_data(text, [_MISSING])  # type: ignore[list-item]
        return error
    return kind.__new__(kind, text)


def unset(kind: type[BaseException]) -> BaseException:
    """One like those of this type, of which `OnlyARunTells` what its constructor would have set."""
    return bare(_like(kind, kind, Unset), "harness")


def silent(kind: type[BaseException]) -> BaseException:
    """One like those of this type, of which `OnlyARunTells` anything but its type."""
    return bare(_like(kind, _Silent, kind), "harness")


def silent_about(error: BaseException, names: Collection[str]) -> BaseException:
    """This error, of which `OnlyARunTells` what has one of these names."""

    class Partly(Unset):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            if name in names:
                raise _untold(self, f"`{name}` of")
            return super().__getattribute__(name)

    error.__class__ = _like(type(error), Partly, type(error))
    return error


class Unset:
    """What types are, too, that are only like another: nobody raises them."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a protocol that it may follow, or not
            raise AttributeError(name)
        raise _untold(self, f"`{name}` of")


class _Silent(Unset):
    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name in _ANYBODYS:
            return object.__getattribute__(self, name)
        raise _untold(self, f"`{name}` of")

    def __str__(self) -> str:
        raise _untold(self, "the text of")


def _untold(error: object, what: str) -> OnlyARunTells:
    return OnlyARunTells(f"it looks at {what} {type(error).__qualname__}, which only a run shows")


def _like(kind: type[BaseException], *bases: type[Any]) -> type[BaseException]:
    told = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    try:
        made: type[BaseException] = type(kind.__name__, bases, told)
    except Exception:  # noqa: BLE001  one that has no subclasses, or whose own code refuses this one
        return kind
    return made
