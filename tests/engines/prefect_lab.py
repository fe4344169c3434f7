"""Many subjects on one Prefect server: a zygote that has imported Prefect, whose lives load their subject themselves.

The runner, the lives and the deaths are the real ones. Only the loading is moved from the zygote into each life, so
that a test costs a run and not three interpreters.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.engines.base import Apart, Case, Session, Store
from harness.engines.prefect.engine import PrefectEngine
from harness.engines.prefect.worker import PrefectWorker
from harness.faults import FaultPlan
from harness.history import EngineRecord, History, Note, RunEnded, StepEntered, UnitEntered
from harness.journal import Journal, load
from harness.process import worker
from harness.process.zygote import Zygote
from harness.runner import Bench
from harness.scenario import Scenario
from harness.subjects.loading import load_subject
from harness.subjects.script_sources import load_script

MODULE = "tests.engines.prefect_agents"


def preload(argument: dict[str, Any]) -> dict[str, Any]:
    """In the zygote: all that the worker does for one subject, which imports the others too."""
    return worker.prepare({**argument, "subject": f"{MODULE}:durable"})


def live(argument: dict[str, Any]) -> None:
    """In the fork: bind another subject, then live."""
    order = argument["prepare"]
    adapter = PrefectWorker()
    adapter.prepare()
    subject = load_subject(order["subject"], deps=order["deps"])
    script = None if order["script"] is None else load_script(order["script"])
    worker._prepared = worker.Prepared(subject, script, adapter)
    scale = order["scale"]
    case = Case(subject, worker._invoke, order["options"], scale or 1.0, auto_scale=scale is None)
    if refused := adapter.bind(case):
        Journal(Path(argument["live"]["journal"])).append(Note(text=f"refused: {refused.reason}"))
        return
    worker.live(argument["live"])


@dataclass
class Fork:
    """What the runner takes for a zygote: it adds what the life has to load."""

    zygote: Zygote
    argument: dict[str, Any]

    def spawn(self, entry: str, argument: dict[str, Any], *, output: Path) -> Any:
        assert entry == "harness.process.worker:live"
        return self.zygote.spawn(
            "tests.engines.prefect_lab:live", {"prepare": self.argument, "live": argument}, output=output
        )


@dataclass
class Ran:
    """A run that is over."""

    folder: Path
    history: History
    store: Store

    def bodies(self, incarnation: int = 1) -> list[str]:
        """The steps whose bodies ran in one life, in order; `run` left out."""
        ran = [run for run in self.history.executions if run.incarnation == incarnation]
        return [run.step for run in ran if run.step != "run"]

    def unit(self, step: str) -> str | None:
        """The key that Prefect had for a step when its body was first entered."""
        entered = self.history.by_step[step][0].entered
        assert isinstance(entered, StepEntered | UnitEntered)
        return entered.unit

    def entered(self, name: str) -> list[UnitEntered]:
        """Each time that Prefect ran the body of a task of that name."""
        return [event for event in self.history.of(UnitEntered) if event.name == name]

    @property
    def how(self) -> str:
        """How the run ended."""
        return self.history.of(RunEnded)[-1].how

    @property
    def records(self) -> dict[str, EngineRecord]:
        return {record.unit: record for record in self.history.of(EngineRecord)}

    @property
    def output(self) -> Any:
        outcome = self.history.outcomes.get(1)
        return (self.folder / "output.log").read_text() if outcome is None else outcome.output or outcome.error

    @property
    def notes(self) -> list[str]:
        return [note.text for note in self.history.of(Note)]


@dataclass
class Remembering:
    """What the runner takes for a session: it remembers the store of each run."""

    session: Session
    stores: dict[Path, Store]

    def store(self, run_id: str, folder: Path) -> Store:
        self.stores[folder] = self.session.store(run_id, folder)
        return self.stores[folder]

    def store_apart(self, run_id: str, folder: Path) -> Store:
        self.stores[folder] = cast(Apart, self.session).store_apart(run_id, folder)
        return self.stores[folder]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)


class Lab:
    """A session's server and a zygote, for runs of any subject in `prefect_agents.py`."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.engine = PrefectEngine()
        self.zygote = stack.enter_context(
            Zygote(
                "tests.engines.prefect_lab:preload",
                {"worker": self.engine.worker},
                hash_seed=1,
                env={"PREFECT_API_URL": "http://127.0.0.1:1/api", "PREFECT_HOME": "/nowhere"},  # somebody's own
                log=folder / "zygote.log",
            )
        )
        self.session = stack.enter_context(self.engine.session({}, folder / "session"))
        self.stores: dict[Path, Store] = {}
        self.zygote.ready(60)

    def run(self, subject: str, *plan: str, baseline: Ran | None = None, **scenario: Any) -> Ran:
        """Run an agent of `prefect_agents.py` under a fault plan."""
        path = f"{MODULE}:{subject}"
        made = Scenario.make(subject=path, engine="prefect", **scenario)
        argument = {
            "subject": path,
            "script": made.script,
            "deps": made.deps,
            "options": made.options,
            "scale": made.time_scale,
        }
        fork = cast(Zygote, Fork(self.zygote, argument))
        session = cast(Session, Remembering(self.session, self.stores))
        bench = Bench(made, self.engine, session, [fork], self._fresh(subject), cold=False)
        folder = bench.run(FaultPlan.parse(plan), baseline=baseline.history if baseline else None)
        return Ran(folder, load(folder / "journal.jsonl"), self.stores[folder])

    def _fresh(self, subject: str) -> Path:
        number = len(list(self.folder.iterdir()))
        return self.folder / f"{number:03d}-{subject}"
