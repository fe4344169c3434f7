"""From a marked function to its tests: one for each engine and crash point, named by engine and fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.engines.registry import load
from harness.engines.usable import refuse_mistakes
from harness.errors import HarnessError, UsageError
from harness.explore.plans import Cell
from harness.faults import FaultPlan
from harness.plugin import marker
from harness.plugin.cases import PARAMETER, Case
from harness.plugin.desk import Desk
from harness.plugin.session import desk_of, uncollected
from harness.scenario import Scenario
from harness.verdict import Status

ENGINE_FIXTURE = "durable_engine"
DEFAULT_ENGINES = (Scenario.model_fields["engine"].default,)


def generate(metafunc: pytest.Metafunc) -> None:
    """Parametrize a marked function by its cases, another one that asks for `durable_engine` by engines.

    One that asks for `durable` only has nothing to be parametrized by, and yet needs what the session requires.
    Every mistake of the person's is a collection error of one sentence.
    """
    try:
        desk = desk_of(metafunc.config)
        marks = list(metafunc.definition.iter_markers_with_node(marker.MARKER))
        if marks:
            _sweep(metafunc, desk, marks)
        elif ENGINE_FIXTURE in metafunc.fixturenames:
            engines = desk.engines(desk.settings.engines or DEFAULT_ENGINES)
            metafunc.parametrize(ENGINE_FIXTURE, engines, indirect=True)
    except HarnessError as error:
        raise uncollected(metafunc.definition.session, error) from None


def _sweep(metafunc: pytest.Metafunc, desk: Desk, marks: list[tuple[Any, pytest.Mark]]) -> None:
    wanted = marker.wanted(metafunc.definition, marks, default=desk.settings.engines or DEFAULT_ENGINES)
    found = [case for engine in desk.engines(wanted.engines) for case in cases(wanted, engine, desk)]
    # Appended, so that a test need not name a parameter that only the plugin uses.
    if PARAMETER not in metafunc.fixturenames:
        metafunc.fixturenames.append(PARAMETER)
    if not found:
        listed = ", ".join(desk.settings.engines)
        reason = f"durable: none of its engines ({', '.join(wanted.engines)}) is among --durable-engines {listed}"
        skipped = pytest.param(None, id="no-engine", marks=pytest.mark.skip(reason=reason))
        metafunc.parametrize(PARAMETER, [skipped], indirect=True)
        return
    metafunc.parametrize(PARAMETER, found, ids=[case.id for case in found], indirect=True)
    if {case.engine for case in found if case.plan is not None} == set(wanted.engines):
        own = any("expected" in mark.kwargs for node, mark in marks if node is metafunc.definition)
        _look_for_unmet(metafunc, wanted, found, own=own)


def _look_for_unmet(metafunc: pytest.Metafunc, wanted: marker.Wanted, found: list[Case], *, own: bool) -> None:
    """Raise `UsageError` for what is expected of runs that there are not: a fault that is misspelled, or is gone.

    Only a warning is what may be meant for other runs: for another engine, which the settings may name next time, or
    for other tests of a class or module, if it is not the test's `own`.
    """
    for entry in wanted.unmet([(case.engine, case.plan) for case in found if case.plan is not None]):
        said = f"{wanted.where}: nothing that it runs is {entry!r} of `expected`; write a fault as its ids show it"
        if own and wanted.is_ours(entry):
            raise UsageError(said)
        metafunc.definition.warn(pytest.PytestWarning(f"durable: {said}"))


def cases(wanted: marker.Wanted, engine: str, desk: Desk) -> Iterator[Case]:
    """The tests of one function under one engine: its own faults, or every crash point; or one that says why not.

    Raises `UsageError` for options that the engine does not take, also where the engine is missing.
    """
    scenario = wanted.scenario.model_copy(update={"engine": engine})
    refuse_mistakes(load(engine), scenario.under(engine).options, wanted.where)
    plans: list[tuple[Cell | None, FaultPlan]]
    if wanted.faults is not None:
        plans = [(_point(plan), plan) for plan in wanted.faults]
    else:
        found = desk.map(scenario, swept=True)
        if any(wanted.expectation(engine, plan) is Status.PASSED for _cell, plan in found.points):
            found = desk.judged(scenario, found)
        if not found.usable:
            yield Case(scenario, None, map=found)
            return
        plans = [(cell, plan) for cell, plan in found.points]
    for cell, plan in plans:
        yield Case(scenario.with_plan(plan), plan, cell, wanted.expectation(engine, plan))


def _point(plan: FaultPlan) -> Cell | None:
    """The cell of the map that a plan is the crash of, if it is one crash and nothing else."""
    (fault, *more) = plan.faults
    usual = fault.times == 1 and fault.incarnation == 1 and fault.argument is None and not fault.is_glob
    return (fault.step, fault.window) if fault.action == "crash" and usual and not more else None
