"""What the journal is told of the attempts at a unit's body, and the faults that strike before one and after."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel

from harness.history import EngineWaited, UnitAnswered, UnitAsked, UnitEntered, UnitLeft, UnitTried
from harness.subjects.clock import configured, shortened, sparing
from harness.subjects.places import Unit, asked_here, step_here, waiting_here

if TYPE_CHECKING:
    from harness.steps import StepId
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


def waited(probes: Probes, seconds: float, effective: float, within: Sequence[float]) -> None:
    """The engine waits, inside of what limits it here and of `within`."""
    probes.journal.tell(
        EngineWaited,
        configured=seconds,
        effective=effective,
        limits=[*configured(), *within],
        sparing=sparing(),
        invocation=probes.invocation,
    )


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


def asked(probes: Probes, key: str, step: StepId, given: Mapping[str, Any] | None, *, found: bool) -> None:
    """Somebody asks for a unit under a key of a person's choice.

    It is `step`, unless it is the record of a tool call: because the tool is the person's function, or because a
    toolset of the engine's asks, which it does outside of the tool's body.
    """
    waiting, tool = waiting_here.get(), asked_here.get()
    called: StepId | None = step if waiting is None else waiting.step
    if given is None:
        called = None if tool == step_here.get() else tool
    probes.journal.tell(
        UnitAsked,
        unit=key,
        found=found,
        step=None if called is None else str(called),
        arguments=None if given is None else readable(given),
        invocation=probes.invocation,
    )


def readable(given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The arguments of a call as a person reads them. None if they lead back to themselves.

    Of an object the fields count that its class declares; one that has none is its type, as in `digest`.
    """
    try:
        read: dict[str, Any] = json.loads(json.dumps(dict(given), default=_fields, skipkeys=True))
    except (ValueError, RecursionError):
        return None
    return read


def _fields(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in fields(value)}
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    return repr(value) if isinstance(value, bytes) else _told(value)


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
