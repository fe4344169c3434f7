"""Histories written by hand, the way a run would have written them: what checks are tested on.

    story = Story("crash@tool:charge#1/between")
    story.life().ran("model#1", recorded=True).entered("tool:charge#1").left("tool:charge#1").crash()
    story.life().ran("tool:charge#1").outcome("done")

Everything a probe would know by itself (process, line number, unit key, life) is filled in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.checks import Baseline, Case
from harness.contract import Contract, ToolPolicy
from harness.faults import FaultPlan
from harness.history import (
    CallAnswered,
    Called,
    CommitEntered,
    CommitLeft,
    Effect,
    EngineRecord,
    EngineWaited,
    Event,
    FaultFired,
    History,
    Observation,
    Outcome,
    Paced,
    ProcessEnded,
    ProcessStarted,
    RunEnded,
    RunStarted,
    Sent,
    StepEntered,
    StepLeft,
    UnitAnswered,
    UnitAsked,
    UnitEntered,
    UnitLeft,
    UnitTried,
)
from harness.scenario import Scenario

KEEPS_ALL = Contract(
    engine="keeper",
    unit="entry",
    records=frozenset({"model", "tool", "tools", "event", "step", "run"}),
    recovery="on_restart",
)
"""An engine that records everything."""
KEEPS_MODELS = Contract(
    engine="halfway",
    unit="step",
    records=frozenset({"model", "tools", "event", "step", "run"}),
    recovery="on_restart",
    remedy="decorate it with `@step` so that its result is recorded",
)
"""An engine that records model requests, and tools only where they are units of their own."""
KEEPS_NOTHING = Contract(
    engine="none", unit="unit", records=frozenset(), recovery="none", in_flight="lost", remedy="run it under an engine"
)


PARENT = 7
BY_PARENT = (RunStarted, Paced, RunEnded, ProcessStarted, ProcessEnded, EngineRecord)
"""What the harness writes about its children, from its own process."""


class Story:
    """One run, told line by line. Every method returns the story, so that a life reads as one sentence."""

    def __init__(self, plan: str = "", *, engine: str = "keeper", started: float = 1_800_000_000.0) -> None:
        self.plan = plan
        self.events: list[Event] = []
        self.incarnation = 0
        self.pid = 1000
        self.invocation = 1
        self.started = started
        self._units: dict[str, str] = {}
        self._attempts: dict[str, int] = {}
        self._write(RunStarted(run="r", engine=engine, subject="m:agent", plan=plan or "no fault"))

    # Lives.

    def life(self, *, twin: bool = False) -> Story:
        """A new process; with `twin` it lives beside the one before, as its second worker."""
        self.incarnation += 1
        self.pid += 1
        return self._write(ProcessStarted(recovering=self.incarnation > 1 and not twin))

    def wakes(self) -> Story:
        """The process beside the twin goes on, which stood still until the twin had come to its end."""
        self.dies("exit")
        self.incarnation, self.pid = self.incarnation - 1, self.pid - 1
        return self

    def crash(self, fault: str = "") -> Story:
        """Die by a fault: the given one, or the first of the plan that has not fired."""
        spelling = fault or self._next_crash()
        return self.fires(spelling).dies("crash")

    def dies(self, cause: str = "death") -> Story:
        signal = None if cause == "exit" else 9
        return self._write(ProcessEnded(cause=cause, signal=signal, code=0 if cause == "exit" else None))

    def passes(self, seconds: float) -> Story:
        """Time goes by in which nothing happens."""
        self.started += seconds
        return self

    def waits(self, configured: float, *limits: float) -> Story:
        """The engine waits for a twentieth of what is configured, inside of these limits."""
        self._write(EngineWaited(configured=configured, effective=configured / 20, limits=[*limits]))
        return self.passes(configured / 20)

    def paced(self, limit: float, waits: float, before: str) -> Story:
        """It is done again with waits and timeouts divided alike, and ended like this before."""
        return self._write(Paced(limit=limit, waits=waits, ended={str(self.invocation): before}))

    def fires(self, spelling: str, **values: Any) -> Story:
        fault = FaultPlan.parse(spelling).faults[0]
        return self._write(FaultFired(fault=str(fault), step=fault.step, window=fault.window, **values))

    def _next_crash(self) -> str:
        fired = [event.fault for event in self.events if isinstance(event, FaultFired)]
        return next(str(fault) for fault in FaultPlan.parse(self.plan).faults if str(fault) not in fired)

    # Bodies.

    def entered(self, step: str, *, recorded: bool = False, unit: str | None = None, **values: Any) -> Story:
        """A body begins. `recorded` gives it a unit of the engine, under a key of its own unless one is said."""
        key = unit or (f"u:{step}" if recorded else None)
        self._units[step] = key or ""
        self._attempts[step] = values.get("attempt", 1)
        return self._write(StepEntered(step=step, unit=key, **values))

    def left(self, step: str, result: Any = "ok", *, error: str | None = None, **values: Any) -> Story:
        outcome = "ok" if error is None else "error"
        unit = self._units.get(step) or None
        values.setdefault("attempt", self._attempts.get(step, 1))
        return self._write(StepLeft(step=step, unit=unit, outcome=outcome, result=result, error=error, **values))

    def committing(self, step: str) -> Story:
        return self._write(CommitEntered(step=step, unit=self._units[step]))

    def committed(self, step: str) -> Story:
        return self.committing(step)._write(CommitLeft(step=step, unit=self._units[step]))

    def ran(
        self,
        step: str,
        result: Any = "ok",
        *,
        recorded: bool = False,
        unit: str | None = None,
        error: str | None = None,
        calls: tuple[str, ...] = (),
        **entered: Any,
    ) -> Story:
        """A whole body, with its commit if the engine records it."""
        self.entered(step, recorded=recorded, unit=unit, **entered)
        self.left(step, result, error=error, calls=list(calls))
        return self.committed(step) if recorded or unit else self

    def kept(self, step: str, result: Any = "ok", **values: Any) -> Story:
        """A whole body that the engine records."""
        return self.ran(step, result, recorded=True, **values)

    def unit(
        self, step: str, *, key: str = "", until: str = "committed", given: str | None = None, said: str | None = None
    ) -> Story:
        """A unit that no other step's body claims, as far as `entered`, `left`, `committing` or `committed`."""
        key = key or f"u:{step}"
        self._units[step] = key
        self._write(UnitEntered(unit=key, name=step, step=step, given=given))
        if until != "entered":
            self._write(UnitLeft(unit=key, step=step, claimed=False, said=said))
        if until == "committing":
            self.committing(step)
        return self.committed(step) if until == "committed" else self

    def unit_left(self, step: str) -> Story:
        """The body of a unit that has only been entered returns."""
        return self._write(UnitLeft(unit=self._units[step], step=step, claimed=False))

    def had(self, step: str, said: str) -> Story:
        """The engine has answered for a unit that has run before."""
        return self._write(UnitAnswered(unit=self._units[step], said=said))

    def asked(self, step: str | None, key: str, *, found: bool = False, **arguments: Any) -> Story:
        """Somebody asks for a unit under a key of a person's choice, with these arguments if they are to be seen."""
        return self._write(UnitAsked(unit=key, step=step, found=found, arguments=arguments or None))

    def answered(self, step: str, **values: Any) -> Story:
        """A toolset of the engine's has answered a call, by its body or from a record."""
        return self._write(CallAnswered(step=step, **values))

    def tried(self, step: str, attempt: int, tries: int, *, key: str) -> Story:
        """The engine begins an attempt at a unit, and says how many it declares."""
        return self._write(UnitTried(unit=key, step=step, attempt=attempt, tries=tries))

    def effect(self, name: str, step: str | None = None, key: str | None = None, **arguments: Any) -> Story:
        return self._write(Effect(name=name, step=step, key=key, arguments=arguments))

    def called(self, name: str, said: str, *, given: str = "hello", at: int = 1, **values: Any) -> Story:
        """A function of the agent's own has answered."""
        return self._write(Called(name=name, role="instructions", at=at, given=given, said=said, **values))

    def sent(self, name: str, step: str, key: str | None = None) -> Story:
        return self._write(Sent(name=name, step=step, key=key))

    def observed(self, name: str, value: Any) -> Story:
        return self._write(Observation(name=name, value=value))

    # Ends.

    def outcome(self, output: Any = "done", *, messages: Any = None, **values: Any) -> Story:
        return self._write(Outcome(status="ok", output=output, messages=messages, **values))

    def failed(self, error: str = "boom", kind: str = "RuntimeError") -> Story:
        return self._write(Outcome(status="error", error=error, error_type=kind))

    def ended(self, how: str = "finished", reason: str = "") -> Story:
        return self._write(RunEnded(how=how, reason=reason))

    def finished(self, output: Any = "done", **values: Any) -> Story:
        """A good end: outcome, orderly exit, end of the run."""
        return self.outcome(output, **values).dies("exit").ended()

    def testimony(self, *units: str, **values: Any) -> Story:
        """The engine's own records, read after the run."""
        for unit in units:
            self._write(EngineRecord(**{"unit": unit, "name": unit, "status": "recorded", **values}))
        return self

    def invokes(self, number: int) -> Story:
        """What follows belongs to another invocation."""
        self.invocation = number
        return self

    def history(self, *, torn: bool = False) -> History:
        return History(tuple(self.events), torn)

    def _write(self, event: Event) -> Story:
        line = len(self.events) + 1
        self.events.append(
            replace(
                event,
                seq=line,
                time=self.started + line / 100,
                pid=PARENT if isinstance(event, BY_PARENT) else self.pid,
                worker=0 if isinstance(event, BY_PARENT) else self.incarnation,
                incarnation=self.incarnation,
                invocation=self.invocation,
            )
        )
        return self


def a_case(
    story: Story,
    without_faults: Story,
    *,
    contract: Contract = KEEPS_ALL,
    tools: dict[str, str] | None = None,
    volatile: frozenset[str] = frozenset(),
) -> Case:
    """A run beside its fault-free twin, with what was said of its tools."""
    scenario = Scenario(
        subject="m:agent",
        engine=contract.engine,
        faults=tuple(map(str, FaultPlan.parse(story.plan).faults)),
        tools={name: ToolPolicy.parse(text) for name, text in (tools or {}).items()},
    )
    return Case(story.history(), Baseline(without_faults.history(), volatile), scenario, contract)
