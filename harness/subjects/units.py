"""What the journal is told of the attempts at a unit's body, and the faults that strike before one and after."""

from __future__ import annotations

import json
import sys
from datetime import date, time
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from harness.history import UnitAnswered, UnitEntered, UnitLeft, UnitTried
from harness.subjects.clock import configured, shortened, sparing
from harness.subjects.places import Unit, waiting_here

if TYPE_CHECKING:
    from harness.subjects.probes import Probes


def tried(probes: Probes, unit: Unit, attempt: int, tries: int) -> None:
    """Take down which of how many attempts begins here, before a fault may strike it."""
    waiting = waiting_here.get()
    probes.journal.tell(
        UnitTried,
        unit=unit.key,
        step=unit.step if waiting is None else str(waiting.step),
        attempt=attempt,
        tries=tries,
        invocation=probes.invocation,
    )


def entered(probes: Probes, unit: Unit, name: str, attempt: int | None, given: Any) -> float:
    """The body of a unit that records no body of the conversation begins, called with what is given.

    Returns the seconds that it must wait.
    """
    seconds = probes.strikes.at(unit.step, "before")
    probes.journal.tell(
        UnitEntered,
        unit=unit.key,
        name=name,
        step=unit.step,
        attempt=attempt or 1,
        given=digest(given),
        limits=configured(),
        effective=shortened(),
        sparing=sparing(),
        invocation=probes.invocation,
    )
    return seconds


def digest(given: Any) -> str | None:
    """What tells the arguments of two calls apart; None if nothing does.

    Of an object only its type counts: to look into it may do something, as reading a generator does.
    """
    try:
        return sha256(json.dumps(given, default=_told, skipkeys=True).encode()).hexdigest()[:16]
    except (ValueError, RecursionError):
        return None


def _told(value: Any) -> str:
    return str(value) if isinstance(value, UUID | date | time | Decimal) else type(value).__qualname__


def said(answer: Any) -> str | None:
    """What tells two answers apart, in whatever form a store gives them back; None of what only Python has."""
    try:
        return sha256(json.dumps(answer, sort_keys=True).encode()).hexdigest()[:16]
    except (TypeError, ValueError, RecursionError):
        return None


def answered(probes: Probes, key: str, answer: Any) -> None:
    """The engine answers for a unit whose body has not run here."""
    if (told := said(answer)) is not None:
        probes.journal.tell(UnitAnswered, unit=key, said=told, invocation=probes.invocation)


def left(probes: Probes, unit: Unit, error: BaseException | None = None, *, result: Any = None) -> float:
    """It has returned or raised. A crash may follow either; that of what returned comes with the commit.

    Returns the seconds that its answer is held up; may raise what its caller gets in place of the answer.
    """
    probes.journal.tell(
        UnitLeft,
        unit=unit.key,
        step=unit.step,
        claimed=unit.claimed,
        outcome="ok" if error is None else "error",
        error=named(error),
        said=None if unit.claimed or error is not None else said(result),
        invocation=probes.invocation,
    )
    if unit.claimed:  # by the body in it, which was struck itself
        return 0.0
    raised = error is not None
    return probes.strikes.at(unit.step, "between", crashes=raised, only_crashes=raised)


def handed_over(error: BaseException) -> bool:
    """Whether a tool raised this to leave its answer to somebody else: it has done its part, and did not fail."""
    deferring = sys.modules.get("pydantic_ai.exceptions")  # whoever raises it has imported it
    return deferring is not None and isinstance(error, deferring.CallDeferred)


def named(error: BaseException | None) -> str | None:
    """An exception as the journal names it."""
    return None if error is None else f"{type(error).__name__}: {error}"
