"""The sweep: two baselines, one run per step and window, findings confirmed cold; and its smaller relatives.

Everything the command line and the pytest plugin do goes through the functions here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from harness.checks import Baseline
from harness.engines.registry import load as load_engine
from harness.engines.usable import refuse_mistakes
from harness.errors import EngineUnavailable, UsageError
from harness.explore import faultless, policies, unusable
from harness.explore.available import demand
from harness.explore.confirmation import confirmed, unconfirmed
from harness.explore.plans import Cell, crash_points, replay_line, rows
from harness.explore.varying import varying
from harness.faults import NO_FAULT, FaultPlan
from harness.folders import new_folder, read_scenario
from harness.history import History, Note, RunStarted
from harness.journal import load
from harness.process import stems
from harness.runner import Bench, open_bench, report
from harness.scenario import REFUSED, Scenario
from harness.verdict import EngineSweep, Finding, RunReport, SweepReport

JOURNAL = "journal.jsonl"
INTERRUPTED = "the sweep was interrupted before its turn came"


class Progress(Protocol):
    """Who wants to know how far a sweep has come."""

    def started(self, total: int) -> None: ...
    def advanced(self, report: RunReport) -> None: ...
    def note(self, text: str) -> None: ...
    def finished(self) -> None: ...


class Silent:
    """Nobody."""

    def started(self, total: int) -> None:
        pass

    def advanced(self, report: RunReport) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def finished(self) -> None:
        pass


def sweep(
    scenario: Scenario,
    engines: Sequence[str],
    *,
    out: Path,
    jobs: int = 1,
    cold: bool = False,
    strict: bool = False,
    require: Iterable[str] = (),
    progress: Progress | None = None,
) -> SweepReport:
    """Crash the subject once at every step and window under each engine.

    An engine that cannot be used is reported as unavailable, or raises `EngineUnavailable` if it is the only one or in
    `require`, looked at before anything runs, as are the options of all. Ctrl-C ends the sweep early: the report is
    then partial and says so, and the engines whose turn had not come are in it, as not tried.
    """
    started = time.monotonic()
    loaded = {name: load_engine(name) for name in engines}
    for name, engine in loaded.items():
        refuse_mistakes(engine, scenario.under(name).options)
    require = tuple(require)
    demand(scenario, require)
    swept: list[EngineSweep] = []
    with new_folder(out, "sweep") as folder, stems.kept() if len(loaded) > 1 else nullcontext():
        for name, engine in loaded.items():
            if any(one.partial for one in swept):
                swept.append(EngineSweep(name, engine.unit, partial=True, unavailable=INTERRUPTED))
                continue
            one = _Sweep(scenario.under(name), folder / name, progress=progress, jobs=jobs, cold=cold, strict=strict)
            swept.append(_swept(one, is_needed=len(loaded) == 1 or name in require))
    return SweepReport(scenario.subject, tuple(swept), time.monotonic() - started)


def _swept(one: _Sweep, *, is_needed: bool) -> EngineSweep:
    """Every crash under one engine; or why it cannot be used, which is an error if it `is_needed`."""
    try:
        return one.all_crashes()
    except EngineUnavailable as error:
        if is_needed:
            raise
        return EngineSweep(one.so_far.engine, one.so_far.unit, unavailable=str(error))


def run(
    scenario: Scenario,
    *,
    out: Path,
    cold: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
) -> SweepReport:
    """Run the scenario's own plan once, after the baselines that it is compared with."""
    started = time.monotonic()
    scenario = scenario.under(scenario.engine)
    with new_folder(out, "run") as folder:
        one = _Sweep(scenario, folder / scenario.engine, progress=progress, cold=cold, strict=strict).one_plan()
    one = replace(one, notes=(*one.notes, *_as_expected(scenario, one)))
    return SweepReport(scenario.subject, (one,), time.monotonic() - started)


def _as_expected(scenario: Scenario, one: EngineSweep) -> Iterator[str]:
    """Whether it came to what the scenario says, if it says anything: a limitation that is known is no news."""
    expected, came_to = scenario.expectations.get(scenario.engine), REFUSED if one.refused else str(one.status)
    if expected == came_to:
        yield f"{came_to} is what the scenario expects under {one.engine}"
    elif expected is not None and not one.unavailable:
        yield f"the scenario expects {expected} under {one.engine}, and this is {came_to}"


def steps(scenario: Scenario, *, out: Path, progress: Progress | None = None) -> SweepReport:
    """Only the baselines: the steps and windows that a sweep would crash at."""
    started = time.monotonic()
    scenario = scenario.under(scenario.engine)
    with new_folder(out, "steps") as folder:
        one = _Sweep(scenario, folder / scenario.engine, progress=progress).baselines_only()
    return SweepReport(scenario.subject, (one,), time.monotonic() - started)


def replay(folder: Path, *, out: Path, progress: Progress | None = None) -> SweepReport:
    """Do the run of a run folder again. Raises `UsageError` if its scenario cannot be read."""
    scenario = read_scenario(folder)
    if scenario.lacks_secrets:
        raise UsageError(f"the password in {folder}'s options was not kept; use `harness run` and give the URL again")
    return run(scenario, out=out, progress=progress)


def show(folder: Path, *, strict: bool = False) -> tuple[RunReport, History]:
    """Judge a run folder again, with no engine installed. Its baselines lie beside it."""
    scenario = read_scenario(folder)
    history = load(folder / JOURNAL)
    found = sorted(folder.parent.glob(f"*-baseline/{JOURNAL}"))
    if not found:
        raise UsageError(f"{folder} has no baseline beside it, so nothing can be compared; keep the whole sweep folder")
    engine = load_engine(scenario.engine)
    settled = unusable.settle((load(found[0]), load(found[-1])), scenario, engine.contract())
    if isinstance(settled, Baseline):
        judged = report(history, settled, scenario, engine, folder, strict=strict)
        return _with_replay(judged, replay_line(scenario, scenario.plan, str(folder), strict=strict)), history
    if scenario.faults:
        said = settled[1].findings[0].message
        raise UsageError(f"the fault-free runs beside {folder} are nothing to compare it with: {said}")
    told = unusable.told(settled[1], history, scenario, engine.name, folder)
    return _with_replay(told, replay_line(scenario, NO_FAULT, str(folder), strict=strict)), history


class _Sweep:
    """The runs of one subject under one engine."""

    def __init__(
        self,
        scenario: Scenario,
        folder: Path,
        *,
        progress: Progress | None,
        jobs: int = 1,
        cold: bool = False,
        strict: bool = False,
    ) -> None:
        self.scenario, self.folder = scenario, folder
        self.jobs, self.cold, self.strict = jobs, cold, strict
        self.progress = progress or Silent()
        self.so_far = EngineSweep(scenario.engine, load_engine(scenario.engine).unit)
        self.usual: tuple[Finding, ...] = ()
        """What the fault-free run fails with, once that is told."""

    def baselines_only(self) -> EngineSweep:
        with open_bench(self.scenario, self.folder, cold=self.cold) as bench:
            return self._prepared(bench)[0]

    def one_plan(self) -> EngineSweep:
        with open_bench(self.scenario, self.folder, cold=self.cold) as bench:
            prepared, baseline = self._prepared(bench)
            if baseline is None:
                return prepared
            plan = self.scenario.plan.expand(baseline.history.steps)
            done = self._confirmed(bench, baseline, [self._one(bench, baseline, plan, None, "run")])[0]
            # The plan as the person gave it: a glob is shorter than what it stands for.
            done = _with_replay(done, self._replay_line(self.scenario.plan, done.folder))
            return replace(prepared, runs=(done,), possible=1)

    def all_crashes(self) -> EngineSweep:
        """Every crash point. Ctrl-C, at whatever moment, ends it with what is known by then."""
        with suppress(KeyboardInterrupt), open_bench(self.scenario, self.folder, cold=self.cold) as bench:
            prepared, baseline = self._prepared(bench)
            if baseline is None:
                return prepared
            plans = list(crash_points(prepared.rows))
            usual = self._without_faults(bench, baseline)
            self.usual = faultless.failing(usual, strict=self.strict)
            alone, noted = ([usual], [faultless.NOTED]) if self.usual else ([], [])
            self.so_far = replace(prepared, possible=len(plans), notes=(*prepared.notes, *noted))
            self.progress.started(len(plans))
            done, partial = self._parallel(bench, baseline, plans)
            done = [*alone, *done]
            self.so_far = replace(self.so_far, runs=tuple(done if bench.cold else unconfirmed(done)))
            if not partial:
                self.so_far = replace(self.so_far, runs=tuple(self._confirmed(bench, baseline, done)))
                self.progress.finished()
                return self.so_far
        self.progress.finished()
        return replace(self.so_far, partial=True)

    def _prepared(self, bench: Bench) -> tuple[EngineSweep, Baseline | None]:
        """Run the two baselines. Without a usable baseline the sweep ends here, with the finding that says why."""
        empty = EngineSweep(bench.engine.name, bench.engine.unit, notes=bench.notes)
        if bench.refused:
            return replace(empty, refused=bench.refused), None
        alone = {"name": "baseline", "scenario": self.scenario.peaceful}
        first = bench.run(NO_FAULT, **alone)
        second = bench.run(NO_FAULT, turn=1, **alone)  # another hash seed: an order of sets is volatile, too
        histories = load(first / JOURNAL), load(second / JOURNAL)
        settled = unusable.settle(histories, self.scenario, bench.engine.contract())
        if not isinstance(settled, Baseline):
            which, why = settled
            folder = (first, second)[which]
            told = unusable.told(why, histories[which], self.scenario, bench.engine.name, folder)
            return replace(empty, runs=(_with_replay(told, self._replay_line(NO_FAULT, str(folder))),)), None
        policies.refuse_lost_keys(self.scenario, settled.history)
        noted = (note.text for note in settled.history.of(Note))
        notes = [*bench.notes, *noted, *policies.idle(self.scenario, settled.history), *varying(settled)]
        return replace(empty, rows=rows(settled), notes=tuple(dict.fromkeys(notes))), settled

    def _without_faults(self, bench: Bench, baseline: Baseline) -> RunReport:
        """The first fault-free run, judged like one under a fault."""
        (started,) = baseline.history.of(RunStarted)
        folder = bench.folder / started.run
        judged = bench.judged(folder, baseline, strict=self.strict)
        return _with_replay(judged, self._replay_line(NO_FAULT, str(folder)))

    def _parallel(
        self, bench: Bench, baseline: Baseline, plans: list[tuple[Cell, FaultPlan]]
    ) -> tuple[list[RunReport], bool]:
        """Run plans on `jobs` threads (each waits for processes). The order of the reports is that of the plans."""
        done: dict[Cell, RunReport] = {}
        pool = ThreadPoolExecutor(self.jobs)
        futures: dict[Future[RunReport], Cell] = {
            pool.submit(self._one, bench, baseline, plan, cell, _name(cell)): cell for cell, plan in plans
        }
        partial = False
        try:
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                self.progress.advanced(done[futures[future]])
        except KeyboardInterrupt:
            partial = True
            self.progress.note("interrupted: ending the runs that are under way")
        finally:
            pool.shutdown(wait=not partial, cancel_futures=True)
        return [done[cell] for cell, _plan in plans if cell in done], partial

    def _one(
        self, bench: Bench, baseline: Baseline, plan: FaultPlan, cell: Cell | None, name: str, *, cold: bool = False
    ) -> RunReport:
        folder = bench.run(plan, baseline=baseline.history, name=name, cold=cold)
        judged = bench.judged(folder, baseline, cell=cell, strict=self.strict)
        judged = faultless.besides(judged, self.usual, strict=self.strict) if plan.faults else judged
        return _with_replay(judged, self._replay_line(plan, str(folder)))

    def _replay_line(self, plan: FaultPlan, folder: str) -> str:
        return replay_line(self.scenario, plan, folder, cold=self.cold, strict=self.strict)

    def _confirmed(self, bench: Bench, baseline: Baseline, done: list[RunReport]) -> list[RunReport]:
        def again(judged: RunReport) -> RunReport:
            if bench.cold:
                return judged  # all of them are cold
            self.progress.note(f"confirming in cold interpreters: {judged.plan}")
            plan = FaultPlan.parse(judged.plan) if judged.plan != str(NO_FAULT) else NO_FAULT
            return self._one(bench, baseline, plan, judged.cell, "cold", cold=True)

        return confirmed(done, again)


def _with_replay(judged: RunReport, line: str) -> RunReport:
    verdicts = tuple(
        replace(verdict, findings=tuple(replace(finding, replay=line) for finding in verdict.findings))
        for verdict in judged.verdicts
    )
    return replace(judged, verdicts=verdicts)


def _name(cell: Cell) -> str:
    step, window = cell
    return "".join(character if character.isalnum() else "-" for character in f"{step}-{window}")
