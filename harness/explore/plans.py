"""Which crashes a sweep tries, and the command line that tries one of them again."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from harness.checks import Baseline
from harness.faults import WINDOWS, Fault, FaultPlan, Window
from harness.process.loading import in_front
from harness.scenario import DEFAULT_PROMPT, MASK, Scenario
from harness.verdict import Row

Cell = tuple[str, str]
_TESTS = re.compile(r"conftest|tests?|test_.*|.*_test").fullmatch
_MODULE = re.compile(r"[\w.]+:[\w.]+").fullmatch
LACKING = f"  # put the password back in place of {MASK}"
"""What a line says of itself that cannot be run as it is, so that a shell takes no offence."""


def rows(baseline: Baseline) -> tuple[Row, ...]:
    """The steps of the crash map: every body of the fault-free run, the run itself first."""
    history = baseline.history
    recorded = history.recorded_steps()
    return tuple(Row(step, step in recorded, runs[0].arguments) for step, runs in history.by_step.items())


def crash_points(table: tuple[Row, ...]) -> Iterator[tuple[Cell, FaultPlan]]:
    """One crash per step and window. Without a commit, `between` and `after` are one moment: one crash."""
    for row in table:
        windows: tuple[Window, ...] = WINDOWS if row.recorded else ("before", "between")
        for window in windows:
            yield (row.step, window), FaultPlan((Fault("crash", row.step, window),))


def replay_line(scenario: Scenario, plan: FaultPlan, folder: str, *, cold: bool = False, strict: bool = False) -> str:
    """The one shell line that does a run again; by its `folder` where options cannot say what was tried."""
    if scenario.invocations or scenario.checks:
        return _variables(scenario) + shlex.join(["harness", "replay", folder])
    words = ["harness", "run", scenario.subject, "--engine", scenario.engine]
    words += [word for fault in plan.faults for word in ("--fault", str(fault))]
    if scenario.script is not None:
        words += ["--script", scenario.script if isinstance(scenario.script, str) else json.dumps(scenario.script)]
    if scenario.deps is not None:
        words += ["--deps", scenario.deps if isinstance(scenario.deps, str) else json.dumps(scenario.deps)]
    if scenario.prompt != DEFAULT_PROMPT:
        words += ["--prompt", scenario.prompt]
    if scenario.tools:
        words += ["--tools", ",".join(f"{name}={_policy(policy)}" for name, policy in scenario.tools.items())]
    if scenario.world is not None:
        words += ["--world", scenario.world]
    shown = scenario.without_secrets()
    for name, value in shown.options.items():
        words += ["--option", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    stall = scenario.stall if scenario.stall != Scenario.model_fields["stall"].default else None
    figures = {"--time-scale": scenario.time_scale, "--stall": stall, "--lives": scenario.incarnations}
    words += [word for option, figure in figures.items() if figure is not None for word in (option, f"{figure:g}")]
    words += [flag for flag, given in (("--cold", cold), ("--strict", strict)) if given]
    return _variables(scenario) + shlex.join(words) + (LACKING if shown.lacks_secrets else "")


def _variables(scenario: Scenario) -> str:
    """Where a shell's Python has to look for what only our own finds, because pytest or a script put it in front."""
    here = str(Path.cwd())
    named = [scenario.subject, scenario.deps, scenario.world, scenario.script]
    modules = {name.partition(":")[0].partition(".")[0] for name in named if isinstance(name, str) and _MODULE(name)}
    elsewhere = {name for name in modules if not PathFinder.find_spec(name, [here])}
    front = [one for one in in_front(sys.path) if one not in ("", here) and _lends(Path(one), elsewhere)]
    if not front:
        return ""
    known = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    folders = dict.fromkeys([*(folder.removeprefix(f"{here}{os.sep}") for folder in front), *known])
    return f"PYTHONPATH={shlex.quote(os.pathsep.join(folders))} "


def _lends(folder: Path, modules: set[str]) -> bool:
    """Whether one of these modules is there, or what a subject may import: more than pytest's own files."""
    if any(PathFinder.find_spec(name, [str(folder)]) for name in modules):
        return True
    files = (
        file.relative_to(folder).with_suffix("") for pattern in ("*.py", "*/*.py") for file in folder.glob(pattern)
    )
    return not all(any(_TESTS(part) for part in file.parts) for file in files)


def _policy(policy: Any) -> str:
    return f"{policy.may}:{policy.key}" if policy.key else str(policy.may)
