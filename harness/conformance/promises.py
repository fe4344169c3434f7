"""What an engine says before and after a run: problems, contract, keys, records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.conformance import facts
from harness.conformance.agents import STEPS
from harness.conformance.lab import STRANGER, Lab, Tried
from harness.conformance.values import DoesNotApply
from harness.engines.base import RUN
from harness.engines.usable import mistakes
from harness.errors import EngineUnavailable, HarnessError
from harness.history import CommitEntered, EngineRecord, StepEntered, UnitEntered

NO_OPTION = "no_such_option"
ERROR = "error(UserError: the till is closed)@{}"


def problems(lab: Lab) -> Iterator[str]:
    """`problems()`, and `mistakes()` if there is one, answer with sentences, none where the engine can be used."""
    for options in (lab.options, {**lab.options, NO_OPTION: 1}):
        for asked, answer in (("problems", lab.engine.problems(options)), ("mistakes", mistakes(lab.engine, options))):
            for said in answer:
                if len(str(said).split()) <= 2:
                    yield f"`{asked}({options})` says {said!r}, which is no sentence"


def runs(lab: Lab) -> Iterator[str]:
    """A plain agent runs to its end as often as it is asked to, each step once; its caller is told all of it."""
    for which, tried in (("first", lab.tried()), ("second", lab.tried(again=True))):
        yield from facts.ended_well(tried.history)
        counts = facts.counts(tried.history)
        for step in dict.fromkeys([*STEPS, *counts]):
            if counts.get(step, 0) != (right := STEPS.count(step)):
                yield f"`{step}` ran {counts.get(step, 0)} times in the {which} run, and {right} would be right"
        yield from _untold(tried)


def _untold(tried: Tried) -> Iterator[str]:
    outcome = tried.history.outcomes.get(1)
    if outcome is not None and outcome.status == "ok":
        told = {"output": outcome.output, "messages": outcome.messages, "usage": outcome.usage}
        yield from (f"the run ended, and its caller was told no {name}" for name, value in told.items() if not value)


def contract(lab: Lab) -> Iterator[str]:
    """Of a plain agent's steps (model, tool, run), those that the contract claims pass a commit seam, and no others."""
    claims, history = lab.contract, lab.plain
    for step in history.steps:
        what, recorded = facts.kind(step), step in lab.baseline.recorded
        if claims.claims(what) and not recorded:
            yield f"the contract claims to record {what!r}, and `{step}` passed no commit seam"
        if recorded and not claims.claims(what):
            yield f"the contract does not claim to record {what!r}, and `{step}` passed a commit seam"


def keys(lab: Lab) -> Iterator[str]:
    """Every recorded step has a key of its own, and its commit has the same one."""
    history = lab.plain
    owners: dict[str, str] = {}
    for event in history.of(StepEntered):
        owner = owners.setdefault(event.unit, event.step) if event.unit else event.step
        if owner != event.step:
            yield f"`{owner}` and `{event.step}` have the same key {event.unit!r}"
    known = {*owners, *(event.unit for event in history.of(UnitEntered))}
    for commit in history.of(CommitEntered):
        if commit.unit not in known:
            yield f"the commit of `{commit.step}` has the key {commit.unit!r}, with which no body was entered"
    for execution in facts.bodies(history):
        commit_entered = execution.commit_entered
        if commit_entered is not None and commit_entered.unit != execution.entered.unit:
            yield f"`{execution.step}` was entered as {execution.entered.unit!r}, committed as {commit_entered.unit!r}"


def seams(lab: Lab) -> Iterator[str]:
    """Each body comes before its commit, and each commit is entered and left once."""
    history = lab.plain
    for unit, count in Counter(commit.unit for commit in history.of(CommitEntered)).items():
        if count > 1:
            yield f"the commit of {unit!r} was entered {count} times in a run without faults"
    for execution in facts.bodies(history):
        commit, left = execution.commit_entered, execution.left
        if commit is not None and (left is None or commit.seq < left.seq):
            yield f"the commit of `{execution.step}` was entered before its body had returned"
        if commit is not None and execution.commit_left is None:
            yield f"the commit of `{execution.step}` was entered and never left"


def records(lab: Lab) -> Iterator[str]:
    """`observe()` has a record, under the same key, for every step that passed its commit seam, and for the run."""
    history = lab.plain
    held = {record.unit for record in history.of(EngineRecord) if record.status == "recorded"}
    for execution in facts.bodies(history):
        if execution.recorded and execution.entered.unit not in held:
            yield f"`{execution.step}` was recorded as {execution.entered.unit!r}, and `observe()` has no such record"
    if lab.contract.claims("run") and not any(record.unit == RUN for record in history.of(EngineRecord)):
        yield f"the contract claims to record the run, and `observe()` has no record {RUN!r}"


def fingerprint(lab: Lab) -> Iterator[str]:
    """The fingerprint of two equal runs is equal, and one more recorded step changes it."""
    targets = facts.recorded(lab)
    first = lab.fingerprint(lab.tried())
    if first is None:
        raise DoesNotApply("the engine makes no fingerprints, so no two crash points are ever taken for one")
    if first != lab.fingerprint(lab.tried(again=True)):
        yield "two equal runs have two fingerprints"
    early, late = (lab.crashed(f"crash@{step}/after", incarnations=1) for step in (targets[0], targets[-1]))
    if lab.fingerprint(early) == lab.fingerprint(late):
        yield f"a run that died after `{targets[0]}` has the fingerprint of one that died after `{targets[-1]}`"


def refusal(lab: Lab) -> Iterator[str]:
    """A subject that was made for another engine is refused in words when it is bound, or runs all the same."""
    try:
        bench = lab.open(STRANGER)
    except EngineUnavailable:
        raise
    except HarnessError as error:
        yield f"`bind` raises, in place of an answer, for an agent of another engine: {error}"
        return
    if bench.refused:
        if len(bench.refused.split()) <= 2:
            yield f"it refuses an agent of another engine with {bench.refused!r}, which is no sentence"
        return
    yield from facts.ended_well(lab.tried_on(bench).history)


def errors(lab: Lab) -> Iterator[str]:
    """An error that no retry can mend reaches the caller of the run, in its own words."""
    history = lab.crashed(ERROR.format(next(step for step in lab.plain.steps if facts.kind(step) == "tool"))).history
    outcome = history.outcomes.get(1)
    if outcome is None:
        yield "a tool raised an error, and the run has no outcome"
    elif outcome.status == "ok":
        yield "a tool raised an error, and the run ended as if nothing had happened"
    elif "the till is closed" not in (outcome.error or ""):
        yield f"a tool raised 'the till is closed', and its caller was told {outcome.error!r}"
