"""Hooks around a request of an agent's model that ask by themselves: the same model again, or another one in its place.

They run around the unit of the engine, with its retries or without, and decide in a run whom they ask. So what comes of
a request that they are around, nobody knows before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from harness.audits.asked import ModelAsked, Turn
from harness.audits.asking.clients import asks
from harness.audits.beside import Function
from harness.audits.reach import names_used, own_function, referred
from harness.retries.arithmetic import product, times
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import ON_THE_WIRE, RetryLayer
from harness.subjects.origins import decorated

ON_ERROR, AROUND = "on_model_request_error", "wrap_model_request"
ASKING = frozenset(
    {"request", "request_stream", "model_request", "model_request_stream", "model_request_sync"}
    | {"run", "run_sync", "run_stream", "run_stream_sync", "run_stream_events"}
)
"""What models and agents are asked by, whoever they are."""
ASKS = "it is a hook around the model's request and asks by itself, whom and how often only a run shows"


def hooked(model: ModelAsked, functions: Iterable[Function]) -> ModelAsked:
    """The model with what is around its requests: a hook that hears of failures only leaves a turn as it is."""
    for hook, function in _hooks(functions):
        layer = RetryLayer(
            name=function.name, kind="model", origin=decorated(own_function(function.value)), unknown=ASKS
        )
        turn = model.turn if hook == ON_ERROR else _around_turn(model.turn, layer)
        model = ModelAsked(_around_unit(model.unit, layer), turn)
    return model


def _hooks(functions: Iterable[Function]) -> Iterator[tuple[str, Function]]:
    for function in functions:
        own = own_function(function.value)
        called = {getattr(own, "__name__", ""), *(name for _holder, name in function.way)}
        hook = next((name for name in (AROUND, ON_ERROR) if name in called), None)
        if hook is not None and _asks(function):
            yield hook, function


def _asks(function: Function) -> bool:
    named = names_used(function.value)
    return not ASKING.isdisjoint(named) or any(asks(value) for _name, value in referred(function.value))


def _around_unit(unit: UnitAudit, layer: RetryLayer) -> UnitAudit:
    cells = tuple(_around(cell, layer) if cell.failure in ON_THE_WIRE else cell for cell in unit.cells)
    return unit.model_copy(update={"layers": (*unit.layers, layer), "cells": cells})


def _around(cell: Cell, layer: RetryLayer) -> Cell:
    expression = product(cell.expression, times(None, layer.name))
    return cell.model_copy(update={"expression": expression, "seconds": None})


def _around_turn(turn: Turn, layer: RetryLayer) -> Turn:
    return replace(turn, expression=product(turn.expression, times(None, layer.name)))
