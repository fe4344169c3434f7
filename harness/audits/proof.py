"""Every cell of a prediction that can be made to happen, measured: on the wire, or in the body of a tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from math import inf, isfinite

from harness.audits.targets import (
    ALONE,
    INSTEAD,
    MODEL,
    STEP,
    TOGETHER,
    Target,
    elsewhere,
    is_asked,
    is_decorated,
    target,
)
from harness.audits.wire import measuring
from harness.audits.wire.around import Around, around
from harness.audits.wire.counted import by_call, named
from harness.audits.wire.failures import IN_A_BODY
from harness.checks.values import shown
from harness.engines.registry import load as load_engine
from harness.retries.arithmetic import adds, factors
from harness.retries.report import ANY_TOOL, Cell, Measured, UnitAudit
from harness.retries.values import MEASURED_TO, MOST_MEASURED, Failure
from harness.runner import Bench
from harness.steps import StepId

AT_ONCE = 2
DEATHS, MOST_DEATHS = 3, 8
"""Deaths of a process after which it is believed that it is begun again; and how many are measured to their end."""
_LEFT = "what it begins and does not wait for was not done"
_OTHERS = "`Field(examples=[...])` of a parameter gives others"
_OTHERWISE = f"its code went another way, or {_LEFT}"
Vain = dict[tuple[Target, bool], measuring.Measured]
"""Runs that never came to a target, by it and whether a body was to fail: none comes there, whatever is to fail."""
BEYOND = 5
"""Attempts above the prediction that are let through, to see how far off it is."""


def proven(units: Sequence[UnitAudit], bench: Bench, refused: str = "") -> tuple[UnitAudit, ...]:
    """The units, with what was measured in their cells. `refused` is why the subject cannot be run at all."""
    comes_back = load_engine(bench.scenario.engine).contract().recovery != "operator"
    asked = [
        unit
        for unit in units
        if not (unit.tool or unit.beside or unit.served) and any(is_asked(cell) for cell in unit.cells)
    ]
    asking = next(iter(asked), UnitAudit(unit=""))
    called = {} if refused else _called(units, bench) | (_asking(units, bench) if comes_back else {})
    every = [(unit, cell) for unit in units for cell in unit.cells]
    shared = _shared(units)
    # Empty is the name of what is asked for in the workflow itself, in no step, and of all that a tool asks.
    names = frozenset(unit.called for unit in units if unit.called or unit in asked)
    targets = [
        shared.get(unit.dies if cell.failure is Failure.CRASH else unit.step)
        or elsewhere(unit, asking)
        or _alike(unit, cell, units)
        or target(unit, cell, asking, comes_back, called)
        for unit, cell in every
    ]
    targets = [
        replace(
            one,
            others=names - {unit.called} - ({""} if unit.tool else set()),
            host=_host(unit, units),
            sender=_sender(unit, units),
            ways=_ways(unit, cell, one, units),
            held_up=bool(unit.step) and any(_is_endless(other) for other in units if other.called != unit.called),
        )
        if isinstance(one, Target)
        else one
        for (unit, cell), one in zip(every, targets, strict=True)
    ]
    if refused:
        return tuple(_left_out(unit, f"it cannot be run by the harness: {refused}") for unit in units)
    measured = _measured(every, targets, bench, _missing(units))
    cells = iter(told_apart(unit, cell, units) for (unit, _cell), cell in zip(every, measured, strict=True))
    return tuple(unit.model_copy(update={"cells": tuple(islice(cells, len(unit.cells)))}) for unit in units)


def _host(unit: UnitAudit, units: Sequence[UnitAudit]) -> str:
    """The host that tells what a unit asks for from what others ask for in calls of the same name; empty if none do."""
    return unit.host if any(unit.is_apart(one) for one in _near(unit, units)) else ""


def _sender(unit: UnitAudit, units: Sequence[UnitAudit]) -> str:
    """The client that tells the same where others ask one host with clients of theirs; empty if none do."""
    alike = (one for one in _near(unit, units) if not unit.is_at_another_host(one))
    return unit.sender if any(map(unit.is_elsewhere, alike)) else ""


def _near(unit: UnitAudit, units: Sequence[UnitAudit]) -> list[UnitAudit]:
    """The others that ask in what a run calls the same: in calls of the same name, or in the same tool."""
    asking = (one for one in units if one.unit != unit.unit and any(map(is_asked, one.cells)) and not one.beside)
    return [one for one in asking if (one.tool, one.called) == (unit.tool, unit.called)]


def _ways(unit: UnitAudit, cell: Cell, target: Target, units: Sequence[UnitAudit]) -> tuple[str, ...]:
    """How what a unit asks for is made to fail. Where another agent's requests look the same, it has to be alone.

    What comes after something else in a workflow is only asked where that works; what stands in for it, more rarely,
    only where that fails, in whatever way the code around it takes for a failure.
    """
    if cell.failure is Failure.INVALID_OUTPUT and target.called:
        return (TOGETHER,)
    near = _near(unit, units)
    instead = (INSTEAD,) if is_asked(cell) and any(map(unit.is_elsewhere, near)) else ()
    if target.step or target.beside or not (target.called or target.agent):
        return (TOGETHER, *instead)
    alike = (one for one in near if not unit.is_elsewhere(one))
    return (ALONE,) if any(one.agent != unit.agent for one in alike) else (ALONE, TOGETHER, *instead)


def _alike(unit: UnitAudit, cell: Cell, units: Sequence[UnitAudit]) -> str:
    """Why a run does not show which agent asks again, where one in a step is answered as no other may be."""
    whose = unit.unit.rpartition(".")[0]
    others = {one.unit.rpartition(".")[0] for one in units if one.cell(cell.failure)} - {whose}
    if cell.failure is not Failure.INVALID_OUTPUT or not (unit.called and others):
        return ""
    return "several agents are answered so in a run, which does not show whose turn in a step it is"


def _is_endless(unit: UnitAudit) -> bool:
    """Whether an engine tries it for ever, where it fails as somebody does whom nobody can reach."""
    cells = (cell for cell in unit.cells if cell.failure in (Failure.REFUSED, Failure.TOOL_EXCEPTION))
    return any(one.endless for cell in cells for one in factors(cell.expression))


def told_apart(unit: UnitAudit, cell: Cell, units: Sequence[UnitAudit]) -> Cell:
    """The cell, unmeasured where its requests may be those of another unit that asks in the same step or tool.

    What is as predicted is told, but once only: where several are predicted so, it is put down to the first of them.
    """
    counted = cell.counted
    others = [(one, one.cell(cell.failure)) for one in units if one is not unit and _is_beside(one, unit)]
    asked = [one.predicted for _, one in others if one is not None and is_asked(one)]
    before = units[: units.index(unit)]
    taken = any(one in before and seen is not None and seen.predicted == counted for one, seen in others)
    if counted is None or not asked or not is_asked(cell) or (counted == cell.predicted and not taken):
        return cell
    known = [number for number in (cell.predicted, *asked) if number is not None]
    if len(known) > len(asked) and counted > sum(known):  # more than all of them together
        return cell
    reason = f"more than one is asked in what the run calls {unit.called or unit.tool!r}, and it does not show which"
    return cell.left_out(reason)


def _is_beside(one: UnitAudit, other: UnitAudit) -> bool:
    """Whether two units ask in what a run calls the same."""
    if other.inside:
        return one.inside == other.inside and not one.is_elsewhere(other)
    return bool(other.called) and not one.is_apart(other) and not one.inside


def _shared(units: Sequence[UnitAudit]) -> dict[str, str]:
    """The steps of the person's own that more than one unit is, and why none of these is measured.

    What is tried again in a step is no step of its own.
    """
    steps = Counter(step for unit in units for step in {unit.dies, "" if is_decorated(unit) else unit.step} if step)
    several = (step for step, number in steps.items() if number > 1)
    return {
        step: f"several steps are called {step!r} in a run, which does not show which of them it is" for step in several
    }


def _missing(units: Sequence[UnitAudit]) -> str:
    """What may keep every run from coming to anything, because it cannot be reached here; empty if nothing does."""
    if any(unit.served for unit in units):
        return "its MCP server could not be reached here, and without its tools no run comes to anything"
    first = next((unit.beside for unit in units if unit.beside and any(map(is_asked, unit.cells))), "")
    return f"no run comes so far: whom {first} asks cannot be reached here" if first else ""


def _called(units: Sequence[UnitAudit], bench: Bench) -> dict[str, str]:
    """A tool of each MCP server, by its unit, as a run offers them."""
    served = [unit.unit for unit in units if unit.unit.endswith(ANY_TOOL)]
    own = {unit.tool for unit in units}
    return whose(served, own, measuring.offered(bench)) if served else {}


def _asking(units: Sequence[UnitAudit], bench: Bench) -> dict[str, str]:
    """The step in which each agent of a workflow asks its model first, by its unit, as a run shows it.

    Of one that is run on several ways it does not show on which.
    """
    own = [unit for unit in units if unit.agent and not unit.step and unit.unit.endswith(f".{MODEL}")]
    number = Counter(unit.agent for unit in own)
    mortal = [unit for unit in own if number[unit.agent] == 1 and unit.cell(Failure.CRASH)]
    found = {unit.unit: measuring.first_asked(bench, unit.called, unit.agent) for unit in mortal}
    return {unit: step for unit, step in found.items() if step}


def whose(served: Sequence[str], own: Collection[str], offered: Mapping[str, str]) -> dict[str, str]:
    """One tool for each unit that is about a server: what is offered that is no function of the agent's.

    Of several servers, the ids tell whose a tool is. Under a prefix, where a model is asked in an activity, a tool has
    none: what is left is that server's which alone has nothing yet. Several of these are told apart by nothing.
    """
    theirs = {name: toolset for name, toolset in offered.items() if name not in own}
    if len(served) == 1:
        return {unit: name for unit in served for name in islice(theirs, 1)}
    first = {toolset: name for name, toolset in reversed(theirs.items()) if toolset}
    named = {unit: unit.removeprefix("tool:").removesuffix(ANY_TOOL) for unit in served if served.count(unit) == 1}
    nameless = [name for name, toolset in theirs.items() if not toolset]
    if nameless and len(left := [server for server in named.values() if server not in first]) == 1:
        first[left[0]] = nameless[0]
    return {unit: first[server] for unit, server in named.items() if server in first}


def _measured(
    every: Sequence[tuple[UnitAudit, Cell]], targets: Sequence[Target | str], bench: Bench, missing: str
) -> list[Cell]:
    """The cells in their order. Measured first is what will take longest: the others have ended meanwhile."""
    longest = sorted(range(len(every)), key=lambda place: _haste(every[place][1]))
    vain: Vain = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="harness-proof") as pool:
        begun = {
            place: pool.submit(_cell, *every[place], targets[place], bench=bench, missing=missing, vain=vain)
            for place in longest
        }
        try:
            return [begun[place].result() for place in range(len(every))]
        except BaseException:  # nobody waits for the others any more: what is under way ends with its processes
            pool.shutdown(wait=False, cancel_futures=True)
            for zygote in bench.zygotes:
                zygote.close()
            raise


def _haste(cell: Cell) -> tuple[bool, float]:
    """How little a cell takes to be measured: deaths take several processes, and long waits some time."""
    return cell.failure is not Failure.CRASH, -(cell.seconds or 0.0)


def _left_out(unit: UnitAudit, reason: str) -> UnitAudit:
    cells = tuple(cell.left_out(reason) for cell in unit.cells)
    return unit.model_copy(update={"cells": cells})


def _cell(unit: UnitAudit, cell: Cell, target: Target | str, *, bench: Bench, missing: str, vain: Vain) -> Cell:
    """The cell as the first way shows it that shows anything."""
    if cell.unmeasured:
        return cell
    if isinstance(target, str):
        return cell.left_out(target)
    found = cell
    for way in target.ways:
        if found.measured is None:
            found = _measured_so(unit, cell, replace(target, ways=(way,)), bench, missing, vain)
    return found


def _measured_so(unit: UnitAudit, cell: Cell, target: Target, bench: Bench, missing: str, vain: Vain) -> Cell:
    """The cell as the one way to make it fail shows it. Fills `vain`."""
    each = is_of_each(unit, cell)

    def numbers(seen: measuring.Measured) -> tuple[dict[str, int], dict[str, int]]:
        """How often each call asked, and how often each ran."""
        ran = {step: number for step, number in seen.bodies.items() if _is_of(StepId.parse(step), target)}
        return _called_by(unit, _own(seen.repeated if each else seen.asked, target)), _called_by(unit, by_call(ran))

    def is_enough(seen: measuring.Measured) -> bool:
        asked, ran = numbers(seen)
        return max((asked if cell.counts == "requests" else ran).values(), default=0) >= min(
            _fewest(cell), _limit(cell)
        )

    def why_not(seen: measuring.Measured) -> str:
        asked, ran = numbers(seen)
        return next(_why_not(cell, target, seen, asked, max(ran.values(), default=0), missing), "")

    alike = target, cell.failure in IN_A_BODY
    if alike in vain and (reason := why_not(vain[alike])):
        return cell.left_out(reason)
    seen = measuring.measure(
        bench.scenario,
        cell.failure,
        bench=bench,
        limit=_limit(cell),
        step=target.step,
        raises=cell.raises,
        short=cell.short,
        beside=target.beside,
        others=target.others,
        host=target.host,
        sender="" if target.ways == (ALONE,) and target.agent else target.sender,
        each=each,
        alone=(target.called, target.agent) if target.ways == (ALONE,) else None,
        instead=target.ways == (INSTEAD,),
        around=_around(unit, cell),
        waits=inf if target.held_up else cell.seconds if cell.seconds and isfinite(cell.seconds) else 0.0,
        hangs=cell.failure is Failure.READ_TIMEOUT and any(layer.waits_for_ever for layer in unit.layers),
        is_enough=is_enough,
    )
    if reason := why_not(seen):
        if _is_vain(seen):
            vain[alike] = seen
        return cell.left_out(reason)
    asked, ran = numbers(seen)
    measured = Measured(
        requests=max(asked.values(), default=0),
        bodies=max(ran.values(), default=0),
        calls=len(asked if cell.counts == "requests" else ran) or 1,
        different=seen.different if each else 1,
        capped=seen.unbounded,
        error=seen.outcome,
    )
    return cell.model_copy(update={"measured": measured})


def _is_vain(seen: measuring.Measured) -> bool:
    """Whether a run went as it would have whatever was to fail in it: nothing did, and it left nothing under way."""
    return not (seen.requests or seen.fired or seen.outlived or seen.outcome == "broken")


def is_of_each(unit: UnitAudit, cell: Cell) -> bool:
    """Whether a cell is about one request of several that the person's own code may make, each once or more.

    It is not where all are one: the turns of an agent's model, and the models of a fallback.
    """
    is_model = bool(unit.agent) or unit.unit.rpartition(".")[2] == MODEL
    return cell.counts == "requests" and cell.bound and not is_model and not adds(cell.expression)


def _own(asked: Mapping[str, int], target: Target) -> dict[str, int]:
    """The requests of each call of what is measured: of the unit's own, if the engine's names show which those are."""
    own = {call: number for call, number in asked.items() if target.called and named(call) == target.called}
    return own or {call: number for call, number in asked.items() if named(call) not in target.others}


def _called_by(unit: UnitAudit, numbers: dict[str, int]) -> dict[str, int]:
    """The numbers of each call. All are one where something in between calls the unit again, which nothing shows.

    That is a decorator or a unit around it, and whatever else `recalls`. Of an agent inside a step, each attempt at the
    step is a run of its own.
    """
    kinds = [layer.kind for layer in unit.layers]
    outside = kinds[kinds.index("unit") + 1 :] if "unit" in kinds else []
    runs_anew = bool(unit.called and unit.agent)
    again = runs_anew or any(layer.recalls for layer in unit.layers) or not {"tool", "unit"}.isdisjoint(outside)
    return {"": sum(numbers.values())} if again and numbers else numbers


def _around(unit: UnitAudit, cell: Cell) -> Around:
    """What the engine has around the unit, where it fails as in this cell. Of what nobody knows it may be anything."""
    layers = [layer for layer in unit.layers if layer.kind in ("unit", "container")]
    names = {layer.name for layer in layers}
    endless = any(one.endless and one.layer in names for one in factors(cell.expression))
    return around(layers, endless=endless or any(layer.unknown and layer.kind == "unit" for layer in layers))


def _why_not(
    cell: Cell, target: Target, seen: measuring.Measured, asked: Mapping[str, int], bodies: int, missing: str
) -> Iterator[str]:
    """Why a run says nothing about a cell, the first reason first: what was to fail in it did not.

    `asked` are the calls of what is measured that asked somebody, each with how often.
    """
    most = max(asked.values(), default=0) if cell.counts == "requests" else bodies
    nothing = not bodies and not seen.requests
    if nothing and missing and not target.beside:
        yield missing
    if seen.outcome in ("stuck", "broken") and not (cell.hangs and seen.requests):
        yield f"the run came to no end ({seen.reason or seen.outcome})"
    yield from _never_there(cell, target, seen, asked)
    if nothing and target.beside:
        yield "with what our script says, it asked nobody"
    if cell.bound and cell.counts == "requests" and not seen.requests and target.step:
        yield _tool_asked_nobody(seen)
    if cell.counts == "requests" and bodies and not (seen.requests or target.step or target.beside):
        yield "its model sent no request that could be made to fail here"
    if cell.bound and cell.counts == "requests" and not seen.requests:
        yield f"the run asked nobody: {seen.reason or _OTHERWISE}"
    yield from ended_before(cell, target, seen, most)


def _tool_asked_nobody(seen: measuring.Measured) -> str:
    """The same of a tool, whose arguments may be why: they are made from its schema."""
    if seen.reason or seen.arguments == {}:
        return f"the tool asked nobody: {seen.reason or _OTHERWISE}"
    given = f" ({shown(seen.arguments)})" if seen.arguments else ""
    return f"with the arguments of our script{given}, the tool asked nobody: {_OTHERS}"


def ended_before(cell: Cell, target: Target, seen: measuring.Measured, most: int) -> Iterator[str]:
    """Why a run shows less of a cell than there would be: it had come to its end."""
    if cell.bound and seen.outlived and not seen.unbounded and most < _fewest(cell):
        yield f"the run ended while this was still tried: {_LEFT}"
    around = StepId.parse(target.step).path[:-1] if target.kind == STEP and target.step else ()
    within = any(segment.kind == STEP for segment in around)
    if cell.failure is Failure.CRASH and within and not seen.unbounded and most < (cell.predicted or 0):
        yield "the run ended before it: whatever becomes of that, the workflow that the step is in is begun again"


def _never_there(cell: Cell, target: Target, seen: measuring.Measured, asked: Mapping[str, int]) -> Iterator[str]:
    """Why a run did not come to the place where something was to fail."""
    if target.ways == (ALONE,) and not seen.requests:
        yield f"the run never came to this: {seen.reason or 'its code went another way'}"
    if target.step and cell.failure in IN_A_BODY and not seen.fired:
        yield f"the run never came to {target.step}, where it was to fail"
    if seen.requests and not asked:
        yield "the run asked others, and never came to this: what asks before fails, or its code went another way"


def _is_of(step: StepId, target: Target) -> bool:
    """Whether a body is one of those that are counted, also when it is asked for again."""
    if target.kind == STEP:
        return str(step) == target.step
    return step.kind == target.kind and target.name in (None, step.name)


def _fewest(cell: Cell) -> float:
    """What a cell comes to at least, as it is predicted; 0 where nobody knows."""
    return (cell.predicted if cell.least is None else cell.least) or 0


def _limit(cell: Cell) -> int:
    """How many attempts are let through: what is predicted and some more, or as many as what never ends is given.

    So is what would take too long. Deaths take their time, so of many only a few are measured.
    """
    if cell.failure is Failure.CRASH:
        return DEATHS if cell.predicted is None or cell.predicted > MOST_DEATHS else int(cell.predicted) + 1
    if cell.predicted is None or cell.predicted > MOST_MEASURED:
        return MEASURED_TO
    beyond = int(cell.predicted) + BEYOND
    return max(beyond, MEASURED_TO) if cell.bound else beyond  # what a loop in between comes to is to be seen
