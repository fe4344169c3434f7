"""One scenario under one engine, from start to a judged report.

A `Bench` keeps what runs share: the engine's session and two zygotes with different hash seeds. A `Run` is one run on
it: it starts incarnations until the run has ended, the limit is reached, or the watchdog calls it stuck.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from harness.checks import Baseline, Case, judge
from harness.checks.account import account, time_scale
from harness.checks.calls import called_again
from harness.checks.determinism import REPLAY, refused, undone
from harness.checks.ledger import ledger
from harness.checks.untimely import untimely
from harness.engines.base import Engine, Session, Store
from harness.engines.given import hosts
from harness.engines.registry import load as load_engine
from harness.engines.usable import demand
from harness.errors import UsageError
from harness.faults import Fault, FaultPlan
from harness.folders import read_scenario, write_scenario
from harness.history import (
    CommitLeft,
    Event,
    History,
    Note,
    Observation,
    ProcessEnded,
    ProcessStarted,
    RunEnded,
    RunStarted,
    ServerChanged,
)
from harness.journal import Journal, Reader, load
from harness.process import stems
from harness.process.incarnation import Incarnation
from harness.process.leaving import Leaving
from harness.process.summons import KILL, START, is_summons, kills_server
from harness.process.tally import TRIES, Tally
from harness.process.turnstile import Turnstile
from harness.process.watchdog import Watched, watch
from harness.process.zygote import Zygote
from harness.scenario import MASK, Scenario
from harness.tempo import Tempo
from harness.verdict import RunReport

SEEDS = (1, 2)
"""Hash seeds of the zygotes: successive incarnations must not share one, because real restarts do not."""
READY_SECONDS = 120.0
PREPARE = "harness.process.worker:prepare"
LIVE = "harness.process.worker:live"
EXAMINING = 30.0
IMPORTING = 30.0
"""Seconds that a fresh interpreter may be silent for, besides: it imports everything before it writes a line."""
WARM_ONLY = "a forked process could not replay the engine's history of this run; a cold one could, and it counts"


@dataclass
class Bench:
    """An engine, a subject and a script, ready for many runs. Use as a context manager through `open_bench`."""

    scenario: Scenario
    engine: Engine
    session: Session
    zygotes: list[Zygote]
    folder: Path
    cold: bool
    refused: str = ""
    notes: tuple[str, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)
    """What the zygotes said when they were ready."""
    tempo: Tempo = field(default_factory=Tempo)
    """How fast times pass: slower than usual after a fault-free run that was too slow for them."""
    _numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turnstile: Turnstile = field(default_factory=Turnstile)
    leaving: Leaving = field(default_factory=Leaving)

    def run(self, plan: FaultPlan, **details: Any) -> Path:
        """Run once under `plan` and return the run folder. `details` are those of `execute`."""
        folder = self.execute(plan, **details).folder
        self.leaving.end()
        return folder

    def execute(
        self,
        plan: FaultPlan,
        *,
        baseline: History | None = None,
        name: str = "run",
        cold: bool = False,
        turn: int = 0,
        scenario: Scenario | None = None,
        more: dict[str, Any] | None = None,
    ) -> Run:
        """Run once under `plan` (already expanded). Safe to call from several threads. Lives may still be `leaving`.

        `baseline` is the fault-free history that orders parallel calls; without it calls run as they come. `turn` says
        whose turn it is to bear the first life: with 1 the second zygote's. `scenario` is another one of the same
        subject, deps, engine and options (`open_bench` fixed those); its script then travels to each life. `more` is
        what else each life is told.

        A run whose times were divided wrongly is done again (see `Tempo`), and that one is returned; the other one's
        folder is removed.
        """
        details: dict[str, Any] = {"cold": cold, "turn": turn, "scenario": scenario, "more": more}
        run = self._once(plan, baseline, name, self.tempo, **details)
        again = self.tempo.again(run.history, self.scenario.time_scale, baseline)
        if again is None:
            return run
        shutil.rmtree(run.folder, ignore_errors=True)
        if not plan.faults:
            # The subject is like that: its other runs would all be done twice.
            self.tempo = replace(again, note="", paced=None)
        return self._once(plan, baseline, name, again, **details)

    def _once(self, plan: FaultPlan, baseline: History | None, name: str, tempo: Tempo, **details: Any) -> Run:
        with self._turnstile.passed(alone=kills_server(plan)):
            run = Run(self, plan, self.new_folder(name), baseline, tempo=tempo, **details)
            run.execute(provisional=not tempo.note)
        return run

    def new_folder(self, name: str) -> Path:
        """A fresh folder for one run."""
        with self._lock:
            folder = self.folder / f"{next(self._numbers):04d}-{name}"
        folder.mkdir(parents=True)
        return folder

    def judged(self, folder: Path, baseline: Baseline, **details: Any) -> RunReport:
        """Judge a run folder of this bench against a baseline."""
        history = load(folder / "journal.jsonl")
        return report(history, baseline, self.scenario_of(folder), self.engine, folder, **details)

    def scenario_of(self, folder: Path) -> Scenario:
        return read_scenario(folder)

    def zygote(self, turn: int, *, cold: bool) -> Zygote:
        """The zygote whose turn it is."""
        zygote = self.zygotes[turn % len(self.zygotes)]
        return zygote.cold_twin() if cold else zygote


@contextmanager
def open_bench(
    scenario: Scenario,
    folder: Path,
    *,
    cold: bool = False,
    engine: Engine | None = None,
    prepare: str = PREPARE,
    seeds: Sequence[int] = SEEDS,
) -> Iterator[Bench]:
    """Open engine and zygotes for a scenario's subject. Raises `UsageError` for everything that cannot be used.

    `engine` is the engine itself, for whoever has one that the scenario cannot name. `prepare` is what makes a zygote
    ready, one per hash seed.
    """
    if scenario.lacks_secrets:
        raise UsageError(f"an option of engine {scenario.engine!r} has {MASK} for its password: put the password back")
    engine = engine or load_engine(scenario.engine)
    demand(engine, scenario.options)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}; choose another folder with `--out`") from error
    with ExitStack() as stack:
        zygotes = [stack.enter_context(_zygote(scenario, engine, prepare, seed, folder, cold=cold)) for seed in seeds]
        session = stack.enter_context(engine.session(scenario.options, folder / "session"))
        ready = [zygote.ready(READY_SECONDS) for zygote in zygotes]
        threads = sorted({name for answer in ready for name in answer.threads})
        notes = list(ready[0].info["notes"])
        if threads and not cold:
            zygotes = [stack.enter_context(zygote.cold_twin()) for zygote in zygotes]
            cold = True
            notes.append(
                f"importing {scenario.subject} leaves threads behind ({', '.join(threads)}), so every incarnation is a"
                " fresh interpreter (slower, and safe)"
            )
        info = ready[0].info
        yield Bench(scenario, engine, session, zygotes, folder, cold, info["refused"], tuple(notes), info)


def _zygote(scenario: Scenario, engine: Engine, prepare: str, seed: int, folder: Path, *, cold: bool) -> Zygote:
    argument = {
        "subject": scenario.subject,
        "deps": scenario.deps,
        "assumes": any(run.deps is None for run in scenario.runs),
        "world": scenario.world,
        "script": scenario.script,
        "worker": engine.worker,
        "options": scenario.options,
        "scale": scenario.time_scale,
        "hosts": hosts(scenario.options),
        "errors": [fault.argument for fault in scenario.plan.faults if fault.action == "error"],
    }
    log = folder / f"zygote-{seed}.log"
    return stems.zygote(prepare, argument, seed=seed, log=log, cold=cold)


class Run:
    """One run: incarnation after incarnation, until it is over."""

    entry: ClassVar[str] = LIVE
    """What a life does, `module:function`."""
    tries: int = TRIES
    """So many attempts at one body in one life, and the run is ended."""

    def __init__(
        self,
        bench: Bench,
        plan: FaultPlan,
        folder: Path,
        baseline: History | None,
        *,
        cold: bool,
        turn: int = 0,
        scenario: Scenario | None = None,
        more: dict[str, Any] | None = None,
        tempo: Tempo | None = None,
    ) -> None:
        self.bench, self.plan, self.folder, self.baseline = bench, plan, folder, baseline
        self.cold, self.turn, self.more, self.tempo = cold, turn, more or {}, tempo or bench.tempo
        self.scenario = (scenario or bench.scenario).with_plan(plan)
        write_scenario(folder, self.scenario)
        self.journal = Journal(folder / "journal.jsonl")
        self._reader = Reader(self.journal.path)
        new_store = bench.session.store
        if kills_server(plan):  # few adapters make a difference
            new_store = getattr(bench.session, "store_apart", new_store)
        self.store: Store = new_store(folder.name, folder)
        self.needs_serving = any(is_summons(str(fault)) for fault in plan.faults)
        self.served = 0
        # A life per planned crash and one to finish in, and two more before it is called a limit.
        crashes = sum(fault.times for fault in plan.faults if fault.action in ("crash", "duplicate"))
        self.limit = self.scenario.incarnations or crashes + 3 + len(self.scenario.lives)
        self._taken_up: list[list[int]] = []
        self._is_provisional = False

    @property
    def history(self) -> History:
        return self._reader.read()

    def execute(self, *, provisional: bool = False) -> None:
        """Run to the end. Everything that happened is in the folder's journal afterwards, with why it is done again.

        If it is `provisional`, it is done again where a scaled timeout has spoilt it, and ends as soon as that is seen.
        """
        self._is_provisional = provisional
        started = RunStarted(
            run=self.folder.name, engine=self.bench.engine.name, subject=self.scenario.subject, plan=str(self.plan)
        )
        self.journal.append(started)
        if self.tempo.note:
            self.journal.append(Note(text=self.tempo.note))
        if self.tempo.paced:
            self.journal.append(self.tempo.paced)
        ended = RunEnded(how="limit", reason=f"the run had not ended after {self.limit} lives")
        for incarnation in range(1, self.limit + 1):
            watched = self._live(incarnation)
            if over := self._over(watched):
                ended = over
                break
        self._testify(incarnation + 1)
        self.journal.append(ended)  # last, so that a journal without it is known to lack records too
        self.journal.close()

    def _testify(self, incarnation: int) -> None:
        """Write down what the engine itself says of the run. A replay that a fork fails at is judged by a cold one."""
        said = self._said(incarnation, cold=self.cold)
        if not self.is_cold and any(map(refused, said)):
            again = self._said(incarnation, cold=True)
            if any(map(undone, again)):  # what the first one left behind is not what the cold one says
                again = [record for record in again if not refused(record)]
            elif not any(map(refused, again)):
                again.append(Note(text=WARM_ONLY))
            said = again
        for record in said:
            self.journal.append(record)

    def _said(self, incarnation: int, *, cold: bool) -> list[Event]:
        """What the engine recorded, and whether somebody who took no part in the run was able to ask it."""
        # Adapters written before it was asked for have no `examines`.
        why = self._examine(incarnation, cold=cold) if getattr(self.bench.engine, "examines", False) else ""
        missing = [Observation(name=REPLAY, value={"ok": None, "message": why})] if why else []
        return [*self.bench.session.observe(self.store), *missing]

    def _live(self, incarnation: int) -> Watched:
        """One life: start it, watch it, and write down how it ended."""
        zygote = self.bench.zygote(self._turn(incarnation), cold=self.cold)
        argument = self._life(incarnation)
        self._taken_up.append([item["number"] for item in argument["invocations"]])
        self.journal.append(
            ProcessStarted(
                incarnation=incarnation,
                hash_seed=self._seed(incarnation),
                cold=self.is_cold,
                recovering=argument["recovering"] is not None,
            )
        )
        child = zygote.spawn(self.entry, argument, output=self.folder / "output.log")
        watched = self._watch(child, lambda: self._serve(incarnation))
        self.bench.leaving.add(child.pid)
        self.journal.append(_end(watched, self.history, incarnation))
        return watched

    def _watch(self, child: Incarnation, serve: Callable[[], None]) -> Watched:
        """Wait for the end of a life, and meanwhile do for it what only the harness can do."""
        tally = Tally(self.journal.path, self.tries)

        def progress() -> int:
            serve()
            return tally.look()

        stall = self.scenario.stall + self.store.quiet + (IMPORTING if self.is_cold else 0)
        limit = 60 * self.scenario.stall
        endless, waits = (lambda: self._spoilt(tally) or tally.endless), (lambda: tally.waits)
        return watch(child, progress, stall=stall, limit=limit, endless=endless, waits=waits)

    def _spoilt(self, tally: Tally) -> str | None:
        """Why a run that will be done again, more slowly, need not come to its end."""
        if not self._is_provisional or not tally.has_news_of_tries():
            return None
        found = untimely(self.history)
        return None if found is None else str(found)

    def _serve(self, incarnation: int) -> None:
        """Answer the faults of this life that are not the child's to do: the server's death, a second owner."""
        if not self.needs_serving:
            return
        fired = [event for event in self.history.fired if is_summons(event.fault)]
        for event in fired[self.served :]:
            self.served += 1
            if Fault.parse(event.fault).action == "duplicate":
                self._second_owner(incarnation + 1)
            else:
                self._server_crash(incarnation)

    def _second_owner(self, incarnation: int) -> None:
        """Let another process take the run, to its end, while the first one stands still (a long pause, a split)."""
        journal = Journal(self.journal.path, worker=2)
        argument = {**self._life(incarnation), "worker": 2}
        started = ProcessStarted(
            incarnation=incarnation,
            hash_seed=self._seed(incarnation),
            cold=self.is_cold,
            recovering=True,
        )
        journal.append(started)
        zygote = self.bench.zygote(self._turn(incarnation), cold=self.cold)
        child = zygote.spawn(self.entry, argument, output=self.folder / "output.log")
        watched = self._watch(child, lambda: None)
        journal.append(_end(watched, self.history, incarnation))
        journal.close()

    def _server_crash(self, incarnation: int) -> None:
        """Kill the engine's server and start it again on the same port and files."""
        for act in (KILL, START):
            self.bench.session.server(act)
            self.journal.append(ServerChanged(act=act, incarnation=incarnation))

    def _turn(self, incarnation: int) -> int:
        """Whose turn it is to bear this life: never the zygote's that bore the one before."""
        return incarnation - 1 + self.turn

    def _seed(self, incarnation: int) -> int:
        return SEEDS[self._turn(incarnation) % len(SEEDS)]

    @property
    def is_cold(self) -> bool:
        return self.cold or self.bench.cold

    def _examine(self, incarnation: int, *, cold: bool) -> str:
        """Let a process that took no part in the run ask the engine about it; why it did not, empty if it did."""
        zygote = self.bench.zygote(self._turn(incarnation), cold=cold)
        output = self.folder / "output.log"
        child = zygote.spawn("harness.process.worker:examine", {"store": asdict(self.store)}, output=output)
        patience = EXAMINING + (IMPORTING if cold or self.is_cold else 0)
        watched = watch(child, lambda: 0, stall=patience, limit=patience)
        if watched.hung or watched.exit is None:
            return f"it had not answered after {patience:.0f} seconds"
        if watched.exit.signal is not None:
            return f"it died of {watched.exit}"
        return f"it ended with code {watched.exit.code}: {self._tail()}" if watched.exit.code else ""

    def _life(self, incarnation: int) -> dict[str, Any]:
        """What a child has to know: the plan, what has fired, what is settled, which invocations are left."""
        history = self.history
        left = self._left(incarnation, history)
        begun = sorted(self._begun(history) & set(left))
        return {
            "journal": str(self.journal.path.absolute()),
            "worker": 1,
            "incarnation": incarnation,
            "after": self.bench.leaving.left(),
            "plan": [str(fault) for fault in self.plan.faults],
            "fired": Counter(event.fault for event in history.fired),
            "siblings": self.baseline.siblings() if self.baseline else {},
            "calls": history.calls(left[0]) if left else {},
            "clock": asdict(self.tempo.clock(self.scenario.time_scale, self.baseline)),
            "settled": sorted({event.step for event in history.of(CommitLeft) if event.invocation in left[:1]}),
            "records_run": self.bench.engine.contract().claims("run"),
            "store": asdict(self.store),
            "world": self.scenario.world,
            "recovering": begun[0] if begun else None,
            "begun": begun,
            "invocations": [self._invocation(number, history) for number in left],
            "script": None if self.scenario.script == self.bench.scenario.script else self.scenario.script,
            **self.more,
        }

    def _left(self, incarnation: int, history: History) -> list[int]:
        """The invocations that a life takes up: those that the scenario has for it, or all that have not ended."""
        left = [number for number in range(1, len(self.scenario.runs) + 1) if number not in history.outcomes]
        planned = self.scenario.lives[incarnation - 1 : incarnation]
        return [number for number in planned[0] if number in left] or left if planned else left

    def _begun(self, history: History) -> set[int]:
        """The invocations that earlier lives have taken up, as far as anybody knows."""
        return {event.invocation for event in history if event.worker} | {life[0] for life in self._taken_up if life}

    def _invocation(self, number: int, history: History) -> dict[str, Any]:
        after = self.scenario.origin(number)
        earlier = history.outcomes.get(after) if after else None
        return {
            "number": number,
            "after": after,
            **self.scenario.runs[number - 1].model_dump(),
            "history": earlier.messages if earlier else None,
        }

    def _over(self, watched: Watched) -> RunEnded | None:
        """Whether the run has ended with this life."""
        others = len(self._taken_up) < len(self.scenario.lives)
        if watched.hung:  # where the scenario has another life, somebody ends what hangs
            return None if others else RunEnded(how="stuck", reason=watched.hung)
        if watched.exit is not None and watched.exit.signal is None:
            settled = self.history.outcomes.keys()
            if len(settled) == len(self.scenario.runs):
                return RunEnded(how="finished")
            if self.scenario.lives and watched.exit.code == 0 and set(self._taken_up[-1]) <= settled:
                return None
            why = f"the process ended by itself with code {watched.exit.code}: {self._tail()}"
            return RunEnded(how="broken", reason=why)
        return None

    def _tail(self) -> str:
        output = self.folder / "output.log"
        lines = output.read_text("utf-8", "replace").strip().splitlines() if output.exists() else []
        return lines[-1] if lines else "it printed nothing"


def _end(watched: Watched, history: History, incarnation: int) -> ProcessEnded:
    """How a life ended: by a fault's SIGKILL, by the watchdog, by itself, or by somebody else's signal."""
    ended = watched.exit
    signal = ended.signal if ended else None
    last = max((event.seq for event in history.fired if event.incarnation == incarnation), default=-1)
    crashed = last >= 0 and history.fired[-1].fault.split("@")[0].endswith("crash")
    cause = "hang" if watched.hung else "exit" if signal is None else "crash" if crashed else "death"
    code = ended.code if ended else None
    return ProcessEnded(incarnation=incarnation, cause=cause, signal=signal, code=code, stacks=watched.stacks)


def report(
    history: History, baseline: Baseline, scenario: Scenario, engine: Engine, folder: Path, **details: Any
) -> RunReport:
    """Judge a history. `details` are `cell` and `strict`."""
    strict = details.pop("strict", False)
    contract = engine.contract()
    verdicts = judge(history, baseline, scenario, contract, strict=strict)
    units = account(history)
    return RunReport(
        engine=engine.name,
        subject=scenario.subject,
        plan=str(scenario.plan),
        verdicts=verdicts,
        incarnations=history.incarnations,
        crashes=history.kills,
        folder=str(folder),
        steps=history.steps,
        notes=tuple(dict.fromkeys([*(note.text for note in history.of(Note)), *called_again(history, baseline)])),
        ledger=ledger(Case(history, baseline, scenario, contract)),
        account=units,
        time_scale=time_scale(units, scenario),
        **details,
    )
