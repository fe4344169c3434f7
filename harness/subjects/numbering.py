"""The number that each call of a conversation has, known before anything runs.

`tool:charge#2` is the second `charge` in message order, whatever was rejected and re-issued on the way: numbers are
counted over the turns as written. A call that only an `on_retry` makes comes on top of those, so that it never shifts a
planned one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from harness.subjects.script import Call, Conversation, Turn


@dataclass(frozen=True)
class Numbered:
    """A call as written, its number, and its place.

    `turn` counts from 1. `owner` is the call of that turn for whose sake it is made: itself, the call whose `on_retry`
    makes it, or None where the `on_retry` of the whole turn does.
    """

    call: Call
    number: int
    turn: int
    owner: int | None


class Numbering:
    """All calls of one conversation with their numbers."""

    def __init__(self, conversation: Conversation) -> None:
        self.counts: Counter[str] = Counter()
        self.all: list[Numbered] = []
        self._retries: dict[tuple[int, int | None, int, int], int] = {}
        for number, turn in enumerate(conversation.turns, 1):
            for index, call in enumerate(turn.calls):
                self.all.append(self._next(call, number, index))
        planned = Counter(self.counts)
        for turn_number, turn in enumerate(conversation.turns, 1):
            for owner, retry, retried in _retries(turn):
                for index, call in enumerate(retried.calls):
                    found = self._next(call, turn_number, owner)
                    self._retries[turn_number, owner, retry, index] = found.number
                    self.all.append(found)
        self.counts = planned
        self._outputs = [number for number, turn in enumerate(conversation.turns, 1) if turn.has_output]

    def _next(self, call: Call, turn: int, owner: int | None) -> Numbered:
        self.counts[call.tool] += 1
        return Numbered(call, self.counts[call.tool], turn, owner)

    def of_turn(self, turn: int) -> list[Numbered]:
        """The calls of a turn as it is said first, in order."""
        return [found for found in self.all[: self.counts.total()] if found.turn == turn]

    def find(self, tool: str, number: int) -> Numbered | None:
        """The call that has this number, or None: an output tool's call is not written as a call."""
        return next((found for found in self.all if (found.call.tool, found.number) == (tool, number)), None)

    def of_retry(self, turn: int, owner: int | None, retry: int, index: int) -> int:
        """The number of the `index`-th call in the `retry`-th answer of an `on_retry`."""
        return self._retries[turn, owner, retry, index]

    def of_output(self, tool: str, turn: int) -> int:
        """The number of the call through which the output of `turn` is given."""
        return self.counts[tool] + sum(number <= turn for number in self._outputs) + (turn not in self._outputs)


def _retries(turn: Turn) -> Iterator[tuple[int | None, int, Turn]]:
    """Every answer to a retry prompt that a turn holds: whose it is, which one, and what it says."""
    for retry, retried in enumerate(turn.on_retry):
        yield None, retry, retried
    for owner, call in enumerate(turn.calls):
        for retry, retried in enumerate(call.on_retry):
            yield owner, retry, retried
