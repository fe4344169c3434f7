"""From a subject to its units: which layers are around each, and what they make of each class of failure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from pydantic_ai import ModelRetry, UnexpectedModelBehavior, UserError

from harness.audits.asked import Engine, model_units, output_layer, output_retries, raising, told, tries
from harness.audits.asking.conditions import deciding
from harness.audits.asking.deps import Given
from harness.audits.asking.enclosing import Unknowns, enclosed, once, through
from harness.audits.asking.limits import Usage, concurrency
from harness.audits.asking.mcp import Server
from harness.audits.asking.modeling import Outcome
from harness.audits.asking.tools import ToolAsked, decorators, is_mcp, layers_of, leaves, others_of, patience, tools_of
from harness.audits.beside import units_beside
from harness.audits.inside import units_inside
from harness.contract import ToolPolicy, declaration
from harness.retries.arithmetic import Course, product, times
from harness.retries.live import Died, Live, Unfit, Unit
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import Failure, RetryLayer
from harness.subjects.bare import bare
from harness.subjects.origins import explicit


def units_of(
    agent: Any, engine: Engine, usage: Usage | None = None, deps: Given | None = None, wrapper: Any = None
) -> Iterator[UnitAudit]:
    """Every unit of an agent: its model, its tools, its toolsets that are listed, its other functions, the run itself.

    `usage` are the limits of its runs, pydantic-ai's own if nobody says others; `deps` what its runs are given;
    `wrapper` what is around the agent, such as a `DBOSAgent`, which may hold functions of its own.
    """
    usage, deps, engine = usage or Usage(), deps or Given(agent), deciding(engine)
    for model in model_units(agent, engine, usage):
        yield mortal(model, engine(Unit("model")), engine)
    for tool in tools_of(agent):
        yield mortal(tool_unit(tool, engine, usage), engine(tool.unit), engine)
        yield from units_inside(tool, engine, deps)
    for name, toolset in others_of(agent):
        yield from server_units(name, toolset, agent, engine, usage)
    yield from units_beside(agent, engine, deps, wrapper)
    yield from output_units(agent, engine, usage)
    yield run_unit(agent, engine, usage)


def tool_unit(tool: ToolAsked, engine: Engine, usage: Usage) -> UnitAudit:
    """One function tool: its own decorators, the engine's unit among or around them, the agent that asks again."""
    lives = layers_of(tool.unit.function, engine(tool.unit))
    unknown: Unknowns = {}
    misused = enclosed(once(UserError("harness")), lives, Failure.USER_ERROR, unknown, "executions")
    senseless = _asked_again(tool, lives, usage, unknown, Failure.VALIDATION)
    cells = (raising(lives, unknown), misused, _asked_again(tool, lives, usage, unknown), senseless)
    layers = [*(live.layer for live in lives), tool.agent_layer, usage.layer]
    name, said = tool.unit.name, tool.unit.metadata
    return UnitAudit(
        unit=f"tool:{name}",
        metadata=tuple(said or ()),
        may=ToolPolicy.declared(name, declaration(said)).may,
        layers=told(layers, unknown),
        cells=cells,
    )


def _asked_again(
    tool: ToolAsked,
    lives: Sequence[Live],
    usage: Usage,
    unknown: Unknowns,
    failure: Failure = Failure.MODEL_RETRY,
) -> Cell:
    """`ModelRetry`: a unit that the engine makes in a run takes it for a result; only what is inside can retry it.

    Pydantic-ai does the same with pydantic's `ValidationError`, wherever in the tool's body it comes from.
    A function that is itself a unit (a step, a task) raises it out of that unit, and is retried like any failure.
    """
    inside = decorators(tool.unit.function, units=lives)
    error = bare(ValidationError if failure is Failure.VALIDATION else ModelRetry, "harness")
    passed = through(once(error), inside, unknown)
    reached = isinstance(passed.error, ModelRetry | ValidationError)
    turns = usage.over(times(tries(tool.retries) if reached else 1, "agent"))
    recorded = any(live.layer.kind == "unit" for live in lives)
    left = UnexpectedModelBehavior("harness: the tool's retries are used up") if reached else passed.error
    spent = Outcome(product(passed.expression, turns), Course(), Unfit() if recorded else left)
    again = enclosed(spent, _containers(lives), failure, unknown, "executions")
    return again.model_copy(update={"seconds": None})


def mortal(unit: UnitAudit, around: Sequence[Live], engine: Engine) -> UnitAudit:
    """The unit, with how often its body runs when the process dies each time, just before that is recorded.

    Nothing inside the process hears of it: only the engine can begin it again, or whatever begins the run again.
    """
    lives = [live for live in around if live.layer.kind in ("unit", "container")]
    lives += _recovering(engine(Unit("run")))
    if not lives:
        return unit
    died = enclosed(once(Died()), lives, Failure.CRASH, {}, "executions")
    return unit.model_copy(update={"cells": (*unit.cells, died.model_copy(update={"seconds": None}))})


def _recovering(lives: Sequence[Live]) -> list[Live]:
    return [live for live in lives if live.layer.kind == "recovery"]


def _containers(lives: Sequence[Live]) -> list[Live]:
    return [live for live in lives if live.layer.kind == "container"]


def server_units(name: str, toolset: Any, agent: Any, engine: Engine, usage: Usage) -> Iterator[UnitAudit]:
    """A toolset whose tools are only known in a run: that it is asked for them, and that any of them is called."""
    listing = Unit("listing", name, toolset=toolset.id, mcp=True)
    if not is_mcp(toolset):
        kind = type(toolset).__name__
        hidden = RetryLayer(name=kind, kind="mcp", unknown=f"what the toolset {kind} does is only known in a run")
        layers = (hidden, *(live.layer for live in engine(listing)))
        yield UnitAudit(unit=f"tools:{name}", layers=layers)
        return
    server = Server(toolset)
    yield served(f"tools:{name}", server, server.layers, engine(listing))
    retries, said = patience(agent, toolset.max_retries)
    called = ToolAsked(Unit("tool", name, toolset=toolset.id, mcp=True), retries, said)
    yield _calls(called, server, engine, usage)


def served(name: str, server: Server, layers: Sequence[RetryLayer], lives: Sequence[Live]) -> UnitAudit:
    """One thing that a server is asked for: nobody reaches it, or it does not answer."""
    unknown: Unknowns = {}
    lost = {Failure.TOOL_EXCEPTION: server.refused(), Failure.READ_TIMEOUT: server.silent()}
    cells = (
        enclosed(Outcome(*tried, ConnectionError("harness")), lives, failure, unknown, "executions")
        for failure, tried in lost.items()
    )
    every = [*layers, *(live.layer for live in lives)]
    return UnitAudit(unit=name, layers=told(every, unknown), cells=tuple(cells))


def _calls(tool: ToolAsked, server: Server, engine: Engine, usage: Usage) -> UnitAudit:
    """Any call of a tool of a server. An error that the server tells of is for the model, unless it is to be raised."""
    around = engine(tool.unit)
    unknown: Unknowns = {}
    unit = served(f"tool:{tool.unit.name}/*", server, server.layers, around)
    raised = server.behavior == "error"
    asked = replace(tool, retries=tool.retries if server.behavior == "retry" else 0)
    again = (
        enclosed(once(RuntimeError("harness")), around, Failure.MODEL_RETRY, unknown, "executions")
        if raised
        else _asked_again(asked, around, usage, unknown)
    )
    cells = (*unit.cells, again)
    layers = [*unit.layers, tool.agent_layer, usage.layer]
    if (hook := server.hook) is not None:
        layers.insert(len(server.layers), hook)
        cells = tuple(_hooked(cell, hook) for cell in cells)
    whole = unit.model_copy(update={"layers": told(layers, unknown), "cells": cells})
    return mortal(whole, around, engine)


def _hooked(cell: Cell, hook: RetryLayer) -> Cell:
    """A cell around a hook that may do as it likes."""
    return cell.model_copy(update={"expression": product(times(None, hook.name), cell.expression), "seconds": None})


def recovered_unit(lives: Sequence[Live]) -> UnitAudit:
    """A run of the person's own: how often it is begun again when its process dies."""
    unknown: Unknowns = {}
    cells = _begun_again(lives, unknown)
    return UnitAudit(unit="run", layers=told([live.layer for live in lives], unknown), cells=cells)


def _begun_again(lives: Sequence[Live], unknown: Unknowns) -> tuple[Cell, ...]:
    if not (recovering := _recovering(lives)):
        return ()
    died = enclosed(once(Died()), recovering, Failure.CRASH, unknown, "executions")
    return (died.model_copy(update={"seconds": None}),)


def run_unit(agent: Any, engine: Engine, usage: Usage) -> UnitAudit:
    """The run: how often the model is asked for a better output, and how often a run that died is begun again."""
    asks, lives = output_layer(agent), engine(Unit("run"))
    unknown: Unknowns = {}
    turns = usage.over(times(tries(output_retries(agent)), asks.name))
    spent = Outcome(turns, Course(), Unfit())
    again = enclosed(spent, _containers(lives), Failure.INVALID_OUTPUT, unknown)
    waits = concurrency(getattr(agent, "_concurrency_limiter", None), "agent")
    layers = [asks, usage.layer, *(live.layer for live in lives), *([waits] if waits else [])]
    ids = tuple(str(toolset.id) for toolset in leaves(agent) if toolset.id is not None)
    cells = (again.model_copy(update={"seconds": None}), *_begun_again(lives, unknown))
    return UnitAudit(unit="run", toolsets=ids, layers=told(layers, unknown), cells=cells)


def output_units(agent: Any, engine: Engine, usage: Usage) -> Iterator[UnitAudit]:
    """The output tools that have a number of their own: `ToolOutput(..., max_retries=4)`."""
    kept = getattr(getattr(agent, "_output_toolset", None), "_max_retries_overrides", None) or {}
    for name, retries in kept.items():
        origin = explicit(max_retries=retries)
        layer = RetryLayer(name="output tool", kind="agent", settings={"max_retries": str(retries)}, origin=origin)
        turns = usage.over(times(tries(retries), layer.name))
        around = _containers(engine(Unit("run")))
        spent = enclosed(Outcome(turns, Course(), Unfit()), around, Failure.INVALID_OUTPUT, {})
        layers = (layer, usage.layer, *(live.layer for live in around))
        cells = (spent.model_copy(update={"seconds": None}),)
        yield UnitAudit(unit=f"output:{name}", layers=layers, cells=cells)
