"""An agent that code of the person's own runs, in a step or in a flow itself: what it has beside its model.

A run of it is plain code to the engine: how often it asks for a better output, its tools, and what its other functions
ask are inside of the step's layers as a whole. What fails the run is what that code lets out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic_ai import UnexpectedModelBehavior
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.models import Model
from pydantic_ai.usage import UsageLimits

from harness.audits import collect
from harness.audits.asked import Engine
from harness.audits.asking.enclosing import worst_error
from harness.audits.asking.limits import Usage
from harness.audits.inside import Others, units_around
from harness.audits.reach import Reached, reached
from harness.audits.telling import told_to
from harness.audits.translating import Translating
from harness.retries.live import Answer, Answering, Live, Unfit, Unit
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from harness.subjects.naming import unwrapped


def usage_in(found: Iterable[Reached]) -> Usage:
    """The limits that the code names of which this was found: those of its runs."""
    limits = (one.value for one in found if isinstance(one.value, UsageLimits) or one.value is UsageLimits)
    return Usage(next(limits, None))


def others_in(found: Iterable[Reached], engine: Engine) -> Others:
    """What tells the units of an agent but its model's, where some code runs it of which all this was found."""
    usage = usage_in(found)

    def others(name: str, one: Reached, lives: Sequence[Live], made_of: Translating) -> Iterator[UnitAudit]:
        around = [_AroundRun(live, made_of, lives if place == 0 else ()) for place, live in enumerate(lives)]
        told = {live.layer.name: live.layer for live in lives}

        def layers(unit: Unit) -> Sequence[Live]:
            return [*units_around(unit, one.value, lives, engine), *around_part(unit, around)]

        for unit in collect.units_of(
            unwrapped(one.value), layers, usage, wrapper=one.value, said=told_to(one).settings
        ):
            if unit.unit != "model":
                yield _inside(name, unit, told, str(unwrapped(one.value).name or ""))

    return others


def _inside(name: str, unit: UnitAudit, told: dict[str, Any], agent: str) -> UnitAudit:
    """A unit of an agent as one of the code that runs it, which may take what fails for an answer.

    The process dies in the step as a whole, so that is told there.
    """
    layers = tuple(
        told[one.name].model_copy(update={"unknown": one.unknown}) if one.name in told else one for one in unit.layers
    )
    cells = (cell.bounded for cell in unit.cells if cell.failure is not Failure.CRASH)
    new = {"unit": f"{name}.{unit.unit}", "agent": agent, "layers": layers, "cells": tuple(cells)}
    return unit.model_copy(update=new)


def around_part(unit: Unit, lives: Sequence[Live]) -> Sequence[Live]:
    """The layers around the run of an agent, as they hear of this unit of it."""
    if unit.function is None or any(isinstance(one.value, AbstractAgent | Model) for one in reached(unit.function)):
        return lives
    return [_HearsOfNoModel(live) if getattr(live, "retried", ()) else live for live in lives]


class _AroundRun(Answering):
    """A layer around a run as a whole: it hears of what fails the run, and not of what fails in it.

    The innermost one knows all `lives`, and hears the worst that the code in between may make of an error.
    """

    def __init__(self, live: Live, made_of: Translating, lives: Sequence[Live]) -> None:
        super().__init__(live)
        self._made_of, self._lives = made_of, lives
        self.layer = live.layer.model_copy(update={"kind": "container", "settings": {}})

    def answer(self, error: BaseException) -> Answer:
        """What the layer does with what comes up to it."""
        if isinstance(error, Unfit):
            error = UnexpectedModelBehavior("harness: the retries are used up")
        if self._lives:
            error = worst_error(self._lives, error, *self._made_of.of(error), own=True)
        return self._live.answer(error)


class _HearsOfNoModel(Answering):
    """A layer around a run, asked about a part of the run that asks no model: it does not fail as a run or model does.

    So of the types that a condition names it is given no such one.
    """

    @property
    def retried(self) -> Sequence[type[BaseException]]:
        """The exceptions that its condition names, and that this part may raise."""
        return [kind for kind in getattr(self._live, "retried", ()) if not issubclass(kind, AgentRunError)]

    def answer(self, error: BaseException) -> Answer:
        """What the layer does with what comes up to it."""
        return self._live.answer(error)
