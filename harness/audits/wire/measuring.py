"""From a scenario and a class of failure to what was counted.

A run is quick first: engines keep their timeouts, waits inside bodies are only added up. If a body then comes out
longer than a deadline around it allows, the deadline would have ended what the quick run let finish. Only such a run is
made again with everything, waits and deadlines, divided by one factor, so that the deadline strikes where it would.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from harness.audits.wire.failures import CUT_OFF, FAILURES
from harness.errors import UsageError
from harness.faults import FaultPlan
from harness.history import History, HttpRequest, Observation, RunEnded, RunStarted, StepEntered, StepLeft, Waited
from harness.journal import load
from harness.process.tally import TRIES
from harness.process.watchdog import Watched
from harness.retries.values import MEASURED_TO
from harness.runner import Bench, Run, open_bench
from harness.scenario import Scenario

QUICK = 50.0
"""What an engine's waits are divided by where no deadline is near."""
STRIKES_AFTER = 3.0
"""Seconds that the shortest deadline is scaled to where it matters: a busy machine may stall a body for a while."""


@dataclass(frozen=True)
class Measured:
    """What was counted in one run against one failure.

    `bodies` says how often each step's body ran. `seconds` are configured ones: exactly what clients and transports
    waited for, and the engine's own waits scaled back, its overhead among them, so rather too many. `outcome` is `ok`,
    the type of the error that the run's caller saw, `cut off` or `stuck`. `unbounded`: it would have gone on, and was
    ended at the limit of requests, or of runs of one body.
    """

    requests: int
    bodies: dict[str, int]
    seconds: float
    outcome: str
    unbounded: bool
    folder: Path


@contextmanager
def open_wire(scenario: Scenario, folder: Path) -> Iterator[Bench]:
    """A bench for `measure`: the subject under its engine, with its own models. One serves all classes of failure.

    Raises `UsageError` for what cannot be used: the subject, the engine, an engine that refuses the subject.
    """
    bare = scenario.model_copy(update={"script": None, "faults": ()})
    with open_bench(bare, folder, prepare="harness.audits.wire.child:prepare", seeds=(1,)) as bench:
        if bench.refused:
            raise UsageError(f"engine {scenario.engine!r} does not take {scenario.subject!r}: {bench.refused}")
        yield bench


def measure(scenario: Scenario, failure: str, *, bench: Bench, limit: int = MEASURED_TO) -> Measured:
    """Run the scenario once against an endpoint that fails in that way (one of `FAILURES`), and count.

    `limit` requests are answered; one more ends the run. Safe to call from several threads. Raises `UsageError` for a
    failure that no endpoint has, or a limit below 1.
    """
    if failure not in FAILURES:
        raise UsageError(f"{failure!r} is nothing that an endpoint does; known are {', '.join(FAILURES)}")
    if limit < 1:
        raise UsageError(f"a limit of {limit} allows no request at all; say 1 or more")
    quick = _measured(scenario, Wire(failure, limit), bench)
    scale = _scale(quick, load(quick.folder / "journal.jsonl"), bench.info["deadlines"])
    return quick if scale is None else _measured(scenario, Wire(failure, limit, scale, pace=scale), bench)


@dataclass(frozen=True)
class Wire:
    """How one run goes. `pace` divides waits inside bodies, None leaves them out; `scale` is the engine's."""

    failure: str
    limit: int
    scale: float = QUICK
    pace: float | None = None


class WireRun(Run):
    """A run whose lives meet the endpoint. Engines are not asked for their records: what counts is on the wire."""

    entry: ClassVar[str] = "harness.audits.wire.child:live"

    def __init__(self, bench: Bench, wire: Wire, folder: Path) -> None:
        super().__init__(bench, FaultPlan(), folder, None, cold=False)
        self.wire = wire
        self.store = replace(self.store, values={**self.store.values, "factor": wire.scale})

    def execute(self) -> None:
        started = RunStarted(
            run=self.folder.name,
            engine=self.bench.engine.name,
            subject=self.scenario.subject,
            plan=f"the endpoint: {self.wire.failure}",
        )
        self.journal.append(started)
        ended = self._over(self._live(1)) or RunEnded(how="broken", reason=f"the process died: {self._tail()}")
        self.journal.append(ended)
        self.journal.close()

    def _life(self, incarnation: int) -> dict[str, Any]:
        sent = len(self.history.of(HttpRequest))
        return {**super()._life(incarnation), "wire": {**vars(self.wire), "sent": sent}}

    def _over(self, watched: Watched) -> RunEnded | None:
        if _is_cut_off(self.history):
            return RunEnded(how="limit", reason=f"request {self.wire.limit + 1} was on its way")
        return super()._over(watched)


def _measured(scenario: Scenario, wire: Wire, bench: Bench) -> Measured:
    folder = bench.new_folder(f"wire-{wire.failure}")
    WireRun(bench, wire, folder).execute()
    history = load(folder / "journal.jsonl")
    bodies = Counter(event.step for event in history.of(StepEntered))
    endless = _is_cut_off(history) or max(bodies.values(), default=0) >= TRIES
    return Measured(
        requests=len(history.of(HttpRequest)),
        bodies=dict(bodies),
        seconds=round(_seconds(history, wire), 3),
        outcome=_outcome(history),
        unbounded=endless,
        folder=folder,
    )


def _is_cut_off(history: History) -> bool:
    return any(event.name == CUT_OFF for event in history.of(Observation))


def _outcome(history: History) -> str:
    outcome = history.outcomes.get(1)
    if outcome is not None:
        return outcome.error_type or outcome.status
    ended = history.of(RunEnded)[-1]
    return "cut off" if ended.how == "limit" else ended.how


def _scale(quick: Measured, history: History, deadlines: dict[str, float | None]) -> float | None:
    """What to divide everything by in a run in which a deadline strikes; None if none would have."""
    known = [seconds for seconds in deadlines.values() if seconds is not None]
    longest = max(_waited(history).values(), default=0.0)
    each, every = deadlines["each"], deadlines["all"]
    strikes = (each is not None and longest >= each) or (every is not None and quick.seconds >= every)
    return max(1.0, min(known) / STRIKES_AFTER) if strikes else None


def _waited(history: History) -> dict[tuple[str, int], float]:
    """Configured seconds of the waits inside each attempt at a body."""
    attempts: Counter[str] = Counter()
    waited: dict[tuple[str, int], float] = defaultdict(float)
    for event in history:
        if isinstance(event, StepEntered):
            attempts[event.step] += 1
        elif isinstance(event, Waited) and event.step is not None:
            waited[event.step, attempts[event.step]] += event.seconds
    return waited


def _seconds(history: History, wire: Wire) -> float:
    """What the whole would have taken: waits inside bodies as configured, time between bodies scaled back."""
    if wire.pace is not None:
        return _between(history, StepEntered, StepLeft) * wire.scale
    inside = sum(event.seconds for event in history.of(Waited))
    return inside + _pauses(history) * wire.scale


def _between(history: History, first: type[StepEntered], last: type[StepLeft]) -> float:
    begun, ended = history.of(first), history.of(last)
    return max(0.0, ended[-1].time - begun[0].time) if begun and ended else 0.0


def _pauses(history: History) -> float:
    """Real seconds between the end of one attempt at a body and the beginning of the next one."""
    ended: dict[str, float] = {}
    pauses = 0.0
    for event in history:
        if isinstance(event, StepLeft):
            ended[event.step] = event.time
        elif isinstance(event, StepEntered) and event.step in ended:
            pauses += event.time - ended.pop(event.step)
    return pauses
