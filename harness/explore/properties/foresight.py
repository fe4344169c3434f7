"""What a conversation's fault-free run will look like, before it has been run.

A fault is placed in the fault-free run, so whoever waits for that run before the faulted one begins leaves one of two
cores idle. A made-up conversation says itself which steps it has; which of them an engine records is known from the
runs before. That is a guess: it decides what is *begun* early, never what is drawn or judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from harness.history import CommitEntered, CommitLeft, Event, History, StepEntered, StepLeft
from harness.steps import StepId
from harness.subjects.numbering import Numbered, Numbering
from harness.subjects.script import Conversation, Turn

TRUST = 3
"""How many more guesses may have been wrong than right before nothing is guessed any more."""


class Foresight:
    """The fault-free runs of one bench so far, and so what the next one will look like."""

    def __init__(self) -> None:
        self._recorded: dict[str, bool] = {}
        self._trust = TRUST

    def history(self, turns: Sequence[Turn]) -> History | None:
        """The steps, records and parallel calls of a conversation, or None where the runs so far do not tell."""
        said = list(_said(Conversation(tuple(turns))))
        steps = ["run", *(step for model, calls in said for step in (model, *calls))]
        if self._trust <= 0 or not all(_name(step) in self._recorded for step in steps):
            return None
        events = [StepEntered(step="run"), *(event for bodies in said for event in self._round(*bodies))]
        events += self._body("run", ())[1:]
        return History(tuple(replace(event, seq=number) for number, event in enumerate(events, 1)))

    def learn(self, actual: History, guessed: History | None) -> None:
        """Take in a fault-free run, and whether it was as it had been guessed."""
        recorded = actual.recorded_steps()
        self._recorded |= {_name(step): step in recorded for step in actual.steps}
        if guessed is not None:
            self._trust += 1 if alike(actual, guessed) else -1

    def _round(self, model: str, calls: Sequence[str]) -> Iterator[Event]:
        yield from self._body(model, calls)
        for call in calls:
            yield from self._body(call, ())

    def _body(self, step: str, calls: Iterable[str]) -> list[Event]:
        unit = step if self._recorded[_name(step)] else None
        body: list[Event] = [StepEntered(step=step, unit=unit), StepLeft(step=step, unit=unit, calls=list(calls))]
        return [*body, CommitEntered(step=step, unit=unit), CommitLeft(step=step, unit=unit)] if unit else body


def alike(actual: History, guessed: History) -> bool:
    """Whether a run had what was guessed: everything that a plan or a run under it takes from a fault-free run."""
    return (actual.steps, actual.recorded_steps(), actual.siblings()) == (
        guessed.steps,
        guessed.recorded_steps(),
        guessed.siblings(),
    )


def _said(conversation: Conversation) -> Iterator[tuple[str, list[str]]]:
    """Every model request with the calls that run after it. Those that are rejected run when they are put right."""
    numbering = Numbering(conversation)
    for turn in range(1, len(conversation.turns) + 1):
        calls = numbering.of_turn(turn)
        yield str(StepId.of("model", number=turn)), [_call(each) for each in calls if not each.call.on_retry]
        if wrong := [each for each in calls if each.call.on_retry]:
            yield str(StepId.of("model", number=turn, reissue=1)), [_call(each, reissue=1) for each in wrong]


def _call(numbered: Numbered, reissue: int = 0) -> str:
    return str(StepId.of("tool", numbered.call.tool, numbered.number, reissue))


def _name(step: str) -> str:
    return StepId.parse(step).unnumbered
