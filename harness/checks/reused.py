"""Calls of a person's own function that the engine answered with what another call had returned: they never ran.

Whose key it is, the person is to decide, and so is what it leaves out. Where the engine finds the very same call again,
or another one with the same arguments, that is what a cache is for. With others it may be a mistake or meant (a time, a
trace id), and nobody sees which, so it is a warning; unless the body that did run has done something to the world. That
was not done for these arguments, as a tool that the model asked for and that never ran: an error. The person may say
what makes two calls one: by `keyed:ARGUMENT`, or by an argument that is the key of what the body does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.checks.base import Case, during
from harness.checks.values import shown
from harness.checks.words import evidence, lines, titled, tool_of
from harness.history import Effect, Execution, History, Sent, UnitAsked, spelled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity

NAME = "cache"
Arguments = dict[str, Any]


def reused(case: Case) -> Iterator[Finding]:
    """A finding for each such call, told once. What became of a tool call, `unrun` tells."""
    told: set[str] = set()
    for event in case.history.of(UnitAsked):
        call, giver = _call(event), _giver(case.history, event)
        if giver is None or call in told or StepId.parse(event.step or "run").kind != "step":
            continue
        body = _body(case, giver, event)
        severity = None if body is None else _severity(case, body, giver.arguments or {}, event.arguments or {})
        if body is not None and severity is not None:
            told.add(call)
            yield _finding(case, severity, body, giver, event)


def rightly_reused(history: History) -> set[str]:
    """The calls of a person's own functions that were given what an equal one had returned, as a cache should do."""
    return {_call(event) for event in history.of(UnitAsked) if event.found and _equals(_ran(history, event), event)}


def _call(event: UnitAsked) -> str:
    return spelled(event.step or "", event.invocation)


def _giver(history: History, event: UnitAsked) -> UnitAsked | None:
    """The call whose answer this one was given; None if it ran itself, was one of the same, or nobody can tell.

    In a later life the very same call may come with another time, say, and is right to find what it had returned.
    """
    ran = _ran(history, event)
    if not event.found or not ran or _equals(ran, event) or any(_call(one) == _call(event) for one in ran):
        return None
    return ran[-1]


def _ran(history: History, event: UnitAsked) -> list[UnitAsked]:
    """The calls for which a body has begun under the same key before; none if their arguments are not to be seen."""
    asked = [one for one in history.of(UnitAsked) if one.unit == event.unit and one.seq < event.seq and not one.found]
    return [one for one in asked if None not in (one.arguments, event.arguments)]


def _equals(ran: list[UnitAsked], event: UnitAsked) -> bool:
    return any(one.arguments == event.arguments for one in ran)


def _body(case: Case, giver: UnitAsked, event: UnitAsked) -> Execution | None:
    """The body that ran for that call, or for another attempt at it."""
    bodies = [run for run in case.history.executions if run.entered.unit == event.unit and run.finished]
    return next((run for run in bodies if giver.seq < run.entered.seq < event.seq), None)


def _severity(case: Case, body: Execution, one: Arguments, other: Arguments) -> Severity | None:
    """How bad it is that the one was taken for the other; None if that is what the person said."""
    policy, effects = case.policy(body), _done(case, body)
    if policy.key is not None:
        keys = [policy.key_of(arguments, None) for arguments in (one, other)]
        return None if keys[0] is not None and keys[0] == keys[1] else Severity.ERROR
    if not effects or policy.may == "repeatable":
        return Severity.WARNING
    return None if all(_is_same(effect.key, one, other) for effect in effects) else Severity.ERROR


def _done(case: Case, body: Execution) -> tuple[Effect | Sent, ...]:
    """What a body did to the world; inside of a tool's body it is told of the tool."""
    around = ".".join(map(str, StepId.parse(body.step).path[:-1]))
    told: list[Effect | Sent] = [*case.history.of(Effect), *case.history.of(Sent)]
    inside = (event for event in told if around and event.step == around)
    return case.effects(body) or tuple(
        event for event in inside if during(body, event.seq, event.pid, event.invocation)
    )


def _is_same(key: str | None, one: Arguments, other: Arguments) -> bool:
    """Whether a key that the body said is an argument, and both calls have the same."""
    names = [name for name, value in one.items() if str(value) == key]
    return bool(names) and all(name in other and other[name] == one[name] for name in names)


def _finding(case: Case, severity: Severity, body: Execution, giver: UnitAsked, event: UnitAsked) -> Finding:
    one, other, engine = giver.arguments or {}, event.arguments or {}, case.contract.engine
    differing = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    fields = ", ".join(f"`{name}` ({shown(one.get(name), 30)} and {shown(other.get(name), 30)})" for name in differing)
    done = " and ".join(dict.fromkeys(f"`{effect.name}`" for effect in _done(case, body)))
    undone = f"; what it does ({done}) was not done" if severity is Severity.ERROR and done else ""
    name = tool_of(body.step)
    return Finding(
        check=NAME,
        rule="cached-never-ran",
        step=_call(event),
        severity=severity,
        owner=Owner.CONFIGURATION,
        message=f"{engine} answered {titled(_call(event))} with what it had recorded for {titled(_call(giver))},"
        f" because they have one key, though the two differ in {fields}: its body never ran{undone}",
        remedy=f"let the {case.contract.keyed_by} of `{name}` depend on {' and '.join(f'`{one}`' for one in differing)}"
        f" too, or, if that is left out on purpose, say what makes two calls one: `--tools {name}=keyed:ARGUMENT`",
        incarnation=event.incarnation,
        events=lines(*(found for found in case.history if found.seq in (giver.seq, event.seq))) + evidence(body),
    )
