"""The history: a read-only view over the events of one run, and what checks and reports ask of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self, TypeVar

from harness.history.events import (
    Event,
    FaultFired,
    Observation,
    Outcome,
    ProcessEnded,
    ProcessStarted,
    ServerChanged,
    StepLeft,
)
from harness.history.executions import Execution, executions
from harness.history.invocations import spelled

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class History:
    """Immutable view over the events of one run. `torn` says that the last line was cut off by a death."""

    events: tuple[Event, ...]
    torn: bool = False

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """Every event of one kind, in the order of the journal."""
        if kind not in self._by_kind:
            self._by_kind[kind] = tuple(event for event in self.events if isinstance(event, kind))
        return self._by_kind[kind]

    def observed(self, name: str) -> tuple[Observation, ...]:
        """Every observation of one name."""
        return tuple(event for event in self.of(Observation) if event.name == name)

    @cached_property
    def _by_kind(self) -> dict[type[Any], tuple[Any, ...]]:
        """What has been asked for so far: checks ask for the same few kinds over and over."""
        return {}

    @cached_property
    def executions(self) -> tuple[Execution, ...]:
        """Every time that a body ran, in the order in which the bodies were entered."""
        return tuple(sorted(executions(self.events), key=lambda execution: execution.entered.seq))

    @cached_property
    def by_step(self) -> dict[str, tuple[Execution, ...]]:
        """Executions per step and invocation; steps in the order of their first body. Invocation 1 has bare ids."""
        grouped: dict[str, list[Execution]] = defaultdict(list)
        for execution in self.executions:
            grouped[spelled(execution.step, execution.entered.invocation)].append(execution)
        return {step: tuple(executions) for step, executions in grouped.items()}

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose bodies ran, in the order of their first body."""
        return tuple(self.by_step)

    def recorded_steps(self) -> frozenset[str]:
        """The steps for which the engine passed its commit seam at least once."""
        return frozenset(step for step, runs in self.by_step.items() if any(run.commit_entered for run in runs))

    @cached_property
    def fired(self) -> tuple[FaultFired, ...]:
        return self.of(FaultFired)

    @cached_property
    def outcomes(self) -> dict[int, Outcome]:
        """The last outcome of each invocation."""
        return {outcome.invocation: outcome for outcome in self.of(Outcome)}

    @property
    def incarnations(self) -> int:
        return len(self.of(ProcessStarted))

    def deaths(self) -> tuple[ProcessEnded, ...]:
        """Ends of processes that were no orderly exits."""
        return tuple(end for end in self.of(ProcessEnded) if end.cause != "exit")

    @property
    def kills(self) -> int:
        """How often the process or the engine's server was killed. What hung and was ended by the harness was not."""
        servers = sum(changed.act == "kill" for changed in self.of(ServerChanged))
        return servers + sum(end.cause in ("crash", "death") for end in self.of(ProcessEnded))

    def siblings(self) -> dict[str, tuple[str, ...]]:
        """For each tool step of a response with several calls: those calls of it that ran, in message order.

        A call that the agent rejected has no body: whoever waited for its end would wait in vain.
        """
        ran = {execution.step for execution in self.executions}
        groups = [tuple(step for step in left.calls if step in ran) for left in self.of(StepLeft)]
        return {step: group for group in groups if len(group) > 1 for step in group}

    def calls(self, invocation: int) -> dict[str, list[str]]:
        """For each model request of one invocation, the tool calls that it asked for, in message order."""
        return {left.step: left.calls for left in self.of(StepLeft) if left.calls and left.invocation == invocation}

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def before(self, seq: int) -> Self:
        """The history up to and without event `seq`."""
        return type(self)(tuple(event for event in self.events if event.seq < seq))
