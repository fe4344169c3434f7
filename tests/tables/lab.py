"""Many subjects under one engine for the price of one import: each life loads and binds its own subject after the fork.

The runner, the lives, the deaths and the checks are the real ones. What is spared is two interpreters per subject.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar, cast

from harness.checks import Baseline
from harness.engines.base import Engine, Session, Worker
from harness.engines.registry import load as load_engine
from harness.errors import SubjectError
from harness.faults import NO_FAULT, FaultPlan
from harness.history import History
from harness.journal import load
from harness.process import stems, worker
from harness.process.incarnation import Incarnation
from harness.process.newborn import resolve
from harness.process.zygote import Zygote
from harness.runner import READY_SECONDS, Bench
from harness.scenario import Scenario
from harness.subjects import models
from harness.subjects.loading import load_subject
from harness.verdict import RunReport

REFUSED = "refused.txt"
FIRST = "fixtures.agents.uses.talkative:agent"
"""Any agent will do: what pydantic-ai builds when an agent is first asked is the same for all of them."""


AT_ONCE = 4
"""So many rows of a table are measured at a time: most of what they do is to wait for a timeout."""

T, R = TypeVar("T"), TypeVar("R")
_worker: Worker | None = None


def preload(argument: dict[str, Any]) -> dict[str, Any]:
    """In the zygote: everything that is the same for all subjects."""
    global _worker
    _worker = worker.protect(argument)
    for name in ("pydantic_ai.mcp", "pydantic_ai.models.anthropic"):
        importlib.import_module(name)
    models.warm(load_subject(FIRST).agent)
    with suppress(ModuleNotFoundError):  # engines that are one file have no such half
        importlib.import_module(argument["worker"].partition(":")[0].replace(".worker", ".binding"))
    return {}


def live(argument: dict[str, Any]) -> None:
    """In a fork: take the subject that is meant, then do what a life of it would do. Refusals are written down."""
    assert _worker is not None, "preload comes first"
    try:
        refused = worker.take(argument["prepare"], _worker)["refused"]
    except SubjectError as error:
        refused = str(error)
    if refused:
        Path(argument["refused"]).write_text(refused)
        return
    resolve(argument["entry"])(argument["argument"])


@dataclass
class _Fork:
    """What the runner takes for a zygote: it adds what the life has to prepare."""

    zygote: Zygote
    prepare: dict[str, Any]

    def spawn(self, entry: str, argument: dict[str, Any], *, output: Path) -> Incarnation:
        refused = str(output.parent / REFUSED)
        order = {"prepare": self.prepare, "refused": refused, "entry": entry, "argument": argument}
        return self.zygote.spawn("tests.tables.lab:live", order, output=output)


@dataclass(frozen=True)
class Ran:
    """A run that is over."""

    folder: Path
    history: History

    @property
    def refused(self) -> str:
        """The engine's own words if it would not take the subject."""
        said = self.folder / REFUSED
        return said.read_text() if said.exists() else ""


class Trial:
    """One subject under one engine: its fault-free run, and others that are judged by it."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._bench, self._name = bench, name

    def run(self, plan: FaultPlan = NO_FAULT) -> Ran:
        """Run once. Parallel calls are held in the order of the fault-free run when there are faults."""
        return self._ran(plan, self.baseline.history if plan.faults else None)

    def unprepared(self, plan: FaultPlan) -> Ran:
        """Run once with faults, and with no fault-free run before: for what need not be judged."""
        return self._ran(plan, None)

    def _ran(self, plan: FaultPlan, baseline: History | None) -> Ran:
        folder = self._bench.run(plan, baseline=baseline, name=self._name)
        return Ran(folder, load(folder / "journal.jsonl"))

    @cached_property
    def baseline(self) -> Ran:
        """The fault-free run."""
        return self.run()

    def judged(self, ran: Ran) -> RunReport:
        """What the checks say of a run, compared with the fault-free one."""
        return self._bench.judged(ran.folder, Baseline(self.baseline.history))


class Lab:
    """A zygote that has imported an engine, and a session for each way of running it (a store, a server) that is asked.

    Sessions live as long as `stack`.
    """

    def __init__(self, engine: Engine, zygote: Zygote, folder: Path, stack: ExitStack) -> None:
        self.engine, self._zygote, self._folder, self._stack = engine, zygote, folder, stack
        self._sessions: dict[str, Session] = {}
        self._opening = Lock()
        self._trials = count(1)

    def session(self, options: dict[str, Any]) -> Session:
        """What the runs with these options share, opened by the first of them."""
        key = repr(sorted(options.items()))
        with self._opening:
            if key not in self._sessions:
                folder = self._folder / f"session-{len(self._sessions) + 1}"
                self._sessions[key] = self._stack.enter_context(self.engine.session(options, folder))
            return self._sessions[key]

    def each(self, measure: Callable[[T], R], things: Iterable[T]) -> list[R]:
        """What is measured of each, in their order; several are measured at once."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(measure, things))

    def trial(self, **scenario: Any) -> Trial:
        """A subject with its scenario; the engine is this one."""
        made = Scenario.make(engine=self.engine.name, **scenario)
        session = self.session(made.options)
        zygote = cast(Zygote, _Fork(self._zygote, _prepare(made, self.engine)))
        name = f"trial-{next(self._trials)}"  # runs of one session must not share a name
        return Trial(Bench(made, self.engine, session, [zygote], self._folder / name, cold=False), name)


def _prepare(scenario: Scenario, engine: Engine) -> dict[str, Any]:
    """The argument of `worker.prepare`."""
    return {
        "subject": scenario.subject,
        "deps": scenario.deps,
        "script": scenario.script,
        "worker": engine.worker,
        "options": scenario.options,
        "scale": scenario.time_scale,
    }


@contextmanager
def open_lab(name: str, folder: Path) -> Iterator[Lab]:
    """A lab for one engine, that leaves nothing behind but run folders."""
    engine = load_engine(name)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        zygote = stack.enter_context(
            stems.zygote("tests.tables.lab:preload", {"worker": engine.worker}, seed=1, log=folder / "zygote.log")
        )
        lab = Lab(engine, zygote, folder, stack)
        lab.session({})  # its server starts while the zygote imports
        zygote.ready(READY_SECONDS)
        yield lab
