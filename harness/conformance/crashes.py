"""What becomes of a run whose process dies, wherever that happens."""

from __future__ import annotations

from collections.abc import Iterator

from harness.conformance import facts
from harness.conformance.lab import TWICE, Lab, Tried
from harness.conformance.values import DoesNotApply
from harness.history import Execution
from harness.verdict import Severity

EARLY = "harness.conformance.worlds:too_early"
SURVIVES = ("completion", "conversation", "usage", "liveness")
"""The checks that say whether the caller of a recovered run was given what the caller of any run is."""
MOST = {"before": 1, "between": 2, "after": 1}
"""How often the body of the step at which the process died may run, in all."""


def before(lab: Lab) -> Iterator[str]:
    """After a crash before a step, its body runs once and nothing that was recorded runs again."""
    yield from _at(lab, "before")


def between(lab: Lab) -> Iterator[str]:
    """After a crash between a body and its commit, the body may run again and nothing that was recorded does."""
    yield from _at(lab, "between")


def after(lab: Lab) -> Iterator[str]:
    """After a crash after a commit, the recorded result is used and its body does not run again."""
    yield from _at(lab, "after")


def _at(lab: Lab, window: str) -> Iterator[str]:
    targets = facts.targets(lab)
    if not targets:
        raise DoesNotApply("the engine records no step of an agent, so it has none to find again")
    for step in targets:
        plan = f"crash@{step}/{window}"
        tried = lab.crashed(plan)
        yield from (f"{plan}: {wrong}" for wrong in _wrong(lab, tried, step, MOST[window]))


def _wrong(lab: Lab, tried: Tried, struck: str, most: int) -> Iterator[str]:
    """What is wrong with a run that died at `struck`, whose body may have run `most` times."""
    history = tried.history
    if not history.fired:
        yield "the process never came to that point"
        return
    yield from facts.ended_well(history)
    kept = facts.recorded(lab)
    for step, count in facts.counts(history).items():
        allowed = most if step == struck else 1
        if step in kept and count > allowed and not _in_flight(history.by_step[step]):
            yield f"`{step}` ran {count} times, and {allowed} would be right"
    yield from (f"`{step}` never ran" for step in facts.counts(lab.plain) if step not in history.by_step)


def _in_flight(runs: tuple[Execution, ...]) -> bool:
    """Whether no body but the last was recorded: it ran beside the one that was struck, and may run again."""
    return not any(run.recorded for run in runs[:-1]) and len(runs) == 2


def boundary(lab: Lab) -> Iterator[str]:
    """Output, messages and usage of a run that crashed are those of one that did not."""
    for step in facts.targets(lab) or list(facts.counts(lab.plain)):
        tried = lab.crashed(f"crash@{step}/after")
        yield from facts.ended_well(tried.history)
        for verdict in lab.judged(tried).verdicts:
            errors = [finding for finding in verdict.findings if finding.severity is Severity.ERROR]
            if verdict.check in SURVIVES:
                yield from (f"crash@{step}/after: {finding.message}" for finding in errors)


def acceptance(lab: Lab) -> Iterator[str]:
    """A run that the engine never heard of is started by whoever asks again: `recover` raises `NotStarted`."""
    history = lab.tried(world=EARLY).history
    if history.incarnations != 2:
        yield f"the run took {history.incarnations} lives, and two would be right"
    yield from facts.ended_well(history)
    yield from _once_each(lab, history.by_step)


def finished(lab: Lab) -> Iterator[str]:
    """A run that had ended when its process died is not run again: its recorded result is told."""
    if not lab.contract.claims("run"):
        raise DoesNotApply("the engine does not claim to record how a run ends")
    tried = lab.crashed("crash@run/after")
    history = tried.history
    if not history.fired:
        yield "the commit of the run itself was never seen, so the process did not die after it"
        return
    yield from facts.ended_well(history)
    again = [run.step for run in facts.bodies(history) if run.incarnation > 1]
    yield from (f"`{step}` ran after the run had ended" for step in again)
    if (outcome := history.outcomes.get(1)) and outcome.output != lab.plain.outcomes[1].output:
        yield f"the caller who came back was told {outcome.output!r} in place of {lab.plain.outcomes[1].output!r}"


def twice(lab: Lab) -> Iterator[str]:
    """A crash during the recovery from a crash is survived like the first."""
    steps = facts.recorded(lab) or list(facts.counts(lab.plain))
    first, last = steps[0], steps[-1]
    history = lab.crashed(f"crash@{first}/after; crash@{last}/before~2").history
    yield from facts.ended_well(history)
    if len(history.fired) < 2:
        yield f"the second life never came to `{last}`"
    for step in facts.recorded(lab):
        if (count := facts.counts(history).get(step, 0)) != 1:
            yield f"`{step}` ran {count} times, and 1 would be right"


def invocations(lab: Lab) -> Iterator[str]:
    """Two invocations share a store and nothing else: each runs its own steps, and a crash in one spares the other."""
    kept = facts.recorded(lab)
    struck = f"run#2.{kept[0] if kept else 'model#1'}"
    for plan in ("", f"crash@{struck}/after"):
        history = lab.tried(plan, invocations=TWICE).history
        yield from facts.ended_well(history, invocations=2)
        for step in facts.counts(lab.plain):
            for place in (step, f"run#2.{step}"):
                count = facts.counts(history).get(place, 0)
                if count == 0 or (count > 1 and step in kept):
                    yield f"`{place}` ran {count} times, and 1 would be right{f' ({plan})' if plan else ''}"


def isolation(lab: Lab) -> Iterator[str]:
    """Two runs at the same time have stores of their own: each runs its own steps and comes to its own end."""
    step = (facts.recorded(lab) or list(facts.counts(lab.plain)))[-1]
    both = lab.together(f"crash@{step}/before", "")
    for tried in both:
        yield from facts.ended_well(tried.history)
        for place in facts.recorded(lab):
            if (count := facts.counts(tried.history).get(place, 0)) != 1:
                yield f"`{place}` ran {count} times in one of two runs, and 1 would be right"
    if both[0].store == both[1].store:
        yield "two runs were given the same store"


def _once_each(lab: Lab, ran: dict[str, tuple[Execution, ...]]) -> Iterator[str]:
    for step in facts.counts(lab.plain):
        if (count := len(ran.get(step, ()))) != 1:
            yield f"`{step}` ran {count} times, and 1 would be right"
