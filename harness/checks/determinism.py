"""Determinism: what is run again takes the same steps, or its records answer the wrong questions."""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.base import Case, author, place
from harness.checks.words import evidence, life, lines
from harness.history import Event, Execution, Observation, spelled
from harness.verdict import Finding, Owner, Severity, Status, Verdict

NAME = "determinism"
REPLAY = "replay"
"""The observation in which an adapter says whether a cold process could replay the engine's history.

Its value is `{"ok": bool, "message": "the engine's own words"}`; `ok` is None, and the message the reason, where the
process that was to replay it ended before it had. `"needed": True` beside it: it was a life of the run that could not.
"""
UNDONE = "nobody knows whether the engine's history can be replayed, for the process that asks the engine failed"


def determinism(case: Case) -> Verdict:
    """No history that cannot be replayed, no record whose key meant another step in another life.

    Unknown if nothing is wrong and the replay could not be done.
    """
    verdict = Verdict.of(NAME, [*_unreplayable(case), *_reassigned(case)])
    missing = list(filter(undone, case.history.observed(REPLAY)))
    if not missing or verdict.status is Status.FAILED:
        return verdict
    return Verdict.unknown(NAME, f"{UNDONE}: {missing[0].value.get('message')}", verdict.findings)


def refused(event: Event) -> bool:
    """Whether a record says that the engine's history was replayed, and the code took other steps."""
    return isinstance(event, Observation) and event.name == REPLAY and event.value.get("ok") is False


def undone(event: Event) -> bool:
    """Whether a record says that the engine's history could not be replayed because the process did not get so far."""
    return isinstance(event, Observation) and event.name == REPLAY and event.value.get("ok") is None


def _unreplayable(case: Case) -> Iterator[Finding]:
    for observation in filter(refused, case.history.observed(REPLAY)):
        who = "a cold process cannot replay the history of this run"
        if observation.value.get("needed"):
            who = "a later life of this run could not replay its history, and came to its end at another try only"
        yield Finding(
            check=NAME,
            rule="cannot-replay",
            step=spelled("run", observation.invocation),
            severity=Severity.ERROR,
            owner=author(case.history),
            message=f"{who}: {observation.value.get('message')}",
            remedy="take what varies (time, chance, the order of a set) out of the code that is replayed",
            events=lines(observation),
        )


def _reassigned(case: Case) -> Iterator[Finding]:
    """A key of the engine that stood for one step in one life and for another one in a later life."""
    first: dict[tuple[int, str], Execution] = {}
    for run in case.history.executions:
        if run.entered.unit is None:
            continue
        earlier = first.setdefault((run.entered.invocation, run.entered.unit), run)
        if earlier.step != run.step and earlier.incarnation != run.incarnation:
            yield _reassignment(earlier, run, author(case.history))


def _reassignment(earlier: Execution, later: Execution, owner: Owner) -> Finding:
    return Finding(
        check=NAME,
        rule="key-reassigned",
        step=place(later),
        severity=Severity.ERROR if earlier.recorded else Severity.WARNING,
        owner=owner,
        message=f"the key {later.entered.unit} stood for `{place(earlier)}` in {life(earlier)} and for"
        f" `{place(later)}` in {life(later)}: the code that is replayed took its steps in another order",
        remedy="take what varies (time, chance, the order of a set) out of the code that is replayed",
        incarnation=later.incarnation,
        events=evidence(earlier, later),
    )
