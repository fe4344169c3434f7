"""Benches that stay open: a property is hundreds of runs, and importing a subject costs more than twenty of them.

One bench per subject, deps, engine and options, because that is what a zygote has imported and bound; script, prompt,
world, invocations and faults travel with each run. They are closed with the process, or by `close_benches`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections import OrderedDict
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import currently_in_test_context
from hypothesis.control import current_build_context

from harness.errors import UsageError
from harness.explore.properties.foresight import Foresight
from harness.explore.properties.reach import Reach
from harness.faults import FaultPlan
from harness.history import History, ProcessEnded
from harness.process import stems
from harness.runner import Bench, open_bench
from harness.scenario import Scenario

BOUND = {"subject", "engine", "deps", "options", "time_scale"}
"""The fields of a scenario that a bench is bound to."""
MEMORY = "/dev/shm"  # noqa: S108 (a fresh folder of our own is made in it)
ROOM = 2**30
"""Bytes that must be free there: some containers have 64 MB."""
MOST = 6
"""How many benches stay open; each holds two interpreters. The one that was used longest ago is closed first."""


@dataclass
class Opened:
    """A bench, a thread in which it can do one thing beside another, and what its runs so far have taught.

    `made_up` are the scripts that were drawn for it, as against those that a person wrote. `stuck` is the test that
    Hypothesis has found a run to hang in and not shown yet, and the scenario of that run. `steady` are the steps,
    without their numbers, of conversations whose fault-free runs were alike when that was doubted.
    """

    bench: Bench
    beside: Executor
    foresight: Foresight
    reach: Reach
    closing: ExitStack
    made_up: set[str] = field(default_factory=set)
    stuck: tuple[Any, Scenario] | None = None
    steady: set[str] = field(default_factory=set)


_open: OrderedDict[str, Opened] = OrderedDict()


def bench_for(scenario: Scenario) -> Bench:
    """The bench that a scenario runs on, opened when it is first asked for.

    Raises `UsageError` for a subject or engine that cannot be used, also for an engine that refuses the subject.
    """
    return opened_for(scenario).bench


def opened_for(scenario: Scenario) -> Opened:
    """The same with what belongs to it."""
    key = scenario.model_dump_json(include=BOUND)
    if key not in _open:
        _open[key] = _opened(Scenario(**{name: getattr(scenario, name) for name in BOUND}))
        if len(_open) > MOST:
            _open.popitem(last=False)[1].closing.close()
    _open.move_to_end(key)
    return _open[key]


def stuck_in(opened: Opened) -> Scenario | None:
    """The scenario that hung when Hypothesis drew it for the test that is running, and that it has yet to show.

    Nothing else is tried until then: each smaller one that hangs, too, would cost the seconds that a hang takes.
    """
    if opened.stuck is None or not currently_in_test_context():
        return None
    test, scenario = opened.stuck
    return scenario if current_build_context().wrapped_test is test else None


def _opened(common: Scenario) -> Opened:
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="harness-property-", dir=_memory(), ignore_cleanup_errors=True)
        )
        stack.enter_context(stems.kept())
        bench = stack.enter_context(open_bench(common, Path(folder)))
        if bench.refused:
            raise UsageError(f"engine {common.engine!r} refuses {common.subject}: {bench.refused}")
        beside = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="harness-property"))
        return Opened(bench, beside, Foresight(), Reach(), stack.pop_all())
    raise AssertionError("an ExitStack swallows nothing here")


def played(bench: Bench, scenario: Scenario, plan: FaultPlan, baseline: History | None, *, turn: int = 0) -> History:
    """The history of one run. Its folder is deleted: hundreds of examples would fill a disk."""
    run = bench.execute(plan, baseline=baseline, name="example", turn=turn, scenario=scenario)
    try:
        return unstacked(run.history)
    finally:
        shutil.rmtree(run.folder, ignore_errors=True)


def unstacked(history: History) -> History:
    """A history whose journal nobody will see: without the stacks of what hung, which a finding would send one to."""
    events = (replace(each, stacks=None) if isinstance(each, ProcessEnded) else each for each in history)
    return replace(history, events=tuple(events))


def _memory() -> str | None:
    """A folder in memory, where there is room in one and nobody says `TMPDIR`: engines wait for their disk a lot.

    A process that is killed loses nothing there, and no run of a property outlives it.
    """
    usable = "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK)
    return MEMORY if usable and shutil.disk_usage(MEMORY).free > ROOM else None


def close_benches() -> None:
    """End every interpreter and server that properties have left open. The next one opens what it needs again."""
    while _open:
        _open.popitem()[1].closing.close()


atexit.register(close_benches)
