"""Benches that stay open: a property is hundreds of runs, and importing a subject costs more than twenty of them.

One bench per subject, deps, engine and options, because that is what a zygote has imported and bound; script, prompt,
world, invocations and faults travel with each run. They are closed with the process, or by `close_benches`.
"""

from __future__ import annotations

import atexit
import json
import tempfile
from collections import OrderedDict
from contextlib import ExitStack
from pathlib import Path

from harness.errors import UsageError
from harness.runner import Bench, open_bench
from harness.scenario import Scenario

MOST = 6
"""How many benches stay open; each holds two interpreters. The one that was used longest ago is closed first."""

_open: OrderedDict[str, tuple[Bench, ExitStack]] = OrderedDict()


def bench_for(scenario: Scenario) -> Bench:
    """The bench that a scenario runs on, opened when it is first asked for.

    Raises `UsageError` for a subject or engine that cannot be used, also for an engine that refuses the subject.
    """
    common = Scenario(
        subject=scenario.subject,
        engine=scenario.engine,
        deps=scenario.deps,
        options=scenario.options,
        time_scale=scenario.time_scale,
    )
    key = json.dumps(common.model_dump(mode="json"), sort_keys=True, default=repr)
    if key not in _open:
        _open[key] = _opened(common)
        if len(_open) > MOST:
            _open.popitem(last=False)[1][1].close()
    _open.move_to_end(key)
    return _open[key][0]


def _opened(common: Scenario) -> tuple[Bench, ExitStack]:
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="harness-property-", ignore_cleanup_errors=True)
        )
        bench = stack.enter_context(open_bench(common, Path(folder)))
        if bench.refused:
            raise UsageError(f"engine {common.engine!r} refuses {common.subject}: {bench.refused}")
        return bench, stack.pop_all()
    raise AssertionError("an ExitStack swallows nothing here")


def close_benches() -> None:
    """End every interpreter and server that properties have left open. The next one opens what it needs again."""
    while _open:
        _open.popitem()[1][1].close()


atexit.register(close_benches)
