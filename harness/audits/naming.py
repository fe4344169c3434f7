"""What code names, and in what way: read from its compiled form, which is there where no source is."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType


@dataclass(frozen=True)
class Names:
    """What a function's code and the functions inside it name: variables outside of it, attributes, imports.

    `handed` are names of what is not only taken something from, but stored, returned or passed on; `chained` are names
    with what is taken from them at once (`httpx.get`).
    """

    variables: tuple[str, ...]
    attributes: tuple[str, ...]
    modules: tuple[str, ...]
    handed: frozenset[str]
    chained: frozenset[tuple[str, str]]

    def takes(self, name: str, attribute: str) -> bool:
        """Whether an attribute is this one's: `get` may be anybody's. What is imported here may have any name."""
        return (name, attribute) in self.chained or name in self.modules

    def uses(self, name: str) -> bool:
        """Whether something is taken from a variable."""
        return any((name, attribute) in self.chained for attribute in self.attributes)

    def may_call(self, name: str) -> bool:
        """Whether code may call what has this name: of a variable it may only take something (`Shop.check()`)."""
        return name not in self.variables or name in self.handed or not self.uses(name)


def names_of(code: CodeType) -> Names:
    """What some code names. In a class body or under `exec` code loads names in its own way, and is no function's."""
    steps = list(steps_of(code))
    told = {
        kind: tuple(dict.fromkeys(name for found, name in steps if found in opcodes)) for kind, opcodes in _OF.items()
    }
    chained = frozenset(pairwise(name for _opcode, name in steps))
    return Names(**told, handed=frozenset(_handed(code)), chained=chained)


_OF = {
    "variables": ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_NAME"),
    "attributes": ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"),
    "modules": ("IMPORT_NAME",),
}
"""The opcodes that name something, by what they name."""
_LOADED = (*_OF["variables"], "LOAD_ATTR", "LOAD_FAST")


def _handed(code: CodeType) -> Iterator[str]:
    for step, then in pairwise(dis.get_instructions(code)):
        if step.opname in _LOADED and then.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            yield str(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _handed(constant)


def steps_of(code: CodeType) -> Iterator[tuple[str, str]]:
    """Every step of some code, and of the functions inside it, with the name in it."""
    yield from ((step.opname, str(step.argval)) for step in dis.get_instructions(code) if step.argval is not None)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from steps_of(constant)


def words_of(code: CodeType) -> frozenset[str]:
    """Every text in some code, and in the functions inside it: names, what calls call their arguments, literals."""
    constants = [one for found in code.co_consts for one in (found if isinstance(found, tuple) else (found,))]
    inside = (words_of(one) for one in constants if isinstance(one, CodeType))
    return frozenset({*code.co_names, *(one for one in constants if isinstance(one, str))}).union(*inside)


def calls_parameter(code: CodeType) -> bool:
    """Whether code calls what one of its parameters is."""
    parameters = parameters_of(code)
    steps = pairwise(dis.get_instructions(code))
    marked = (reversed(pair) if sys.version_info < (3, 13) else pair for pair in steps)
    return any(mark.opname == "PUSH_NULL" and loaded.argval in parameters for loaded, mark in marked)


def parameters_of(code: CodeType) -> tuple[str, ...]:
    """The names of what code takes."""
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
