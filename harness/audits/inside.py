"""What the body of a tool or a step does itself: clients and agents that it asks, helpers that are tried again.

They are units of their own, inside the layers of the tool that calls them: what they raise is what the tool raises, at
worst. The code in between is the person's, and may take a failure for an answer; so their numbers are bounds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.models import Model

from harness.audits.asked import Engine, body_unit, model_of, model_unit, tries
from harness.audits.asking.again import heard, told_of
from harness.audits.asking.alike import apart
from harness.audits.asking.clients import Http, asks, hidden_in, is_http, plain_client, unaskable
from harness.audits.asking.deps import Given
from harness.audits.asking.enclosing import enclosed
from harness.audits.asking.google import is_google
from harness.audits.asking.modeling import Asker
from harness.audits.asking.outcomes import nobody_knows
from harness.audits.asking.sdks import is_sdk
from harness.audits.asking.tools import (
    ToolAsked,
    decorators,
    is_asked_for,
    is_on_function,
    is_unit,
    layers_of,
    layers_of_tool,
    retrying_in_body,
)
from harness.audits.copying import copies
from harness.audits.making import why_unmade
from harness.audits.reach import Reached, Unseen, reached, taken
from harness.audits.rounds import rounds
from harness.audits.telling import told_to
from harness.audits.translating import NOTHING, Translating, translating
from harness.retries.live import Live, MadeInCall, Opaque, Unit, of_kind
from harness.retries.report import UnitAudit
from harness.retries.values import ON_THE_WIRE, RetryLayer
from harness.subjects.attach import engine_of
from harness.subjects.naming import unwrapped

Others = Callable[[str, Reached, Sequence[Live], Translating], Iterator[UnitAudit]]
"""Tells of an agent that some code runs the units beside its model: by its name there, and the layers around it."""


def _no_others(_name: str, _one: Reached, _lives: Sequence[Live], _made_of: Translating) -> Iterator[UnitAudit]:
    yield from ()


def units_inside(tool: ToolAsked, engine: Engine, deps: Given) -> Iterator[UnitAudit]:
    """One unit for everything that a tool's own body asks, and for each helper that is tried again around nothing."""
    function, name = tool.unit.function, tool.name
    layer = tool.agent_layer
    lives = heard(function, layers_of_tool(tool, engine(tool.unit)), layer, tries(tool.retries))
    for unit in told_of(asked_by(f"tool:{name}", function, lives, engine, deps), layer):
        yield unit.model_copy(update={"inside": name})


def asked_by(name: str, function: Any, lives: Sequence[Live], engine: Engine, deps: Given) -> Iterator[UnitAudit]:
    """The units of what a function asks that pydantic-ai calls, under these layers: also out of the deps of a run."""
    found = list(reached(function, given=deps.named))
    yield from asked_inside(f"{name}.", found, lives, engine, function)
    for attribute, kind in dict(deps.hidden(taken(function, *(one.value for one in found)))).items():
        if asks(kind):
            reason = "it comes with the deps of a run; say how they are made with `--deps`"
            yield nobody_sees(f"{name}.{attribute}", kind.__qualname__, reason, lives)


def asked_inside(
    prefix: str,
    found: Iterable[Reached],
    lives: Sequence[Live],
    engine: Engine,
    *bodies: Any,
    others: Others = _no_others,
) -> Iterator[UnitAudit]:
    """The units of everything that was found in these bodies, each named after the prefix and the way to it."""
    found = list(found)
    asked = [one for one in found if asks(one.value, one.by)]
    loops = [(one, live) for one in found if (live := retrying_in_body(one.name, one.value)) is not None]
    way = Way(lives, engine, copies(found))
    made_of = translating(found, *bodies)
    for one in asked:
        around = [live for loop, live in loops if _may_be_around(loop, one)]
        layers = [*way.layers(one.through, rounds(one, found, made_of)), *around, *lives]
        yield from asking(called(prefix, one), one, layers, engine, made_of.about(one), others)
    ways = {id(helper) for one in asked for helper in one.through}
    for one in found:
        helpers = way.layers(one.through)
        if id(one.value) not in ways and (retried := way.own(one.value, one.name, helpers)):
            yield body_unit(called(prefix, one), [*retried, *helpers, *lives])


NO_LOOPS: Mapping[int, Sequence[Live]] = {}


@dataclass(frozen=True)
class Way:
    """The layers of the functions on the way to something, inside the layers `lives` of the body that begins it.

    `changed` are the copies of functions (by their `id`) that some code calls with other options than they were made
    with, None for one that nobody knows.
    """

    lives: Sequence[Live]
    engine: Engine
    changed: Mapping[int, Any]

    def layers(self, through: Sequence[Any], loops: Mapping[int, Sequence[Live]] = NO_LOOPS) -> list[Live]:
        """The layers of all functions on a way, whose outermost comes first; the innermost layer comes first.

        The `loops` are in the code that so many of these functions are around.
        """
        found: list[Live] = [*loops.get(0, ())]
        for depth, helper in enumerate(through, 1):
            found = [*loops.get(depth, ()), *self.own(helper, _name(helper), found), *found]
        return found

    def own(self, function: Any, name: str, around: Sequence[Live]) -> list[Live]:
        """A function's decorators, and the unit of the engine that it is itself, if it is one in this place."""
        copy = self.changed.get(id(function), function)
        called = function if copy is None else copy
        lives = layers_of(called, self._unit(called, name, around), name)
        return changed_in_call(name, lives) if copy is None else [*lives]

    def _unit(self, function: Any, name: str, around: Sequence[Live]) -> list[Live]:
        if not (is_unit(function) or is_asked_for(function)) or _in_a_unit([*around, *self.lives]):
            return []
        return [live for live in self.engine(Unit("own", name, function)) if is_on_function(live)]


def changed_in_call(name: str, lives: Sequence[Live]) -> list[Live]:
    """A unit's layers as they are where the call changes its options: its own is unknown."""
    reason = f"`{name}` is called with other options than it was made with, and only a run shows them"
    hidden = {"unknown": reason}
    return [Opaque(live.layer.model_copy(update=hidden)) if is_on_function(live) else live for live in lives]


def asking(
    name: str,
    one: Reached,
    lives: Sequence[Live],
    engine: Engine,
    made_of: Translating = NOTHING,
    others: Others = _no_others,
) -> Iterator[UnitAudit]:
    """The units of one thing that asks somebody, under these layers; the code in between makes others of errors."""
    value, said = one.value, told_to(one)
    if said.hidden:
        yield nobody_sees(name, type(value).__qualname__, said.hidden, lives)
    elif isinstance(value, Unseen):
        kind = value.kind.__qualname__
        reason = f"it is taken from an object of `{kind}` {value.where}"
        yield nobody_sees(name, one.name, reason, lives)
    elif isinstance(value, AbstractAgent):
        around = [*units_around(Unit("model"), value, lives, engine), *lives]
        unit = model_of(unwrapped(value), lambda _unit: around, made_of=made_of, said=said.settings, wrapper=value).unit
        cells = tuple(cell.bounded for cell in unit.cells)
        whose = str(unwrapped(value).name or "")
        yield unit.model_copy(update={"unit": f"{name}.model", "agent": whose, "cells": cells})
        yield from others(name, one, lives, made_of)
    elif inspect.isclass(value) or inspect.isfunction(value):
        reason = hidden_in(value, one.by)
        reason = (reason and why_unmade(one.through, one.by)) or reason
        if reason:
            yield nobody_sees(name, value.__qualname__, reason, lives)
        else:
            yield model_unit(name, Asker(None, said.settings, sdk=Http(plain_client(value), made=True)), lives, made_of)
    elif isinstance(value, Model):
        yield model_unit(name, Asker(value, said.settings), lives, made_of)
    elif is_sdk(value) or is_google(value) or is_http(value):
        sdk = None if is_sdk(value) or is_google(value) else Http(value)
        yield model_unit(name, Asker(None, said.settings, client=value, sdk=sdk), lives, made_of)
    else:
        yield nobody_sees(name, type(value).__qualname__, unaskable(value), lives)


def durable(value: Any) -> bool:
    """Whether this is an agent whose requests are units of an engine, in a workflow of the person's own."""
    return isinstance(value, AbstractAgent) and engine_of(value) is not None


NESTING = ("prefect task",)
"""Units inside which there may be units. In the others, what would be a unit of its own is plain code."""


def units_around(unit: Unit, agent: Any, lives: Sequence[Live], engine: Engine) -> list[Live]:
    """The engine's unit around something of a durable agent, unless a unit is around the whole agent already."""
    if not durable(agent) or _in_a_unit(lives):
        return []
    return of_kind(engine(replace(unit, owner=agent)), "unit")


def _in_a_unit(lives: Sequence[Live]) -> bool:
    return any(live.layer.name not in NESTING for live in of_kind(lives, "unit"))


def _may_be_around(loop: Reached, one: Reached) -> bool:
    """Whether a loop that some code names may have another thing that is asked in it, for all that is known."""
    return one.through[: len(loop.through)] == loop.through


def called(prefix: str, one: Reached) -> str:
    """What a unit is called: after the prefix and the way to it, as far as that may be tried again."""
    return prefix + ".".join([*(_name(helper) for helper in one.through if _tries(helper)), one.name])


def _tries(function: Any) -> bool:
    """Whether a function may be tried again around what it calls: then its name is part of the way."""
    return is_unit(function) or bool(decorators(function))


def _name(function: Any) -> str:
    if isinstance(function, MadeInCall):
        return function.name
    return str(getattr(function, "__name__", type(function).__name__))


def nobody_sees(name: str, kind: str, reason: str, lives: Sequence[Live]) -> UnitAudit:
    """What nobody can ask before. A run may still show how often it asks."""
    hidden, lives = RetryLayer(name=kind, kind="sdk", unknown=reason), apart(lives)
    cells = tuple(enclosed(nobody_knows(kind), lives, failure, {}).bounded for failure in ON_THE_WIRE)
    return UnitAudit(unit=name, layers=(hidden, *(live.layer for live in lives)), cells=cells)
