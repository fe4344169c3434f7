"""One example: a scenario's fault-free run, its run under faults, and the judgement of the two.

The fault-free run is kept for the next example that has the same conversation, which a shrinking Hypothesis asks for
again and again. Its twin, which tells what varies by itself, is run only where something was found: in an example that
passes there was nothing to excuse.
"""

from __future__ import annotations

import json
import shutil
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from harness.checks import Baseline, Difference, compare
from harness.errors import UsageError
from harness.explore import unusable
from harness.explore.properties.benches import bench_for
from harness.faults import FaultPlan
from harness.history import History
from harness.journal import load
from harness.runner import Bench, report
from harness.scenario import Scenario
from harness.verdict import RunReport, Severity

NO_FAULT = FaultPlan()
KEPT = 256
"""How many fault-free runs are remembered."""


class Unfit(UsageError):
    """The conversation cannot be had with this agent, even without faults: it says nothing about crashes."""


@dataclass
class Fair:
    """The fault-free runs of one conversation: the first at once, its twin when it is needed."""

    bench: Bench
    scenario: Scenario
    history: History
    twin: Baseline | Difference | None = None

    def judge(self, scenario: Scenario, history: History, *, strict: bool = False) -> RunReport:
        """Judge a run beside the first of these, and where something is found beside both."""
        judged = self._report(Baseline(self.history), scenario, history, strict=strict)
        if all(finding.severity is Severity.NOTE for finding in judged.findings):
            return judged
        return self._report(self._both(), scenario, history, strict=strict)

    def _report(self, baseline: Baseline, scenario: Scenario, history: History, *, strict: bool) -> RunReport:
        return report(history, baseline, scenario, self.bench.engine, Path(), strict=strict)

    def _both(self) -> Baseline:
        """What differs between the two is not held against a third."""
        if self.twin is None:
            self.twin = compare(self.history, played(self.bench, self.scenario, NO_FAULT, None, turn=1))
        if isinstance(self.twin, Difference):
            raise Unfit(f"two fault-free runs took different steps: {self.twin.sentence}")
        return self.twin


@dataclass(frozen=True)
class Trial:
    """A scenario that was played: the report on it and the history that the report judges."""

    scenario: Scenario
    report: RunReport
    history: History
    fired: frozenset[str] = field(default_factory=frozenset)

    @property
    def missed(self) -> tuple[str, ...]:
        """The planned faults that never happened."""
        return tuple(fault for fault in self.scenario.faults if fault not in self.fired)


_fair: OrderedDict[str, Fair] = OrderedDict()


def fair(scenario: Scenario) -> Fair:
    """The fault-free runs that `scenario` is compared with.

    Raises `Unfit` if the conversation fails without faults, `UsageError` if subject or engine cannot be used.
    """
    peaceful = scenario.with_plan(NO_FAULT)
    bench = bench_for(peaceful)
    key = json.dumps([str(bench.folder), peaceful.model_dump(mode="json", exclude_defaults=True)])
    if key not in _fair:
        history = played(bench, peaceful, NO_FAULT, None)
        _refuse_unfit(history, peaceful, bench)
        _fair[key] = Fair(bench, peaceful, history)
        if len(_fair) > KEPT:
            _fair.popitem(last=False)
    _fair.move_to_end(key)
    return _fair[key]


def _refuse_unfit(history: History, scenario: Scenario, bench: Bench) -> None:
    verdict = unusable.failed(history, scenario, bench.engine.contract())
    if verdict is not None:
        raise Unfit(next((finding.message for finding in verdict.findings), verdict.reason))


def play(scenario: Scenario, *, strict: bool = False) -> Trial:
    """Run a scenario under its faults on an open bench, and judge it.

    Raises what `fair` raises. A finding that a second fault-free run excuses is not reported.
    """
    known = fair(scenario)
    plan = scenario.plan.expand(known.history.steps)
    history = played(known.bench, scenario, plan, known.history)
    judged = known.judge(scenario, history, strict=strict)
    fired = frozenset(event.fault for event in history.fired)
    return Trial(scenario.with_plan(plan), judged, history, fired)


def played(bench: Bench, scenario: Scenario, plan: FaultPlan, baseline: History | None, *, turn: int = 0) -> History:
    """The history of one run. Its folder is deleted: hundreds of examples would fill a disk."""
    folder = bench.run(plan, baseline=baseline, name="example", turn=turn, scenario=scenario)
    try:
        return load(folder / "journal.jsonl")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
