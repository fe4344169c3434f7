"""From a subject to its units: which layers are around each, and what they make of each class of failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic_ai import ModelRetry, UserError, models

from harness.audits.asking.enclosing import BODY, Unknowns, enclosed, through
from harness.audits.asking.limits import Usage, concurrency
from harness.audits.asking.mcp import Server
from harness.audits.asking.modeling import Asker, Outcome
from harness.audits.asking.tools import ToolAsked, decorators, is_mcp, others_of, patience, tools_of
from harness.retries.arithmetic import Course, product, times
from harness.retries.live import Died, Live, Unfit, Unit
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure, RetryLayer
from harness.subjects.origins import default_of, explicit

Engine = Callable[[Unit], Sequence[Live]]
"""Asks the engine for its layers around a unit."""


def units_of(agent: Any, engine: Engine, usage: Usage | None = None) -> Iterator[UnitAudit]:
    """Every unit of an agent: its model, its tools, its toolsets that are listed, and the run itself.

    `usage` are the limits of its runs, pydantic-ai's own if nobody says others.
    """
    usage = usage or Usage()
    for model in model_units(agent, engine, usage):
        yield mortal(model, engine(Unit("model")), engine)
    for tool in tools_of(agent):
        yield mortal(tool_unit(tool, engine, usage), engine(tool.unit), engine)
    for name, toolset in others_of(agent):
        yield from server_units(name, toolset, agent, engine, usage)
    yield run_unit(agent, engine, usage)


def model_units(agent: Any, engine: Engine, usage: Usage | None = None) -> Iterator[UnitAudit]:
    """The model of an agent; one that cannot be built here is an unknown layer.

    A model may take an answer that says nothing for an answer: then it is the agent that asks again.
    """
    try:
        model = models.infer_model(agent.model) if isinstance(agent.model, str) else agent.model
    except Exception as error:  # noqa: BLE001  a missing package, a key, whatever the provider's own code raises
        reason = f"the model {agent.model!r} cannot be built here: {error}"
        yield UnitAudit(unit="model", layers=(RetryLayer(name="model", kind="model", unknown=reason),))
        return
    asks, usage = output_layer(agent), usage or Usage()
    turns = usage.over(times(_tries(_output_retries(agent)), asks.name))
    asker = Asker(model, agent.model_settings)
    outcomes = {failure: asker.ask(failure) for failure in ON_THE_WIRE}
    taken = [failure for failure, outcome in outcomes.items() if _is_taken(outcome)]
    for failure in taken:
        outcomes[failure] = replace(outcomes[failure], expression=product(outcomes[failure].expression, turns))
    unit = _model_unit("model", asker, outcomes, engine(Unit("model")))
    yield unit.model_copy(update={"layers": (*unit.layers, *([asks] if taken else []))})


def _is_taken(outcome: Outcome) -> bool:
    """Whether a model took what came for an answer."""
    return outcome.error is None and not outcome.course.endless and outcome.expression.total is not None


def model_unit(name: str, asker: Asker, lives: Sequence[Live]) -> UnitAudit:
    """One model, or one client without any, under one engine."""
    return _model_unit(name, asker, {failure: asker.ask(failure) for failure in ON_THE_WIRE}, lives)


def _model_unit(name: str, asker: Asker, outcomes: Mapping[Failure, Outcome], lives: Sequence[Live]) -> UnitAudit:
    unknown: Unknowns = {}
    cells = [enclosed(outcome, lives, failure, unknown, "requests") for failure, outcome in outcomes.items()]
    layers = [*asker.layers, *(live.layer for live in lives)]
    return UnitAudit(unit=name, layers=_told(layers, {**asker.unknown, **unknown}), cells=tuple(cells))


def tool_unit(tool: ToolAsked, engine: Engine, usage: Usage) -> UnitAudit:
    """One function tool: a decorator of its own, the engine's unit around it, and the agent that asks again."""
    own, around = decorators(tool.unit.function), engine(tool.unit)
    unknown: Unknowns = {}
    errors = {Failure.TOOL_EXCEPTION: RuntimeError("harness"), Failure.USER_ERROR: UserError("harness")}
    raised = [
        enclosed(_once(error), [*own, *around], failure, unknown, "executions") for failure, error in errors.items()
    ]
    cells = (*raised, _asked_again(tool, own, around, usage, unknown))
    layers = [*(one.layer for one in own), *(live.layer for live in around), tool.agent_layer, usage.layer]
    told = tuple(tool.unit.metadata or ())
    return UnitAudit(unit=f"tool:{tool.unit.name}", metadata=told, layers=_told(layers, unknown), cells=cells)


def _asked_again(tool: ToolAsked, own: Sequence[Live], around: Sequence[Live], usage: Usage, unknown: Unknowns) -> Cell:
    """`ModelRetry`: an engine's unit takes it for a result, so only what is inside the unit can retry it.

    A function that is itself a unit (a step, a task) raises it out of that unit, and is retried like any failure.
    """
    inside = [*own, *(live for live in around if live.layer.kind == "unit" and _wraps(tool.unit.function))]
    passed = through(_once(ModelRetry("harness")), inside, unknown)
    reached = isinstance(passed.error, ModelRetry)
    turns = usage.over(times(_tries(tool.retries) if reached else 1, "agent"))
    recorded = any(live.layer.kind == "unit" for live in around)
    spent = Outcome(product(passed.expression, turns), Course(), Unfit() if recorded else passed.error)
    again = enclosed(spent, _containers(around), Failure.MODEL_RETRY, unknown, "executions")
    return again.model_copy(update={"seconds": None})


def mortal(unit: UnitAudit, around: Sequence[Live], engine: Engine) -> UnitAudit:
    """The unit, with how often its body runs when the process dies each time, just before that is recorded.

    Nothing inside the process hears of it: only the engine can begin it again, or whatever begins the run again.
    """
    lives = [live for live in around if live.layer.kind in ("unit", "container")]
    lives += _recovering(engine(Unit("run")))
    if not lives:
        return unit
    died = enclosed(_once(Died()), lives, Failure.CRASH, {}, "executions")
    return unit.model_copy(update={"cells": (*unit.cells, died.model_copy(update={"seconds": None}))})


def _recovering(lives: Sequence[Live]) -> list[Live]:
    return [live for live in lives if live.layer.kind == "recovery"]


def _containers(lives: Sequence[Live]) -> list[Live]:
    return [live for live in lives if live.layer.kind == "container"]


def _wraps(function: Any) -> bool:
    """Whether a function is itself one of the engine's units, made by the person's own decorator."""
    return hasattr(function, "dbos_function_name") or type(function).__module__.startswith("prefect.")


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
    return UnitAudit(unit=name, layers=_told(every, unknown), cells=tuple(cells))


def _calls(tool: ToolAsked, server: Server, engine: Engine, usage: Usage) -> UnitAudit:
    """Any call of a tool of a server. An error that the server tells of is for the model, unless it is to be raised."""
    around = engine(tool.unit)
    unknown: Unknowns = {}
    unit = served(f"tool:{tool.unit.name}/*", server, server.layers, around)
    raised = server.behavior == "error"
    once = replace(tool, retries=tool.retries if server.behavior == "retry" else 0)
    again = (
        enclosed(_once(RuntimeError("harness")), around, Failure.MODEL_RETRY, unknown, "executions")
        if raised
        else _asked_again(once, (), around, usage, unknown)
    )
    cells = (*unit.cells, again)
    layers = [*unit.layers, tool.agent_layer, usage.layer]
    if (hook := server.hook) is not None:
        layers.insert(len(server.layers), hook)
        cells = tuple(_hooked(cell, hook) for cell in cells)
    told = unit.model_copy(update={"layers": _told(layers, unknown), "cells": cells})
    return mortal(told, around, engine)


def _hooked(cell: Cell, hook: RetryLayer) -> Cell:
    """A cell around a hook that may do as it likes."""
    return cell.model_copy(update={"expression": product(times(None, hook.name), cell.expression), "seconds": None})


def body_unit(name: str, lives: Sequence[Live]) -> UnitAudit:
    """A unit of the person's own that asks no provider, as far as we can see: its body fails by itself."""
    unknown: Unknowns = {}
    cell = enclosed(_once(RuntimeError("harness")), lives, Failure.TOOL_EXCEPTION, unknown, "executions")
    return UnitAudit(unit=name, layers=_told([live.layer for live in lives], unknown), cells=(cell,))


def recovered_unit(lives: Sequence[Live]) -> UnitAudit:
    """A run of the person's own: how often it is begun again when its process dies."""
    unknown: Unknowns = {}
    cells = _begun_again(lives, unknown)
    return UnitAudit(unit="run", layers=_told([live.layer for live in lives], unknown), cells=cells)


def _begun_again(lives: Sequence[Live], unknown: Unknowns) -> tuple[Cell, ...]:
    if not (recovering := _recovering(lives)):
        return ()
    return (enclosed(_once(Died()), recovering, Failure.CRASH, unknown, "executions"),)


def run_unit(agent: Any, engine: Engine, usage: Usage) -> UnitAudit:
    """The run: how often the model is asked for a better output, and how often a run that died is begun again."""
    asks, lives = output_layer(agent), engine(Unit("run"))
    unknown: Unknowns = {}
    turns = usage.over(times(_tries(_output_retries(agent)), asks.name))
    spent = Outcome(turns, Course(), Unfit())
    again = enclosed(spent, _containers(lives), Failure.INVALID_OUTPUT, unknown)
    waits = concurrency(getattr(agent, "_concurrency_limiter", None), "agent")
    layers = [asks, usage.layer, *(live.layer for live in lives), *([waits] if waits else [])]
    return UnitAudit(unit="run", layers=_told(layers, unknown), cells=(again, *_begun_again(lives, unknown)))


def output_layer(agent: Any) -> RetryLayer:
    """How often an agent asks its model for a better output."""
    retries = _output_retries(agent)
    origin = default_of("pydantic_ai") if retries == 1 else explicit("output", "retries")
    absurd = f"output={retries} makes no sense" if retries < 0 else ""
    settings = {"output": str(retries)}
    return RetryLayer(name="agent output", kind="agent", settings=settings, origin=origin, unknown=absurd)


def _tries(retries: int) -> int | None:
    """The first try and the others. None: of a number that makes no sense, nobody knows what is made."""
    return retries + 1 if retries >= 0 else None


def _output_retries(agent: Any) -> int:
    return int(getattr(agent, "_max_output_retries", 1))


def _once(error: BaseException) -> Outcome:
    return Outcome(times(1, BODY), Course(), error)


def _told(layers: Sequence[RetryLayer], unknown: Unknowns) -> tuple[RetryLayer, ...]:
    """The layers, and for those that could not answer, why."""
    return tuple(
        layer.model_copy(update={"unknown": unknown[layer.name]}) if layer.name in unknown else layer
        for layer in layers
    )
