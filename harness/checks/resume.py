"""Resume: what the engine had recorded before the crash is not done again, and what it said is durable is still there.

Recorded means that the commit seam returned. Entered and not recorded is indeterminate: running it again is as right
as not running it. The run itself is exempt; running a container again is how its results are found.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.checks.base import Case, place
from harness.checks.prompts import varying_prompt
from harness.checks.repeats import Before, Repeat, answer_lost, repeats
from harness.checks.words import asked_alike, between, evidence, life, lines, plural, times, titled
from harness.history import EngineRecord, Execution, History, RunEnded
from harness.steps import KINDS, StepId
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "resume"
_JUDGED = tuple(kind for kind in KINDS if kind != "run")


def resume(case: Case) -> Verdict:
    """No recorded unit ran again, none is denied, and every step that the run went past had run."""
    if not case.history.executions:
        return Verdict.unknown(NAME, "no body ran, so there was nothing to resume")
    again = [_ran_again(case, pairs) for pairs in repeats(case, *_JUDGED).values()]
    ran = [finding for finding in again if finding is not None]
    excused = {finding.step for finding in ran}
    denied = [finding for finding in _denied(case) if finding.step not in excused]
    return Verdict.of(NAME, [*ran, *denied, *_skipped(case)])


def _ran_again(case: Case, pairs: tuple[Repeat, ...]) -> Finding | None:
    recorded = [pair for pair in pairs if pair.before is Before.RECORDED]
    if not recorded:
        return None
    pair = recorded[0]
    owner, why, remedy = blame(case, pair)
    return Finding(
        check=NAME,
        rule="recorded-ran-again",
        step=pair.step,
        severity=Severity.ERROR,
        owner=owner,
        message=f"{titled(pair.step)} ran {times(len(pair.runs))}: {case.contract.engine} had recorded it in"
        f" {life(pair.earlier)}, {between(case.history, pair.earlier.entered, pair.later.entered)}, and its body was"
        f" entered again in {life(pair.later)} ({why})",
        remedy=remedy,
        incarnation=pair.later.incarnation,
        events=evidence(pair.earlier, pair.later),
    )


def blame(case: Case, pair: Repeat) -> tuple[Owner, str, str]:
    """Who asked wrongly, why, and the remedy: a workflow of the person's own that asks for another thing in each life,
    an agent that says another, an integration that asks under another key all the same, or an engine that ignores its
    own record.
    """
    first, second = _unit(pair.earlier), _unit(pair.later)
    engine, unit = case.contract.engine, case.contract.unit
    held = {unit for _invocation, unit in _held(case.history)}
    report = f"report it to {engine} with this run folder: it ran a recorded {unit} again"
    if first == second:
        return Owner.ENGINE, f"under the same key {first}", report
    if first in held or not held:
        keys = f"recorded under the key {first}, asked for again under {second}"
        if StepId.parse(pair.step).kind == "step":  # it is the person's own code that asks for it
            return Owner.CONFIGURATION, keys, asked_alike(pair.step, unit)
        if what := varying_prompt(case):
            remedy = (
                f"make {what} of the agent the same in every life: without time, chance, the order of a set, or"
                " variables that die with the process"
            )
            return Owner.CONFIGURATION, f"{keys}; part of a key, and made anew in each life: {what}", remedy
        return (
            Owner.INTEGRATION,
            keys,
            f"make the key of the {unit} independent of what changes between two lives of the process",
        )
    return Owner.ENGINE, f"the engine no longer has the record {first}", report


_ENDED = ("recorded", "error")


def _unit(run: Execution) -> str | None:
    return run.entered.unit


def _denied(case: Case) -> Iterator[Finding]:
    """Commits that the engine's own records no longer know of. Without all of the records nothing is denied."""
    if not case.history.of(RunEnded):
        return
    held = _held(case.history)
    kept = [run for run in case.history.executions if _is_kept(case, run)]
    known = [run for run in kept if (run.entered.invocation, _unit(run)) in held]
    if not held or (kept and not known and not _comparable(case)):
        return
    for run in kept:
        if run not in known:
            yield _denial(case, run)


def _comparable(case: Case) -> bool:
    """Whether the fault-free run shows that the records use the same keys as the probes."""
    history = case.baseline.history
    held = _held(history)
    return any(run.recorded and (run.entered.invocation, _unit(run)) in held for run in history.executions)


def _held(history: History) -> set[tuple[int, str]]:
    """The units of which the engine's own records hold how they ended, by invocation. It may be by an exception, as a
    tool does that leaves its answer to somebody else.
    """
    return {(record.invocation, record.unit) for record in history.of(EngineRecord) if record.status in _ENDED}


def _is_kept(case: Case, run: Execution) -> bool:
    is_run = StepId.parse(run.step).kind == "run"
    return run.recorded and run.finished and not is_run and not answer_lost(case, run)


def _denial(case: Case, run: Execution) -> Finding:
    engine, step = case.contract.engine, place(run)
    return Finding(
        check=NAME,
        rule="commit-denied",
        step=step,
        severity=Severity.ERROR,
        owner=Owner.ENGINE,
        message=f"{engine} said in {life(run)} that the result of {titled(step)} is durable, and its records do not"
        f" have the {case.contract.unit} {_unit(run)}",
        remedy=f"report it to {engine} with this run folder: it lost what it had acknowledged",
        incarnation=run.incarnation,
        events=evidence(run),
    )


def _skipped(case: Case) -> Iterator[Finding]:
    """Recorded steps of the baseline that never ran in a run that went on past them: somebody else's result was used.

    Tools are left to the check of effects, which says it of every tool; model requests that nobody made, because the
    conversation took another way before, to that of the conversation.
    """
    if not case.completed or case.injected:
        return
    borrowed = _borrowed(case.history)
    unasked = borrowed is not None and borrowed == _borrowed(case.baseline.history)
    ran = {step for step, runs in case.history.by_step.items() if any(run.left for run in runs)}
    for step in case.baseline.steps:
        kind = StepId.parse(step).kind
        if step in ran or kind not in ("model", "tools") or "." in step or (kind == "model" and unasked):
            continue
        yield Finding(
            check=NAME,
            rule="never-ran",
            step=step,
            severity=Severity.ERROR,
            owner=Owner.ENGINE,
            message=f"`{step}` never ran, and yet the run ended: a result that is not its own was taken for it",
            remedy=f"compare the keys of the {plural(case.contract.unit)} in {case.contract.engine}: two share one",
            events=lines(*case.history.outcomes.values()),
        )


def _borrowed(history: History) -> int | None:
    """How many responses the messages of the first invocation have beyond those that a body of its own gave.

    As many as without faults, and each request that was made had its own answer. None without messages.
    """
    outcome = history.outcomes.get(1)
    if outcome is None or not outcome.messages:
        return None
    answered = [step for step, runs in history.by_step.items() if "." not in step and any(run.left for run in runs)]
    responses = [message for message in outcome.messages if message.get("kind") == "response"]
    return len(responses) - sum(StepId.parse(step).kind == "model" for step in answered)
