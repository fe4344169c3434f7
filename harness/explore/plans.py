"""Which crashes a sweep tries, and the command line that tries one of them again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from harness.checks import Baseline
from harness.explore.elsewhere import variables
from harness.faults import WINDOWS, Fault, FaultPlan, Window
from harness.scenario import DEFAULT_PROMPT, MASK, Scenario
from harness.verdict import Row

Cell = tuple[str, str]
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
    if scenario.invocations or scenario.checks or scenario.owners:
        return variables(scenario) + shlex.join(["harness", "replay", folder])
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
    return variables(scenario) + shlex.join(words) + (LACKING if shown.lacks_secrets else "")


def _policy(policy: Any) -> str:
    return f"{policy.may}:{policy.key}" if policy.key else str(policy.may)
