"""Where an engine is tried out: real runs of our agents, with real crashes, each made once and kept.

Requirements ask for the run that they need by its plan. Several may look at the same run from different sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.checks import Baseline, Difference, compare
from harness.conformance.values import CannotTell
from harness.contract import Contract
from harness.engines.base import Engine, Session, Store
from harness.faults import FaultPlan
from harness.history import History
from harness.journal import load
from harness.process import stems
from harness.runner import Bench, open_bench
from harness.scenario import Invocation, Scenario
from harness.verdict import RunReport

CLERK = "harness.conformance.agents:clerk"
STRANGER = "harness.conformance.agents:stranger"
SCRIPT = "harness.conformance.agents:SCRIPT"
TWICE = (Invocation(prompt="Please begin."), Invocation(prompt="Once more, please."))


@dataclass(frozen=True)
class Tried:
    """One run: where it was, what happened, and where the engine kept its state."""

    folder: Path
    history: History
    store: Store


class Remembering:
    """A session that remembers which store each run was given."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.stores: dict[str, Store] = {}

    def store(self, run_id: str, folder: Path) -> Store:
        self.stores[str(folder)] = self._session.store(run_id, folder)
        return self.stores[str(folder)]

    def store_apart(self, run_id: str, folder: Path) -> Store:
        new_store = getattr(self._session, "store_apart", self._session.store)
        self.stores[str(folder)] = new_store(run_id, folder)
        return self.stores[str(folder)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@dataclass
class Lab:
    """An engine on the bench. Use through `open_lab`; raises `CannotTell` for a run that cannot be made."""

    engine: Engine
    options: dict[str, Any]
    folder: Path
    stack: ExitStack
    stall: float = 10.0
    _runs: dict[tuple[str, str], Tried] = field(default_factory=dict)

    @property
    def contract(self) -> Contract:
        return self.engine.contract()

    @cached_property
    def bench(self) -> Bench:
        """The bench of the plain agent."""
        bench = self.open(CLERK, script=SCRIPT)
        if bench.refused:
            raise CannotTell(f"the engine refuses a plain agent: {bench.refused}")
        return bench

    @cached_property
    def baseline(self) -> Baseline:
        """The fault-free runs of the plain agent, compared."""
        compared = compare(self.tried().history, self.tried(again=True).history)
        if isinstance(compared, Difference):
            raise CannotTell(f"two fault-free runs differ: {compared.sentence}")
        return compared

    @property
    def plain(self) -> History:
        """The fault-free run that others are compared with. One that did not end well is not compared with."""
        history = self.baseline.history
        if history.outcomes.get(1) is None or history.outcomes[1].status != "ok":
            raise CannotTell("a plain agent does not run to its end without faults")
        return history

    def open(self, subject: str, **more: Any) -> Bench:
        """A bench for one of our agents, open as long as the lab."""
        scenario = Scenario.make(
            subject=subject, engine=self.engine.name, options=self.options, stall=self.stall, **more
        )
        folder = self.folder / subject.rpartition(":")[2]
        bench = self.stack.enter_context(open_bench(scenario, folder, engine=self.engine))
        return replace(bench, session=Remembering(bench.session))

    def crashed(self, plan: str, **more: Any) -> Tried:
        """The run of the plain agent under a plan, ordered as the fault-free one is."""
        return self.tried(plan, ordered_by=self.plain, **more)

    def tried(self, plan: str = "", *, again: bool = False, ordered_by: History | None = None, **more: Any) -> Tried:
        """A run of the plain agent. `more` changes the scenario; `again` makes another run of the same kind."""
        key = (plan, f"{sorted(more.items())}{again}")
        if key not in self._runs:
            self._runs[key] = self._run(plan, ordered_by, int(again), more)
        return self._runs[key]

    def _run(self, plan: str, ordered_by: History | None, turn: int, more: dict[str, Any]) -> Tried:
        scenario = Scenario.make(**{**self.bench.scenario.model_dump(), **more})
        bench = replace(self.bench, scenario=scenario)
        return self.tried_on(bench, plan, ordered_by=ordered_by, turn=turn)

    def tried_on(self, bench: Bench, plan: str = "", *, ordered_by: History | None = None, turn: int = 0) -> Tried:
        """A run on a bench of this lab."""
        folder = bench.run(FaultPlan.parse(plan), baseline=ordered_by, name="tried", turn=turn)
        assert isinstance(bench.session, Remembering)
        return Tried(folder, load(folder / "journal.jsonl"), bench.session.stores[str(folder)])

    def together(self, *plans: str) -> list[Tried]:
        """Runs under these plans, all at the same time."""
        with ThreadPoolExecutor(len(plans)) as pool:
            return list(pool.map(lambda plan: self._run(plan, self.plain, 0, {}), plans))

    def fingerprint(self, tried: Tried) -> str | None:
        """The engine's own hash of what a run left behind."""
        return self.bench.session.fingerprint(tried.store)

    def judged(self, tried: Tried, baseline: Baseline | None = None) -> RunReport:
        """The run as the checks judge it, beside the plain agent's baseline if it has no other."""
        return self.bench.judged(tried.folder, baseline or self.baseline)


@contextmanager
def open_lab(engine: Engine, options: dict[str, Any], folder: Path, *, stall: float = 10.0) -> Iterator[Lab]:
    """A lab for one engine; leaving it ends every process and server that it started.

    A run that is silent for `stall` seconds is ended, and has no outcome.
    """
    with ExitStack() as stack:
        stack.enter_context(stems.kept())
        yield Lab(engine, options, folder, stack, stall)
