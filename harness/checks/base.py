"""What a check is given, and what it is: a function from a case to a verdict."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from harness.checks.baseline import Baseline, facts
from harness.checks.values import Clock, Mismatch, mismatches
from harness.contract import Contract, ToolPolicy
from harness.faults import Fault
from harness.history import (
    SHOWN,
    Effect,
    Event,
    Execution,
    FaultFired,
    History,
    Outcome,
    Sent,
    StepEntered,
    spelled,
)
from harness.scenario import Scenario
from harness.steps import StepId
from harness.verdict import Owner, Verdict

INCOMPLETE = "the run did not complete"
"""How a check begins that has nothing to compare with: why that is, `completion` tells."""


@dataclass(frozen=True)
class Case:
    """One run to judge: what happened, what happens without faults, what was asked for, what the engine claims."""

    history: History
    baseline: Baseline
    scenario: Scenario
    contract: Contract

    @cached_property
    def usual(self) -> Case:
        """The fault-free run, beside itself."""
        return replace(self, history=self.baseline.history)

    @cached_property
    def completed(self) -> bool:
        """Whether every invocation that ends well without faults has ended well here."""
        wanted = [number for number, outcome in self.baseline.history.outcomes.items() if outcome.status == "ok"]
        ended = self.history.outcomes
        return bool(wanted) and all(number in ended and ended[number].status == "ok" for number in wanted)

    @cached_property
    def injected(self) -> tuple[tuple[FaultFired, Fault], ...]:
        """The faults that fired and were no crashes: what may change a run rightly, because its caller saw them."""
        fired = [(event, Fault.parse(event.fault)) for event in self.history.fired]
        return tuple((event, fault) for event, fault in fired if fault.action not in ("crash", "duplicate"))

    @cached_property
    def paused(self) -> tuple[FaultFired, ...]:
        """Where a process stood still while a second owner took its run."""
        return tuple(event for event in self.history.fired if Fault.parse(event.fault).action == "duplicate")

    @cached_property
    def _kept(self) -> frozenset[str]:
        return self.baseline.recorded | self.history.recorded_steps()

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return dict(facts(self.history))

    @cached_property
    def _clocks(self) -> tuple[Clock, Clock]:
        return Clock.of(self.baseline.history), Clock.of(self.history)

    def differences(self, path: str) -> Iterator[Mismatch]:
        """Where this run has other values than the baseline at and below `path`; what is volatile is left out."""
        left, right = self.baseline.facts.get(path), self._facts.get(path)
        return mismatches(path, left, right, self._clocks, self.baseline.volatile)

    def is_recorded(self, step: str) -> bool:
        """Whether the engine keeps the results of this step, as seen at its commit seam here or in the baseline.

        A step that only this run has (a re-issue, say) is taken to be kept if its namesakes are.
        """
        if step in self._kept or step in self.baseline.history.by_step:
            return step in self._kept
        name = StepId.parse(step).unnumbered
        return any(StepId.parse(kept).unnumbered == name for kept in self._kept)

    def is_output_function(self, step: str) -> bool:
        """Whether a step that is spelled as a tool's is an output function: no request offers that as a tool."""
        return bool(self._offered) and StepId.parse(step).name not in set().union(*self._offered)

    @cached_property
    def _offered(self) -> list[list[str]]:
        """The tools of each request of the fault-free run."""
        return [event.value["tools"] for event in self.baseline.history.observed(SHOWN)]

    def policy(self, execution: Execution) -> ToolPolicy:
        """What may happen when this body runs twice: the scenario's word before the tool's own."""
        name = StepId.parse(execution.step).name
        for called in (name, execution.function):
            if called in self.scenario.tools:
                return self.scenario.tools[called]
        said = execution.entered.may if isinstance(execution.entered, StepEntered) else None
        return ToolPolicy.declared(str(name), said)

    def effects(self, execution: Execution) -> tuple[Effect | Sent, ...]:
        """What one body itself declared to the world, nested bodies left out; else what it was seen to send there."""
        declared = [event for event in self._told.get(execution.step, ()) if self._in_body(execution, event)]
        return tuple(
            declared or (event for event in self._sent.get(execution.step, ()) if self._in_body(execution, event))
        )

    @staticmethod
    def _in_body(execution: Execution, event: Event) -> bool:
        return during(execution, event.seq, event.pid, event.invocation)

    @cached_property
    def _told(self) -> dict[str, list[Effect]]:
        return _by_step(self.history.of(Effect))

    @cached_property
    def _sent(self) -> dict[str, list[Sent]]:
        return _by_step(self.history.of(Sent))


E = TypeVar("E", Effect, Sent)

Check = Callable[[Case], Verdict]
"""Pure: the same case gives the same verdict. Findings name journal lines; `replay` is filled in later."""


def is_own_workflow(history: History) -> bool:
    """Whether what was run is a workflow of the person's own, and not an agent by itself."""
    runs = (run.entered for run in history.by_step.get("run", ()))
    return any(isinstance(entered, StepEntered) and entered.own for entered in runs)


def author(history: History) -> Owner:
    """Who writes the code that an engine runs again: whoever wrote the workflow, or the tools of an agent."""
    return Owner.CONFIGURATION if is_own_workflow(history) else Owner.TOOL


def _by_step(events: Iterable[E]) -> dict[str, list[E]]:
    found: dict[str, list[E]] = {}
    for event in events:
        found.setdefault(event.step or "", []).append(event)
    return found


def during(execution: Execution, seq: int, pid: int, invocation: int) -> bool:
    """Whether something happened while this body ran (a body that never left ran until its process ended)."""
    entered, left = execution.entered, execution.left
    same = (pid, invocation) == (entered.pid, entered.invocation)
    return same and entered.seq < seq and (left is None or seq < left.seq)


def place(execution: Execution) -> str:
    """The step id of a body as reports spell it."""
    return spelled(execution.step, execution.entered.invocation)


def message_parts(outcome: Outcome | None) -> list[dict[str, Any]]:
    """What the messages of a run are made of, in their order; nothing of one that has none."""
    messages = (outcome and outcome.messages) or ()
    return [part for message in messages for part in message.get("parts", ())]


def family(step: str) -> str:
    """A step without its re-issues: `tool:charge#1` and `tool:charge#1+1` are one call of the conversation."""
    return re.sub(r"\+\d+(?=\.|$)", "", step)
