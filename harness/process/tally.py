"""How often each body was begun in a life that is still going on, and what it waits for, from its growing journal.

A run that tries the same thing again and again writes all the time, so silence will never give it away; and one that is
made to wait is silent, and gets somewhere all the same. A body that an error keeps from beginning was tried, too, and
so was a unit of which the engine tells, whatever becomes of its body.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from harness.faults import Fault

TRIES = 25
"""So many attempts at one body in one life, and no end in sight, are enough to have seen."""

_ENTERED = b'{"kind": "StepEntered"'
_TRIED = b'{"kind": "UnitTried"'
_FIRED = b'{"kind": "FaultFired"'
_WAITED = b'{"kind": "EngineWaited"'


class Tally:
    """Counts from the end that the journal has now, up to `tries`. Its owner calls `look` from time to time."""

    def __init__(self, journal: Path, tries: int = TRIES) -> None:
        self._journal, self._most = journal, tries
        self._size = journal.stat().st_size
        self._rest = b""
        self._entered: Counter[tuple[int, str]] = Counter()
        self._refused: Counter[tuple[int, str]] = Counter()
        self._begun: Counter[tuple[int, str]] = Counter()
        self._over: Counter[tuple[int, str]] = Counter()
        self._tried = 1
        self.waits = 0.0
        """For how many seconds the life may be silent: a fault or its engine made it wait, or hang until a timeout."""

    def look(self) -> int:
        """Count what was written since; returns the size of the journal."""
        if (size := self._journal.stat().st_size) > self._size:
            with self._journal.open("rb") as file:
                file.seek(self._size)
                *lines, self._rest = (self._rest + file.read(size - self._size)).split(b"\n")
            self._size = size
            for line in lines:
                self._count(line)
        return size

    def _count(self, line: bytes) -> None:
        if (start := line.rfind(_ENTERED)) >= 0:  # behind what a death has torn off
            self._entered[_body(json.loads(line[start:]))] += 1
        if (start := line.rfind(_TRIED)) >= 0:
            body = _body(json.loads(line[start:]))
            self._over[body] = self._begun[body]  # what begins now may go well
            self._begun[body] += 1
        if (start := line.rfind(_FIRED)) >= 0:
            event = json.loads(line[start:])
            self.waits = max(self.waits, event["wait"])
            self._refused[_body(event)] += Fault.parse(event["fault"]).action == "error"

        if (start := line.rfind(_WAITED)) >= 0:
            self.waits = max(self.waits, json.loads(line[start:])["effective"])

    def has_news_of_tries(self) -> bool:
        """Whether some body was tried more often by now than any had been when this was asked before."""
        before, self._tried = self._tried, max([self._tried, *self._entered.values()])
        return self._tried > before

    @property
    def endless(self) -> str | None:
        """Why this life should end now, or None."""
        # An error may come before a body begins or after: one attempt may be in several counts, so they are not added.
        tried = self._entered | self._refused | self._over
        (_invocation, step), count = max(tried.items(), key=lambda item: item[1], default=((0, ""), 0))
        return f"`{step}` was tried {count} times in one life, and again" if count >= self._most else None


def _body(event: dict[str, Any]) -> tuple[int, str]:
    return event["invocation"], event["step"]
