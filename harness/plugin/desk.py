"""What the durable tests of one session share: maps, benches, settings. Benches are dear, so few are open at a time."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections import OrderedDict
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.engines import registry
from harness.errors import UsageError
from harness.explore import faultless, policies
from harness.explore.available import demand
from harness.explore.confirmation import Group, blaming, marked
from harness.explore.plans import Cell, replay_line
from harness.faults import NO_FAULT, FaultPlan
from harness.folders import write_scenario
from harness.journal import load
from harness.plugin.fingerprint import key_of
from harness.plugin.maps import JOURNALS, CrashMap, Maps
from harness.plugin.marker import ALL
from harness.plugin.options import Settings
from harness.plugin.report import Report
from harness.process import stems
from harness.runner import Bench, open_bench, report
from harness.scenario import Scenario
from harness.verdict import Finding, RunReport

OPEN = 3
"""Benches that are kept open: each holds two interpreters with an engine imported, and perhaps a server."""
SESSIONS = 3
"""Sessions whose run folders are kept, as pytest keeps temporary folders."""
CONTROL = "none"


class Desk:
    """Where durable tests go to have a run made. Closed when the session ends, however it ends."""

    def __init__(self, settings: Settings, home: Path, run_id: str, worker: str) -> None:
        self.settings = settings
        _forget(home / "runs", run_id)
        self.runs = (settings.report or home) / "runs" / run_id / worker
        self._benches: OrderedDict[str, tuple[Bench, ExitStack]] = OrderedDict()
        self._maps = Maps(home / "maps", run_id, self._bench)
        self._confirmed: dict[tuple[str, Group], bool] = {}
        self._lock = threading.RLock()
        self._opened = 0
        self._warm: set[str] = set()

    def engines(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The engines of a test that this session is to run, `all` expanded. Raises `UsageError` for an unknown one."""
        every = [name for name in registry.known() if name != CONTROL]
        listed = [each for name in names for each in (every if name == ALL else [name])]
        chosen = self.settings.engines
        for name in (*listed, *(name for name in chosen if name != ALL)):
            registry.load(name)
        wanted = [name for name in dict.fromkeys(listed) if not chosen or name in chosen or ALL in chosen]
        return tuple(wanted)

    def demand(self) -> None:
        """Look at the required engines before anything runs. Raises `EngineUnavailable`."""
        demand(Scenario(subject="-"), self.settings.require)

    def map(self, scenario: Scenario, *, swept: bool = False) -> CrashMap:
        """The crash map of a scenario under its engine. Not usable, too, if what is said of tools does not fit it.

        `swept`: tests will be named by its crash points.
        """
        with self._lock:
            ground = self._ground(scenario)
            found = self._maps.swept(ground) if swept else self._maps.of(ground)
        if found.usable and scenario.tools and (lost := policies.lost_key(scenario, found.baseline.history)):
            return replace(found, rows=(), problem=lost)
        return found

    def judged(self, scenario: Scenario, found: CrashMap) -> CrashMap:
        """A map that is usable, unless the fault-free run itself fails: that is one error, not one of each crash."""
        if self._fails(scenario, found):
            with self._lock:
                self._maps.renew(self._ground(scenario))
            found = self.map(scenario, swept=True)
        if not found.usable or not (fails := self._fails(scenario, found)):
            return found
        line = replay_line(scenario, NO_FAULT, str(self._run_folder(scenario, found)), strict=self.settings.strict)
        told = tuple(replace(each, message=f"without any fault, {each.message}", replay=line) for each in fails)
        return replace(found, rows=(), problem=told[0].message, findings=told)

    def _fails(self, scenario: Scenario, found: CrashMap) -> tuple[Finding, ...]:
        """What the fault-free run of a map fails with, under the checks and policies of a scenario."""
        scenario, strict = self._timed(scenario), self.settings.strict
        engine, baseline = registry.load(scenario.engine), found.baseline
        usual = report(baseline.history, baseline, scenario, engine, Path(found.folder), strict=strict)
        if faultless.failing(usual, strict=strict) and blaming(usual):
            with self._lock:
                bench = replace(self._bench(self._ground(scenario)), scenario=scenario)
                usual = self._confirm(bench, found, NO_FAULT, usual)
        return faultless.failing(usual, strict=strict)

    def _run_folder(self, scenario: Scenario, found: CrashMap) -> Path:
        """The fault-free runs that a map keeps, as run folders: to be replayed or shown."""
        self._opened += 1
        room = self.runs / f"{self._opened:02d}-{scenario.engine.replace(':', '.')}"
        folders = [room / f"{number:04d}-baseline" for number in range(1, len(JOURNALS) + 1)]
        for folder, name in zip(folders, JOURNALS, strict=True):
            folder.mkdir(parents=True)
            write_scenario(folder, self._timed(scenario))
            shutil.copy(Path(found.folder) / name, folder / "journal.jsonl")
        return folders[0]

    def report(self, scenario: Scenario, *, cell: Cell | None = None, replay: str | None = None) -> Report:
        """Run a scenario's plan once and judge it. Raises `UsageError` for a map that is not usable."""
        scenario = self._timed(scenario)
        with self._lock:
            bench, found = self._rehearsed(scenario)
        plan = scenario.plan.expand(found.baseline.history.steps)
        judged = self._judged(bench, found, plan, cell, cold=False)
        judged = self._confirm(bench, found, plan, judged)
        line = replay or replay_line(scenario, scenario.plan, judged.folder, strict=self.settings.strict)
        history = load(Path(judged.folder) / "journal.jsonl")
        points = self.points(scenario)
        return Report(judged, history, found.baseline, scenario, bench.engine.contract(), line, points)

    def points(self, scenario: Scenario) -> tuple[str, int]:
        """The name of a scenario's crash map and how many crash points it has: none if nobody has asked for it yet."""
        key = key_of(self._ground(scenario))
        found = self._maps.known(key)
        return (key, len(found.points)) if found else ("", 0)

    def close(self) -> None:
        """End every process and server of this session."""
        with self._lock:
            while self._benches:
                _key, (_bench, stack) = self._benches.popitem()
                stack.close()

    def _judged(self, bench: Bench, found: CrashMap, plan: FaultPlan, cell: Cell | None, *, cold: bool) -> RunReport:
        name = "cold" if cold else "".join(each if each.isalnum() else "-" for each in str(plan))[:60]
        folder = bench.run(plan, baseline=found.baseline.history, name=name, cold=cold)
        return bench.judged(folder, found.baseline, cell=cell, strict=self.settings.strict)

    def _confirm(self, bench: Bench, found: CrashMap, plan: FaultPlan, judged: RunReport) -> RunReport:
        """What blames an engine or integration is seen again in cold interpreters first, each kind once a session."""
        key = key_of(self._ground(bench.scenario))
        blamed = blaming(judged)
        if blamed and not bench.cold and any((key, finding.group) not in self._confirmed for finding in blamed):
            again = {finding.group for finding in blaming(self._judged(bench, found, plan, judged.cell, cold=True))}
            for finding in blamed:
                self._confirmed.setdefault((key, finding.group), finding.group in again)
        seen = {group: said for (owner, group), said in self._confirmed.items() if owner == key}
        return marked(judged, seen) if blamed and not bench.cold else judged

    def _rehearsed(self, scenario: Scenario) -> tuple[Bench, CrashMap]:
        """A bench that has run once without faults, and a map that fits that run. Raises `UsageError` if there is none.

        Engines learn from that run how long their units usually take.
        """
        if not (found := self.map(scenario)).usable:
            raise UsageError(found.why_not)
        ground = self._ground(scenario)
        key, bench = key_of(ground), self._bench(ground)
        if key not in self._warm and key not in self._maps.fresh:
            self._maps.rehearsed(ground, bench.run(NO_FAULT, name="rehearsal"))
            self._warm.add(key)
            return self._rehearsed(scenario)
        return replace(bench, scenario=scenario), found

    def _bench(self, ground: Scenario) -> Bench:
        key = key_of(ground)
        if key not in self._benches:
            while len(self._benches) >= OPEN:
                old, (_bench, stack) = self._benches.popitem(last=False)
                self._warm.discard(old)
                self._maps.fresh.discard(old)
                stack.close()
            self._opened += 1
            stack = ExitStack()
            folder = self.runs / f"{self._opened:02d}-{ground.engine.replace(':', '.')}"
            stack.enter_context(stems.kept())
            self._benches[key] = (stack.enter_context(open_bench(ground, folder)), stack)
        self._benches.move_to_end(key)
        return self._benches[key][0]

    def _timed(self, scenario: Scenario) -> Scenario:
        scale = self.settings.time_scale
        given = scenario if scenario.time_scale or scale is None else scenario.model_copy(update={"time_scale": scale})
        return given.under(given.engine)

    def _ground(self, scenario: Scenario) -> Scenario:
        """What baselines and processes depend on: the scenario without what is only tried or judged on them."""
        errors = [fault for fault in scenario.plan.faults if fault.action == "error"]
        imported = tuple(str(fault) for fault in errors if not (fault.argument or "").isdigit())
        judged: dict[str, Any] = {"why": "", "expected": None, "checks": (), "tools": {}, "incarnations": None}
        stall = max(scenario.stall, Scenario.model_fields["stall"].default)  # a shorter one is for faults
        return self._timed(scenario).peaceful.model_copy(update={**judged, "faults": imported, "stall": stall})


def _forget(runs: Path, run_id: str) -> None:
    """Remove the run folders of all sessions but the last few: ours alone, never those in a person's own folder."""
    before = [folder for folder in runs.glob("*") if folder.name != run_id] if runs.is_dir() else []
    for old in sorted(before, key=lambda folder: folder.stat().st_mtime)[: -SESSIONS + 1]:
        shutil.rmtree(old, ignore_errors=True)


def new_run_id() -> str:
    """A name for a session that nobody has named."""
    return uuid.uuid4().hex[:12]
