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

from harness.audits.wire.failures import CUT_OFF, calling, check, plan
from harness.errors import UsageError
from harness.faults import FaultPlan
from harness.history import FaultFired, History, HttpRequest, Observation, RunEnded, StepEntered, StepLeft, Waited
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
    bare = scenario.with_plan(FaultPlan())
    with open_bench(bare, folder, prepare="harness.audits.wire.child:prepare", seeds=(1,)) as bench:
        if bench.refused:
            raise UsageError(f"engine {scenario.engine!r} does not take {scenario.subject!r}: {bench.refused}")
        yield bench


def measure(
    scenario: Scenario, failure: str, *, bench: Bench, limit: int = MEASURED_TO, step: str | None = None
) -> Measured:
    """Run the scenario once with one thing failing in that way (one of `FAILURES`) whenever it is tried, and count.

    What fails is every request to a provider, or the body of `step`. It fails up to `limit` times; whatever tries once
    more is unbounded. Safe to call from several threads. Raises `UsageError` for what cannot be measured.
    """
    check(failure, step, limit)
    wire = Wire(failure, limit, step)
    quick = _measured(wire, bench)
    scale = _scale(quick, load(quick.folder / "journal.jsonl"), bench.info["deadlines"])
    return quick if scale is None else _measured(replace(wire, scale=scale, pace=scale), bench)


@dataclass(frozen=True)
class Wire:
    """How one run goes. `pace` divides waits inside bodies, None leaves them out; `scale` is the engine's."""

    failure: str
    limit: int
    step: str | None = None
    scale: float = QUICK
    pace: float | None = None


class WireRun(Run):
    """A run whose lives meet the endpoint. Engines are not asked for their records: what counts is on the wire."""

    entry: ClassVar[str] = "harness.audits.wire.child:live"

    def __init__(self, bench: Bench, wire: Wire, folder: Path) -> None:
        super().__init__(bench, plan(wire.failure, wire.step, wire.limit), folder, None, cold=False)
        self.wire = wire
        self.store = replace(self.store, values={**self.store.values, "factor": wire.scale})

    def _testify(self, incarnation: int) -> None:
        """Ask nothing of the engine: what it says is no part of the count, and asking takes time."""

    def _life(self, incarnation: int) -> dict[str, Any]:
        script = calling(self.wire.step) if self.scenario.script is None else None
        wire = {**vars(self.wire), "sent": len(self.history.of(HttpRequest)), "script": script}
        return {**super()._life(incarnation), "wire": wire}

    def _over(self, watched: Watched) -> RunEnded | None:
        if _is_cut_off(self.history):
            return RunEnded(how="limit", reason=f"request {self.wire.limit + 1} was on its way")
        return super()._over(watched)


def _measured(wire: Wire, bench: Bench) -> Measured:
    folder = bench.new_folder(f"wire-{wire.failure}")
    WireRun(bench, wire, folder).execute()
    history = load(folder / "journal.jsonl")
    return Measured(
        requests=len(history.of(HttpRequest)),
        bodies=_bodies(history, wire),
        seconds=round(_seconds(history, wire), 3),
        outcome=_outcome(history),
        unbounded=_is_unbounded(history, wire),
        folder=folder,
    )


def _bodies(history: History, wire: Wire) -> dict[str, int]:
    """How often each body ran. One that is made to fail before it begins has run as often as it failed."""
    entered = Counter(event.step for event in history.of(StepEntered))
    failed = Counter(event.step for event in history.fired if event.window == "before")
    most = {wire.step: wire.limit} if wire.step else {}
    return {step: min(count, most.get(step, count)) for step, count in {**entered, **failed}.items()}


def _is_unbounded(history: History, wire: Wire) -> bool:
    """Whether it would have gone on: another request was on its way, or a body began again after its last failure."""
    last = {event.step: event.seq for event in history.fired}
    fired = Counter(event.step for event in history.fired)
    again = any(
        fired[event.step] >= wire.limit and event.seq > last[event.step]
        for event in history.of(StepEntered)
        if event.step in last
    )
    tries = Counter((event.incarnation, event.step) for event in history.of(StepEntered))
    return again or _is_cut_off(history) or max(tries.values(), default=0) >= TRIES


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
        elif isinstance(event, StepEntered | FaultFired) and event.step in ended:
            pauses += event.time - ended.pop(event.step)
        if isinstance(event, FaultFired) and event.window == "before":  # a body that ends before it begins
            ended[event.step] = event.time
    return pauses
