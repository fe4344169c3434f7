"""The fault-free run that every other run is compared with, made from two of them.

Two, because one cannot tell what varies by itself: values that differ are listed and left out of every later
comparison; steps that differ make comparison pointless, and are a finding instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness.checks.values import Clock, mismatches
from harness.history import SHOWN, Called, Effect, History, StepLeft, spelled


@dataclass(frozen=True)
class Baseline:
    """A fault-free history. `volatile` are the paths of the values that its twin had otherwise."""

    history: History
    volatile: frozenset[str] = frozenset()

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose bodies ran, in the order of their first body."""
        return self.history.steps

    @cached_property
    def recorded(self) -> frozenset[str]:
        """The steps whose results the engine keeps."""
        return self.history.recorded_steps()

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Every recorded value by its path."""
        return dict(facts(self.history))


@dataclass(frozen=True)
class Difference:
    """Two fault-free runs that took different steps. `sentence` says where they part, `step` is that step."""

    sentence: str
    step: str | None


def compare(first: History, second: History, known: frozenset[str] = frozenset()) -> Baseline | Difference:
    """Make a baseline of two fault-free runs, or say how their steps differ (per step, never by global order).

    `known` are the paths of values of which it is known that they vary: they are not listed again.
    """
    for step in dict.fromkeys([*first.steps, *second.steps]):
        if sentence := _parting(step, first, second):
            return Difference(sentence, step)
    for invocation in dict.fromkeys([*first.outcomes, *second.outcomes]):
        if sentence := _other_end(invocation, first, second):
            return Difference(sentence, "run")
    left, right = dict(facts(first)), dict(facts(second))
    clocks = Clock.of(first), Clock.of(second)
    volatile = {
        found.path
        for path in dict.fromkeys([*left, *right])
        for found in mismatches(path, left.get(path), right.get(path), clocks, known)
    }
    return Baseline(first, frozenset(volatile))


def facts(history: History) -> Iterator[tuple[str, Any]]:
    """Every recorded value of a run with the path that it has in comparisons.

    Arguments and results are those of a step's first body; a body that runs again is the business of other checks.
    """
    for invocation, outcome in history.outcomes.items():
        yield f"outcome#{invocation}.output", outcome.output
        yield f"outcome#{invocation}.messages", outcome.messages
        yield f"outcome#{invocation}.usage", outcome.usage
        yield f"outcome#{invocation}.error", outcome.error
    for step, executions in history.by_step.items():
        yield f"{step}.arguments", executions[0].arguments
        done = next((run.left for run in executions if run.finished and isinstance(run.left, StepLeft)), None)
        yield f"{step}.result", done.result if done else None
    for event in history.observed(SHOWN):
        step = spelled(event.value["step"], event.invocation)
        yield f"{step}.tools", event.value["tools"]
        yield f"{step}.words", event.value.get("words")
        yield f"{step}.deps", event.value.get("deps")
    for path, call in answers(history).items():
        yield f"{path}.given", call.given
        yield f"{path}.said", call.said
    caused: Counter[str] = Counter()
    for effect in history.of(Effect):  # counted by step: in which order those of parallel ones come is chance
        place = f"{spelled(effect.step, effect.invocation)}.effect" if effect.step else "effect"
        caused[place] += 1
        yield f"{place}[{caused[place] - 1}]", {"name": effect.name, "key": effect.key, "arguments": effect.arguments}


def answers(history: History) -> dict[str, Called]:
    """The last call of each of the person's own functions, by what it was for: its step of the run, and which there.

    Every life asks them from the beginning, or from where an engine's own replay ends.
    """
    found: dict[str, Called] = {}
    asked: Counter[tuple[int, int, str]] = Counter()
    for call in history.of(Called):
        place = f"called#{call.invocation}.{call.role}.{call.name}.{call.at}"
        asked[call.incarnation, call.pid, place] += 1
        found[f"{place}[{asked[call.incarnation, call.pid, place]}]"] = call
    return found


def _parting(step: str, first: History, second: History) -> str | None:
    counts = [len(history.by_step.get(step, ())) for history in (first, second)]
    if counts[0] == counts[1]:
        return None
    one, other = (f"{count} time{'' if count == 1 else 's'}" if count else "not at all" for count in counts)
    return f"`{step}` ran {one} in the first fault-free run and {other} in the second"


def _other_end(invocation: int, first: History, second: History) -> str | None:
    ends = [history.outcomes.get(invocation) for history in (first, second)]
    one, other = (f"ended with {end.status!r}" if end else "did not end" for end in ends)
    if one == other:
        return None
    return f"invocation {invocation} {one} in the first fault-free run and {other} in the second"
