"""Effects that the fault-free run has and this one lacks: an order never charged is as wrong as one charged twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.checks.base import Case, during, family, message_parts, place
from harness.checks.unrun import never_ran
from harness.checks.words import lines, titled
from harness.history import Effect, Execution, History, StepEntered, spelled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity

NAME = "effects"


def losses(case: Case) -> Iterator[Finding]:
    """Tools that ran without faults and not here, calls that nobody ran, declared effects that are missing.

    Only a run that completed can have lost something; one that failed is the business of `completion`.
    """
    if not case.completed:
        return
    lost = [step for step in _tools(case.baseline.history) if step not in _tools(case.history)]
    yield from (_lost(case, step) for step in lost)
    yield from never_ran(case, lost)
    yield from _effects_missing(case, lost)


def _tools(history: History) -> dict[str, Execution]:
    """Tool calls whose body finished, re-issues counting as the call itself."""
    found: dict[str, Execution] = {}
    for step, runs in history.by_step.items():
        done = next((run for run in runs if run.finished), None)
        if done is not None and StepId.parse(step).kind == "tool":
            found.setdefault(family(step), done)
    return found


def _lost(case: Case, step: str) -> Finding:
    """The finding for a call that finished without faults and not here; a warning where a planned fault explains it."""
    struck = next((fault for fired, fault in case.injected if family(fired.step) == step), None)
    started = [run for run in case.history.executions if family(place(run)) == step]
    owner = Owner.ENGINE if case.is_recorded(step) or case.contract.claims("tool") else Owner.INTEGRATION
    finding = _finding(
        "lost",
        step,
        owner,
        f"{titled(step)} happened without faults and not in this run, which says that it succeeded:"
        f" {_unfinished(case, started)}",
        f"find out what {case.contract.engine} took for the result of `{step}`",
        lines(*(run.entered for run in started), *case.history.outcomes.values()),
    )
    if struck is None:
        return finding
    return Finding(
        check=NAME,
        rule="not-done",
        step=step,
        severity=Severity.WARNING,
        owner=Owner.CONFIGURATION,
        message=f"{titled(step)} was not done in this run: {struck} kept it from happening, and the run went on",
        remedy=f"retry `{step}`, or let the agent fail when it cannot be done",
        events=finding.events,
    )


def _unfinished(case: Case, started: list[Execution]) -> str:
    """What became of a call that never finished: its last body raised, say, and the agent was told something else."""
    if not started:
        return "its body was never entered"
    entered, left = started[-1].entered, started[-1].left
    if left is None:
        return "its body was entered and never finished"
    raised = f"its body raised {(left.error or '').partition(':')[0]}, and"
    call = entered.call if isinstance(entered, StepEntered) else None
    said = message_parts(case.history.outcomes.get(entered.invocation))
    told = {part.get("part_kind") for part in said if call and part.get("tool_call_id") == call}
    if "tool-return" in told and "retry-prompt" not in told:
        return f"{raised} the messages have a `tool-return` for it"
    return f"{raised} it did not run again"


def _effects_missing(case: Case, known: list[str]) -> Iterator[Finding]:
    """Declared effects: fewer of a name at a step than without faults."""
    usual, seen = _declared(case.baseline.history), _declared(case.history)
    for (step, name), count in usual.items():
        if seen[step, name] >= count or step in known or any(family(fired.step) == step for fired, _f in case.injected):
            continue
        owner, why, remedy = _who_dropped(case, step, name)
        yield _finding(
            "effect-missing",
            step or None,
            owner,
            f"the effect `{name}` happened {seen[step, name]} of {count} times in a run that says it succeeded{why}",
            remedy,
            lines(*case.history.outcomes.values()),
        )


def _who_dropped(case: Case, step: str, name: str) -> tuple[Owner, str, str]:
    """Owner, reason and remedy: work that a body left behind, a body that did less this time, or a body left out."""
    if step and _is_left_behind(case, step, name):
        why = f": it is work that {titled(step)} leaves behind when it returns, which no engine waits for"
        return Owner.TOOL, why, f"let {titled(step)} wait for that work before it returns"
    if not step:
        why = ": it is outside every step (in a thread or task that no step waits for, or around the agent)"
        return (
            Owner.CONFIGURATION,
            f"{why}, so nothing keeps it",
            f"do `{name}` in a tool, and let the tool wait for it",
        )
    if any(family(place(run)) == step and run.finished for run in case.history.executions):
        why = f": the body of {titled(step)} came to its end without it this time"
        return Owner.TOOL, why, f"find out what {titled(step)} remembers of earlier calls, and where"
    return Owner.ENGINE, "", f"find out what {case.contract.engine} took for the work that declares `{name}`"


def _is_left_behind(case: Case, step: str, name: str) -> bool:
    """Whether, without faults, the effect comes when its body has returned: the body did not wait for it."""
    history = case.baseline.history
    bodies = [run for run in history.executions if family(place(run)) == step]
    declared = [event for event in history.of(Effect) if event.step and event.name == name]
    mine = [event for event in declared if family(spelled(event.step or "", event.invocation)) == step]
    return any(not any(during(run, event.seq, event.pid, event.invocation) for run in bodies) for event in mine)


def _declared(history: History) -> Counter[tuple[str, str]]:
    effects = history.of(Effect)
    return Counter(
        (family(spelled(effect.step, effect.invocation)) if effect.step else "", effect.name) for effect in effects
    )


def _finding(rule: str, step: str | None, owner: Owner, message: str, remedy: str, events: tuple[int, ...]) -> Finding:
    return Finding(
        check=NAME,
        rule=rule,
        step=step,
        severity=Severity.ERROR,
        owner=owner,
        message=message,
        remedy=remedy,
        events=events,
    )
