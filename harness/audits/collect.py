"""From a subject to its units: which layers are around each, and what they make of each class of failure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_ai import ModelRetry, UnexpectedModelBehavior, UserError

from harness.audits.asked import (
    NOTHING_SAID,
    ONE_REQUEST,
    Engine,
    Turn,
    model_of,
    output_layer,
    output_retries,
    raising,
    told,
    tries,
)
from harness.audits.asking.again import Recording, is_for_the_model
from harness.audits.asking.alike import apart
from harness.audits.asking.conditions import deciding
from harness.audits.asking.deps import Given
from harness.audits.asking.enclosing import Unknowns, enclosed, once, through
from harness.audits.asking.executing import Execution, listing_layers
from harness.audits.asking.limits import Usage, concurrency
from harness.audits.asking.mcp import Server
from harness.audits.asking.outcomes import Outcome
from harness.audits.asking.passing import ending
from harness.audits.asking.sessions import CALL, LISTING, OPENING, Sessions
from harness.audits.asking.tools import (
    SAID,
    ToolAsked,
    decorators,
    inside_containers,
    is_mcp,
    layers_of_tool,
    others_of,
    patience,
    tools_of,
)
from harness.audits.beside import functions_of, units_beside
from harness.audits.hooked import hooked
from harness.audits.inside import units_inside
from harness.contract import ToolPolicy, declaration
from harness.retries.arithmetic import Course, product, times
from harness.retries.live import Answer, Answering, Died, Live, TimedOut, Unfit, Unit, of_kind
from harness.retries.report import ANY_TOOL, Cell, UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure, RetryLayer
from harness.subjects.bare import bare
from harness.subjects.origins import explicit
from harness.subjects.toolsets import Placed, leaves
from harness.subjects.wrapping import wrappers


def units_of(
    agent: Any,
    engine: Engine,
    usage: Usage | None = None,
    deps: Given | None = None,
    wrapper: Any = None,
    said: Mapping[str, Any] = NOTHING_SAID,
) -> Iterator[UnitAudit]:
    """Every unit of an agent: its model, its tools, its toolsets that are listed, its other functions, the run itself.

    `usage` are the limits of its runs, pydantic-ai's own if nobody says others; `deps` what its runs are given;
    `wrapper` what is around the agent, such as a `DBOSAgent`, which may hold functions of its own; `said` what the
    calls of its runs say in place of its model's settings.
    """
    usage, deps, engine = usage or Usage(), deps or Given(agent), deciding(engine)

    def around(unit: Unit) -> Sequence[Live]:
        return apart(engine(unit))

    asked = model_of(agent, around, usage, said=said, wrapper=wrapper)
    model = hooked(asked, functions_of(agent, wrapper))
    yield mortal(model.unit, around(Unit("model")), around)
    for tool in tools_of(agent):
        yield mortal(tool_unit(tool, around, usage), around(tool.unit), around)
        yield from units_inside(tool, engine, deps)
    for name, place in others_of(agent):
        yield from server_units(name, place, agent, around, usage)
    yield from units_beside(agent, engine, deps, wrapper)
    yield from output_units(agent, around, usage, model.turn)
    yield run_unit(agent, around, usage, model.turn)


def tool_unit(tool: ToolAsked, engine: Engine, usage: Usage) -> UnitAudit:
    """One function tool: its own decorators, the engine's unit among or around them, the agent that asks again."""
    lives = apart(layers_of_tool(tool, engine(tool.unit)))
    unknown: Unknowns = {}
    misused = enclosed(once(UserError("harness")), lives, Failure.USER_ERROR, unknown, "executions")
    senseless = _asked_again(tool, lives, usage, unknown, Failure.VALIDATION)
    cells: tuple[Cell, ...] = (raising(lives, unknown), misused, _asked_again(tool, lives, usage, unknown), senseless)
    layers = [*(live.layer for live in lives), tool.agent_layer, usage.layer]
    if tool.around.bounded or any(map(ending, wrappers(tool.unit.function))):
        cells = tuple(cell.bounded for cell in cells)
    name, said = tool.name, tool.unit.metadata
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
    own = len(decorators(tool.unit.function, units=lives))
    inside = [*lives[:own], *of_kind(lives[own:], "tool")]
    error = bare(ValidationError if failure is Failure.VALIDATION else ModelRetry, "harness")
    return _told_again(through(once(error), inside, unknown), tool, lives, usage, unknown, failure)


def _told_again(
    passed: Outcome, tool: ToolAsked, lives: Sequence[Live], usage: Usage, unknown: Unknowns, failure: Failure
) -> Cell:
    """The cell of a call of which the model hears, if what it `passed` on is for the model: it calls the tool again."""
    reached = is_for_the_model(passed.error)
    turns = usage.over(times(tries(tool.retries) if reached else 1, "agent"))
    recorded = bool(of_kind(lives, "unit"))
    left = UnexpectedModelBehavior("harness: the tool's retries are used up") if reached else passed.error
    spent = Outcome(product(passed.expression, turns), Course(), Unfit() if recorded else left)
    again = enclosed(spent, of_kind(lives, "container"), failure, unknown, "executions")
    return again.untimed


def mortal(unit: UnitAudit, around: Sequence[Live], engine: Engine) -> UnitAudit:
    """The unit, with how often its body runs when the process dies each time, just before that is recorded.

    Nothing inside the process hears of it: only the engine can begin it again, or whatever begins the run again.
    """
    lives = of_kind(around, "unit", "container") + of_kind(engine(Unit("run")), "recovery")
    if not lives:
        return unit
    died = enclosed(once(Died()), lives, Failure.CRASH, {}, "executions")
    return unit.model_copy(update={"cells": (*unit.cells, died.untimed)})


def server_units(name: str, place: Placed, agent: Any, engine: Engine, usage: Usage) -> Iterator[UnitAudit]:
    """A toolset whose tools are only known in a run: that it is asked for them, and that any of them is called."""
    toolset: Any = place.toolset
    listing = Unit("listing", name, toolset=toolset.id, mcp=True)
    if not is_mcp(toolset):
        kind = type(toolset).__name__
        hidden = RetryLayer(name=kind, kind="mcp", unknown=f"what the toolset {kind} does is only known in a run")
        layers = (hidden, *(live.layer for live in engine(listing)))
        yield UnitAudit(unit=f"tools:{name}", layers=layers)
        return
    server = Server(toolset)
    yield _listed(f"tools:{name}", server, inside_containers(listing_layers(place), engine(listing)))
    retries, said = patience(agent, toolset.max_retries)
    names = SAID if toolset.max_retries is None else ("max_retries",)
    called = ToolAsked(
        Unit("tool", name, toolset=toolset.id, mcp=True),
        retries,
        names if said else (),
        around=Execution(agent).around(place),
    )
    yield _calls(called, server, engine, usage)


def _listed(name: str, server: Server, lives: Sequence[Live]) -> UnitAudit:
    """That a server is asked for its tools: nobody reaches it, it does not answer, or over HTTP says that it failed."""
    unknown: Unknowns = {}

    def met(outcome: Outcome, around: Sequence[Live], failure: Failure) -> Cell:
        return enclosed(outcome, around, failure, unknown)

    if server.sessions is not None:
        failing = _over_http(server.sessions, LISTING, lives, met, unknown)
    else:
        silent = Outcome(*server.silent(), server.gave_up)
        failing = (enclosed(silent, lives, Failure.READ_TIMEOUT, unknown, "executions"),)
    cells = (_lost(server, lives, unknown), *failing)
    return UnitAudit(unit=name, layers=told([*server.layers, *(live.layer for live in lives)], unknown), cells=cells)


class _Held(Answering):
    """A unit whose attempts share one session: when that is lost, no other attempt reaches the server."""

    def answer(self, error: BaseException) -> Answer:
        """What the unit does with what is no word of the server's, such as a deadline of its own."""
        return self._live.answer(error) if isinstance(error, TimedOut) else Answer(raises=error)


def _over_http(
    sessions: Sessions,
    method: str,
    lives: Sequence[Live],
    met: Callable[[Outcome, Sequence[Live], Failure], Cell],
    unknown: Unknowns,
) -> Sequence[Cell]:
    """The cells of what is asked of a server over HTTP: the worst of opening a session, and of asking in an open one.

    `met` makes a cell of what came of it. A run opens its session where it lists the tools; in a call of a tool only
    where that is a unit, which a recovered run may begin with, or which has a session of its own each time.
    """
    opens = method == LISTING or bool(of_kind(lives, "unit"))
    cells = []
    for failure in ON_THE_WIRE:
        asked, how = sessions.outcome(failure, method)
        shares = how.lost and not any(getattr(live, "anew", False) for live in lives)
        inside = met(asked, [_Held(live) if shares and live.layer.kind == "unit" else live for live in lives], failure)
        opening, closed = sessions.outcome(failure, OPENING)
        unknown.update(how.unknown | closed.unknown)
        both = [met(opening, lives, failure), inside] if opens else [inside]
        worst = max(both, key=_extent)
        fewer = worst is inside if method == LISTING else len({cell.predicted for cell in both}) > 1
        cells.append(worst.model_copy(update={"bound": opens and fewer}))
    return cells


def _extent(cell: Cell) -> tuple[float, float]:
    return math.inf if cell.predicted is None else cell.predicted, cell.seconds or 0.0


def _lost(server: Server, lives: Sequence[Live], unknown: Unknowns, *others: BaseException) -> Cell:
    """The cell of a server that nobody reaches; or that tells of one of these `others`, if that is tried more often."""
    outcomes = [Outcome(*server.refused(), ConnectionError("harness")), *map(once, others)]
    cells = [enclosed(one, lives, Failure.TOOL_EXCEPTION, unknown, "executions") for one in outcomes]
    names = (f"{type(one.error).__module__}.{type(one.error).__qualname__}" for one in outcomes)
    failed = (cell.model_copy(update={"raises": name}) for cell, name in zip(cells, names, strict=True))
    return max(failed, key=lambda cell: math.inf if cell.predicted is None else cell.predicted)


def _answered(
    outcome: Outcome, tool: ToolAsked, lives: Sequence[Live], usage: Usage, unknown: Unknowns, failure: Failure
) -> Cell:
    """The cell of a call that fails or is not answered: its client gives up, unless a deadline around it is sooner.

    A `ModelRetry` of the client's is a result to the engine's unit; what a deadline ends is a failure of it.
    """
    units = [Recording(live) for live in lives if live.layer.kind != "container"]
    passed = through(outcome, units, unknown)
    if isinstance(passed.error, ModelRetry) and not passed.course.endless:
        return _told_again(passed, tool, lives, usage, unknown, failure)
    return enclosed(outcome, [*units, *of_kind(lives, "container")], failure, unknown, "executions")


def _calls(tool: ToolAsked, server: Server, engine: Engine, usage: Usage) -> UnitAudit:
    """Any call of a tool of a server. An error that the server tells of is for the model, unless it is to be raised."""
    around = apart(inside_containers(tool.around.layers, engine(tool.unit)))
    unknown: Unknowns = {}

    def met(outcome: Outcome, lives: Sequence[Live], failure: Failure) -> Cell:
        return _answered(outcome, tool, lives, usage, unknown, failure).model_copy(update={"counts": "requests"})

    if server.sessions is not None:
        failing = _over_http(server.sessions, CALL, around, met, unknown)
    else:
        silent = Outcome(*server.silent(), server.unanswered)
        failing = (_answered(silent, tool, around, usage, unknown, Failure.READ_TIMEOUT),)
    lost = _lost(server, around, unknown, *([server.told] if server.raises else ()))
    again = () if server.raises else (_asked_again(tool, around, usage, unknown),)
    cells = (lost, *failing, *again)
    layers = [*server.layers, *(live.layer for live in around), tool.agent_layer, usage.layer]
    if (hook := server.hook) is not None:
        layers.insert(len(server.layers), hook)
        cells = tuple(_hooked(cell, hook) for cell in cells)
    if tool.around.bounded:
        cells = tuple(cell.bounded for cell in cells)
    whole = UnitAudit(unit=f"tool:{tool.unit.name}{ANY_TOOL}", layers=told(layers, unknown), cells=cells)
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
    if not (recovering := of_kind(lives, "recovery")):
        return ()
    died = enclosed(once(Died()), recovering, Failure.CRASH, unknown, "executions")
    return (died.untimed,)


def run_unit(agent: Any, engine: Engine, usage: Usage, turn: Turn = ONE_REQUEST) -> UnitAudit:
    """The run: how often the model is asked for a better output, and how often a run that died is begun again."""
    asks, lives = output_layer(agent), engine(Unit("run"))
    unknown: Unknowns = {}
    turns = usage.over(times(tries(output_retries(agent)), asks.name))
    again = enclosed(turn.repeated(turns), of_kind(lives, "container"), Failure.INVALID_OUTPUT, unknown)
    waits = concurrency(getattr(agent, "_concurrency_limiter", None), "agent")
    layers = [*turn.layers, asks, usage.layer, *(live.layer for live in lives), *([waits] if waits else [])]
    ids = tuple(str(toolset.id) for toolset in leaves(agent) if toolset.id is not None)
    cells = (again.untimed, *_begun_again(lives, unknown))
    return UnitAudit(unit="run", toolsets=ids, layers=told(layers, unknown), cells=cells)


def output_units(agent: Any, engine: Engine, usage: Usage, turn: Turn) -> Iterator[UnitAudit]:
    """The output tools that have a number of their own: `ToolOutput(..., max_retries=4)`."""
    kept = getattr(getattr(agent, "_output_toolset", None), "_max_retries_overrides", None) or {}
    for name, retries in kept.items():
        origin = explicit(max_retries=retries)
        layer = RetryLayer(name="output tool", kind="agent", settings={"max_retries": str(retries)}, origin=origin)
        turns = usage.over(times(tries(retries), layer.name))
        around = of_kind(engine(Unit("run")), "container")
        spent = enclosed(turn.repeated(turns), around, Failure.INVALID_OUTPUT, {})
        layers = (*turn.layers, layer, usage.layer, *(live.layer for live in around))
        cells = (spent.untimed,)
        yield UnitAudit(unit=f"output:{name}", layers=layers, cells=cells)
