"""A workflow or flow of the person's own: the units that it calls, and the clients and agents that those use.

Which they are is told by the names that a function really refers to, in its module and its closure; functions in
between are followed. What a function makes while it runs cannot be seen before, and is reported as unknown.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.audits import collect
from harness.audits.agents import around_part, others_in, usage_in
from harness.audits.asked import Engine, body_unit
from harness.audits.asking.alike import apart
from harness.audits.asking.clients import asks
from harness.audits.asking.conditions import deciding
from harness.audits.asking.limits import Usage
from harness.audits.asking.tools import decorators, is_on_function, layers_of
from harness.audits.calling import UNITS, calls_in, starts_in
from harness.audits.copying import as_called, copies
from harness.audits.inside import Way, asked_inside, asking, called, changed_in_call, durable, nobody_sees
from harness.audits.reach import Reached, Unseen, explored, functions_of_modules, names_used, own_function, reached
from harness.audits.targets import MODEL
from harness.audits.telling import told_to
from harness.retries.arithmetic import factors
from harness.retries.live import Live, MadeInCall, Unit, of_kind
from harness.retries.report import UnitAudit
from harness.retries.values import RetryLayer
from harness.steps import StepId
from harness.subjects.naming import unwrapped


def units_of(workflow: Any, engine: Engine) -> Iterator[UnitAudit]:
    """Every unit that a workflow calls, as far as its code names them, and the run itself."""
    every, calls, meant = _named_by(workflow, engine)
    bare, engine = engine, _told(deciding(engine), (*calls, *starts_in(functions_of_modules())))
    run = engine(Unit("run"))
    body = _body(workflow)
    engine = _inside(body, engine)
    way = Way((), engine, copies(every))
    steps = [one for one in every if of_kind(engine(_own(one)), "unit")]
    own = {id(one.value) for one in steps}
    names = _names(steps)
    around = [*body, *of_kind(run, "container")]
    passed = {id(helper) for one in every if one in steps or durable(one.value) for helper in one.through}
    ways = {one.way for one in every}  # what is lent to a step is asked there
    named = [one for one in reached(workflow, own) if one.way in ways and own.isdisjoint(map(id, one.through))]
    beside = [one for one in named if id(one.value) not in passed | own and not durable(one.value)]
    given = any(asks(one.value, one.by) for one in beside)
    found = [
        unit
        for one in steps
        if not any(id(helper) in own for helper in one.through)  # those are told of in the step around them
        for unit in _in_step(names[_key(one)], one, every, _as_called(one, way), engine, given=given)
    ]
    asked = list(asked_inside("", beside, around, engine, others=others_in(named, engine)))
    found += [unit for one in _agents(named, way) for unit in one] + asked
    found += _by_name(calls, {name for one in every for name in _known_as(one.value, calls, bare)}, run, meant)
    found += _by_nothing(calls, every, run, bare)
    yield from _apart(found) if found else [_hidden(run)]
    yield collect.recovered_unit(run)
    children = {id(one.value): one for one in every if _recovering(one.value, way.engine)}
    for one in children.values():
        unit = collect.recovered_unit(of_kind(way.engine(_own(one)), "recovery", "limit"))
        yield unit.model_copy(update={"unit": f"{one.name}.run"})


def _named_by(workflow: Any, engine: Engine) -> tuple[list[Reached], tuple[MadeInCall, ...], dict[str, list[Any]]]:
    """All that a workflow's code names, also as text; what its calls say; and whom each name that is a text may mean.

    What is asked for by such a name may ask for others in the same way.
    """
    known: dict[str, Any] = {}
    while True:
        every, functions = explored(workflow, known)
        calls = calls_in(functions)
        meant = _meant(calls, engine)
        only = {name: one for name, (one, *others) in meant.items() if not others}
        if only.keys() <= known.keys():
            return every, calls, meant
        known = only


def _meant(calls: Sequence[MadeInCall], engine: Engine) -> dict[str, list[Any]]:
    """What the workflow asks for by a name, as text, and the person's own functions that the engine calls so."""
    names = {call.runs for call in calls if isinstance(call.runs, str)}
    found: dict[str, list[Any]] = {}
    for function in functions_of_modules() if names else ():
        for name in names & _known_as(function, calls, engine):
            found.setdefault(name, []).append(function)
    return found


def _known_as(function: Any, calls: Sequence[MadeInCall], engine: Engine) -> set[str]:
    """The names by which these calls may ask for a function."""
    lives = engine(Unit("own", function=function, calls=tuple(calls)))
    return {name for live in lives for name in (live.layer.called, getattr(live, "known_as", "")) if name}


def _by_name(
    calls: Sequence[MadeInCall], found: Collection[str], run: Sequence[Live], meant: Mapping[str, Sequence[Any]]
) -> list[UnitAudit]:
    """What the workflow asks for by a name, as text, where nobody sees whom that asks, as it is not among the `found`.

    None of the person's modules holds a function of that name, or there are several that may be `meant`.
    """
    names = dict.fromkeys(call.runs for call in calls if isinstance(call.runs, str) and call.runs not in found)
    containers = of_kind(run, "container")
    return [nobody_sees(f"step:{name}", name, _nameless(meant.get(name, ())), containers) for name in names]


def _by_nothing(
    calls: Sequence[MadeInCall], every: Sequence[Reached], run: Sequence[Live], engine: Engine
) -> list[UnitAudit]:
    """What the workflow asks for without saying there whom, where it names nothing else that may be meant."""
    asking = {call.by: call for call in calls if call.runs is None and call.by in UNITS}
    containers = of_kind(run, "container")
    return [
        nobody_sees(f"step:{by}", by, _UNSAID.format(by, Path(call.file).name, call.line), containers)
        for by, call in asking.items()
        if not any(_may_run(call, one, engine) for one in every)
    ]


def _may_run(call: MadeInCall, one: Reached, engine: Engine) -> bool:
    """Whether a call that does not say whom it asks for may ask for this, for what the engine knows."""
    lives = engine(Unit("own", one.name, one.value, calls=(call,)))
    kind = "unit" if "activity" in call.by else "container"
    return any(live.layer.kind == kind and is_on_function(live) for live in lives)


_UNSAID = (
    "whom `workflow.{}` asks for is only known when it runs, in {}:{}; name it there, so that it can be looked into"
)


def _nameless(several: Sequence[Any]) -> str:
    """Why nobody knows what a name means, which is that of several functions or of none."""
    if not several:
        return "the workflow asks for it by its name, as text; name the function, so that it can be looked into"
    whole = " and ".join(sorted(f"{one.__module__}.{one.__qualname__}" for one in several))
    return f"the workflow asks for it by its name, as text, which is that of {whole}; name the function that is meant"


def _in_its_workflow(one: Reached, engine: Engine, unit: UnitAudit) -> UnitAudit:
    """The unit with the step that it is in a run: inside of the workflows that are called on the way to it."""
    every = (_shown_as(helper, engine) for helper in one.through)
    around = [str(StepId.of("step", name)) for name in every if name]
    return unit.model_copy(update={"step": ".".join([*around, unit.step])}) if unit.step else unit


def _shown_as(function: Any, engine: Engine) -> str:
    """What a workflow that another one asks for is called in a run, which shows it around its units; empty: none."""
    lives = engine(Unit("own", function=function))
    if of_kind(lives, "recovery"):
        return str(function.__name__)
    return next((getattr(live, "known_as", "") for live in of_kind(lives, "container")), "")


def _recovering(function: Any, engine: Engine) -> list[Live]:
    """How a workflow that another one calls is begun again when its process dies, whatever becomes of the outer one."""
    return of_kind(engine(Unit("own", function=function)), "recovery")


def _names(steps: Sequence[Reached]) -> dict[tuple[str, int], str]:
    """What each step is called. Several of one name (`fetch` of two modules) are told apart by where they are from."""
    found = {_key(one): one for one in steps}
    shared = Counter(name for name, _value in found)
    return {key: key[0] if shared[key[0]] == 1 else _whole_name(one) for key, one in found.items()}


def _key(one: Reached) -> tuple[str, int]:
    return called("", one), id(one.value)


def _whole_name(one: Reached) -> str:
    function = own_function(one.value)
    return called("", replace(one, name=f"{function.__module__}.{function.__qualname__}" if function else one.name))


def _apart(units: Sequence[UnitAudit]) -> Iterator[UnitAudit]:
    """The units with names of their own: the same method of several objects is several units of one name."""
    met: Counter[str] = Counter()
    for unit in units:
        met[unit.unit] += 1
        number = met[unit.unit]
        yield unit if number == 1 else unit.model_copy(update={"unit": f"{unit.unit} ({number})"})


def _body(workflow: Any) -> list[Live]:
    """What tries the workflow's own function again within one run: it is around everything that a run does."""
    return _containing(decorators(workflow, str(getattr(workflow, "__name__", ""))))


def _containing(lives: Sequence[Live]) -> list[Live]:
    """The layers as ones that are around whole units."""
    for live in lives:
        is_own = live.layer.kind == "tool"  # a decorator; the engine knows what it tries again itself
        live.layer = live.layer.model_copy(update={"kind": "container", "recalls": is_own})
    return [*lives]


def _told(engine: Engine, calls: Sequence[MadeInCall]) -> Engine:
    """The engine, told of a unit what the workflow's calls say of units, where any does."""

    def lives(unit: Unit) -> Sequence[Live]:
        if not calls:
            return engine(unit)
        names = names_used(unit.function) if unit.kind == "own" else unit.names
        return engine(replace(unit, calls=tuple(calls), names=names))

    return lives


def _inside(body: Sequence[Live], engine: Engine) -> Engine:
    """The engine, with what is around all units in a run between its units and what it does with the whole run."""

    def lives(unit: Unit) -> Sequence[Live]:
        found = engine(unit)
        if unit.kind == "own" and not found:
            return found
        units = [live for live in found if is_on_function(live)]
        return [*units, *body, *(live for live in found if live not in units)]

    return lives


def _own(one: Reached) -> Unit:
    return Unit("own", one.name, one.value)


def _as_called(one: Reached, way: Way) -> Sequence[Live]:
    """All layers of a unit, with what is on the way to it; the engine's are unknown where the call changes them."""
    copy = as_called(one)
    called = one if copy is None else replace(one, value=copy)
    found = _inside(_containing(way.layers(one.through)), _timed(one, way.engine))(_own(called))
    lives = layers_of(called.value, found)
    return changed_in_call(one.name, lives) if copy is None else lives


def _agents(named: Sequence[Reached], way: Way) -> Iterator[Iterator[UnitAudit]]:
    """The units of every durable agent that the workflow itself runs: its configuration says what they are.

    One that is run on more than one way has them on each.
    """
    usage = usage_in(named)
    agents = {(id(one.value), called("", one)): one for one in reversed(named) if durable(one.value)}
    for one in reversed(agents.values()):
        engine = _inside(_containing(way.layers(one.through)), _timed(one, way.engine))
        around = _begun_again(one, engine, way.engine)
        yield _units_of_agent(called("", one), one.value, around, usage, told_to(one).settings)


def _timed(one: Reached, engine: Engine) -> Engine:
    """The engine, with the timeout with which the innermost workflow is started that something runs in, if it has one.

    That holds in place of the outer one's.
    """
    limits = (
        of_kind(engine(Unit("own", function=helper)), "limit")
        for helper in reversed(one.through)
        if _recovering(helper, engine)
    )
    own = next(filter(None, limits), None)

    def lives(unit: Unit) -> Sequence[Live]:
        found = engine(unit)
        return found if own is None or not found else [*(live for live in found if live.layer.kind != "limit"), *own]

    return lives


def _begun_again(one: Reached, engine: Engine, bare: Engine) -> Engine:
    """The engine, with the recovery of the innermost workflow that something runs in, in place of the outer one's."""
    own = next(filter(None, (_recovering(helper, bare) for helper in reversed(one.through))), None)

    def lives(unit: Unit) -> Sequence[Live]:
        found = engine(unit)
        if unit.kind != "run" or own is None:
            return found
        return [*own, *(live for live in found if live.layer.kind != "recovery")]

    return lives


def _units_of_agent(key: str, agent: Any, engine: Engine, usage: Usage, said: Mapping[str, Any]) -> Iterator[UnitAudit]:
    def lives(unit: Unit) -> Sequence[Live]:
        return around_part(unit, engine(replace(unit, owner=agent)))

    for unit in collect.units_of(unwrapped(agent), lives, usage, wrapper=agent, said=said):
        yield unit.model_copy(update={"unit": f"{key}.{unit.unit}", "agent": str(unwrapped(agent).name or "")})


def _hidden(run: Sequence[Live]) -> UnitAudit:
    """A workflow that names nothing that can be asked: how its units are retried is said in the call."""
    reason = "which units it calls, and how they are retried, is said in the calls themselves, when it runs"
    layers = (RetryLayer(name="workflow", kind="unit", unknown=reason), *(live.layer for live in run))
    return UnitAudit(unit="workflow", layers=layers)


def _in_step(
    name: str, step: Reached, every: Sequence[Reached], lives: Sequence[Live], engine: Engine, *, given: bool
) -> Iterator[UnitAudit]:
    """What one unit asks: provider clients and agents, whose requests are no units of their own there.

    One that asks nobody fails by itself. What it takes from an object that is made in a call may ask somebody as well,
    if anything that asks may have been `given` to that; and so may what it takes from one that only its worker has.
    """
    bodies = (*step.through, step.value)
    way = [id(one) for one in bodies]
    inside = [one for one in every if [id(helper) for helper in one.through[: len(way)]] == way]
    found = [replace(one, through=one.through[len(way) :]) for one in inside]
    whole = _in_its_workflow(step, engine, body_unit(f"step:{name}", lives))
    beside = others_in(found, engine)
    units = list(asked_inside(f"step:{name}.", found, lives, engine, *bodies, others=beside)) or [whole]
    if inspect.isclass(step.value):
        reason = f"it is an object of `{step.value.__qualname__}` that is called there, which only a worker is given"
        units = [nobody_sees(f"step:{name}", step.value.__qualname__, reason, lives)]
    hidden = [one for one in found if isinstance(one.value, Unseen)]
    others = [_of_worker(one, step.value) for one in hidden if _is_of_worker(one.value, step.value, lives)]
    made = [one for one in hidden if given and not one.value.empty]
    for one in {one.name: one for one in (*made, *others)}.values():
        units += asking(
            called(f"step:{name}.", one), one, [*Way(lives, engine, {}).layers(one.through), *lives], engine
        )
    units[0] = units[0].model_copy(update={"dies": whole.step})
    begun_again = _begun_again(step, engine, engine)
    for unit in units:
        of_agent = unit.agent and not unit.unit.endswith(f".{MODEL}")  # its turns and its tools die where it asks
        yield unit if of_agent else _mortal(unit, apart(lives), begun_again)


def _is_of_worker(unseen: Unseen, unit: Any, lives: Sequence[Live]) -> bool:
    """Whether what a unit takes is its own object's, which its worker has been given, and no call tells of."""
    method = inspect.getattr_static(unseen.kind, str(getattr(unit, "__name__", "")), None)
    return method is unit and any(getattr(live, "elsewhere", False) for live in lives)


def _of_worker(one: Reached, unit: Any) -> Reached:
    held = "that the worker is given, and your modules here do not hold just one"
    empty = f"which holds nothing by that name before a worker runs `{unit.__name__}`"
    return replace(one, value=replace(one.value, where=empty if one.value.empty else held))


def _mortal(unit: UnitAudit, lives: Sequence[Live], engine: Engine) -> UnitAudit:
    """The unit, with how often its step runs when the process dies in it each time.

    What tries the whole again hears of the last death, unless the workflow's own code takes that for an answer.
    """
    *cells, died = collect.mortal(unit, lives, engine).cells
    again = {live.layer.name for live in of_kind(lives, "container")}
    bound = any(one.layer in again and one.times != 1 for one in factors(died.expression))
    return unit.model_copy(update={"cells": (*cells, died.model_copy(update={"bound": bound}))})
