"""What is for the model: a `ModelRetry`, or what does not validate. An agent asks again, and its model may call again.

A unit that the engine makes in a run takes that for a result; a function that is itself a unit raises it out of that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_ai import ModelRetry, UnexpectedModelBehavior

from harness.audits.asking.tools import decorators
from harness.retries.arithmetic import factors
from harness.retries.live import Answer, Answering, Live, Unfit
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import RetryLayer


def is_for_the_model(error: BaseException | None) -> bool:
    """Whether an agent tells its model of an error that comes from a tool, or from what looks at its output."""
    return isinstance(error, ModelRetry | ValidationError)


class Recording(Answering):
    """A unit that takes what is for the model for a result, as those do that the engine makes in a run."""

    def answer(self, error: BaseException) -> Answer:
        """What the unit does with any other failure."""
        return Answer(raises=error) if is_for_the_model(error) else self._live.answer(error)


class Patient:
    """An agent that asks its model so many times in all, while a function says that it should. Else it does nothing.

    Nor does it of what nobody knows: what is for the model is raised by code that can be read.
    """

    tries_once = True

    def __init__(self, layer: RetryLayer, asks: int | None, *, recorded: bool) -> None:
        self.layer = layer.model_copy(update={"each": None})  # that is a tool's own, and told of there
        self._asks = asks
        self._left = Unfit() if recorded else UnexpectedModelBehavior("harness: the retries are used up")

    def answer(self, error: BaseException) -> Answer:
        """As often as the agent has patience, if the error is for the model."""
        return Answer(self._asks, raises=self._left) if is_for_the_model(error) else Answer(raises=error)


def heard(function: Any, lives: Sequence[Live], layer: RetryLayer, asks: int | None) -> Sequence[Live]:
    """The layers of a function, the innermost first, with the agent between its units and what is around the run."""
    inside, own = [live for live in lives if live.layer.kind != "container"], decorators(function, units=lives)
    units = [live for live in inside if live.layer.kind == "unit"]
    recording = [Recording(live) if live in units and live not in own else live for live in inside]
    return [*recording, Patient(layer, asks, recorded=bool(units)), *(live for live in lives if live not in inside)]


def told_of(units: Iterator[UnitAudit], layer: RetryLayer) -> Iterator[UnitAudit]:
    """The units of such a function: those without that layer that never raise anything for the model.

    How long the model takes in between nobody knows.
    """
    for unit in units:
        if any(_names(cell, layer) for cell in unit.cells):
            cells = (cell.untimed if _names(cell, layer) else cell for cell in unit.cells)
            yield unit.model_copy(update={"cells": tuple(cells)})
        else:
            layers = tuple(one for one in unit.layers if one.name != layer.name)
            yield unit.model_copy(update={"layers": layers})


def _names(cell: Cell, layer: RetryLayer) -> bool:
    return any(factor.layer == layer.name for factor in factors(cell.expression))
