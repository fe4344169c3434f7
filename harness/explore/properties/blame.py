"""Whose failure it is when a run without any fault fails: the conversation's, or the engine's.

A conversation that the agent cannot have says nothing about faults. The judge is the same conversation under `none`: if
the agent alone gets through it, the engine has failed already. A run that never ends is nobody's rejection. What runs
under one engine only, a workflow of a person's own, is judged by where its error was raised.
"""

from __future__ import annotations

from dataclasses import replace

from harness.checks import Baseline
from harness.checks.base import Case
from harness.checks.completion import is_refusal, raised_in, withheld
from harness.contract import Contract
from harness.errors import UsageError
from harness.explore import unusable
from harness.explore.properties.benches import bench_for, played
from harness.explore.properties.offered import warn_once
from harness.faults import NO_FAULT
from harness.history import History, Outcome, RunEnded
from harness.scenario import Scenario
from harness.steps import StepId
from harness.verdict import Owner, Verdict

NONE = "none"
REJECTIONS = (
    "ContentFilterError",
    "IncompleteToolCall",
    "ModelRetry",
    "ToolRetryError",
    "UnexpectedModelBehavior",
    "UsageLimitExceeded",
)
"""What pydantic-ai raises when a model says what the agent does not take, or too much of it."""

_tied: set[str] = set()
"""Subjects that do not run without their engine."""


def held_against(why: Verdict, history: History, scenario: Scenario, contract: Contract) -> Verdict | None:
    """The verdict `why` on a fault-free run, with whose failure it is; None if the conversation alone is to blame."""
    alone = history if scenario.engine == NONE else _alone(scenario)
    case = Case(history, Baseline(history), scenario, contract)
    if alone is None:
        return why if _fails_by_place(why, case) else None
    if unusable.failed(alone, scenario, contract) is None:
        return _said(_blamed(why, case), "the agent alone, without an engine, gets through the same conversation")
    if is_stuck(history) and is_stuck(alone):
        return _said(why, "the agent alone, without an engine, hangs in the same conversation, too")
    return None


def _alone(scenario: Scenario) -> History | None:
    """The same conversation with nothing that makes it durable; None for what is bound to its engine."""
    if scenario.subject in _tied:
        return None
    bare = scenario.model_copy(update={"engine": NONE, "options": {}})
    try:
        bench = bench_for(bare)
    except UsageError:
        _tied.add(scenario.subject)
        return None
    return played(bench, bare, NO_FAULT, None)


def is_stuck(history: History) -> bool:
    """Whether a run was ended because it hung."""
    return any(event.how == "stuck" for event in history.of(RunEnded))


def _fails_by_place(why: Verdict, case: Case) -> bool:
    """Whether the engine fails, as far as that is seen without the judge. Where it is not seen, a warning says so."""
    ended = _ended(case)
    if ended is None:  # a body that raises and is tried again for ever has rejected the conversation
        return not any(finding.rule == "retries-for-ever" for finding in why.findings)
    if raised_in(case, ended) is not None or _is_rejection(ended):
        return False
    if withheld(case) is not None:
        return True
    warn_once(
        f"a conversation was left out, and whether {case.contract.engine} failed at it or {case.scenario.subject}"
        f" rejected it cannot be told: {why.findings[0].message}"
    )
    return False


def _is_rejection(ended: Outcome) -> bool:
    """Whether the agent refused what the model said. An engine may have wrapped that in an error of its own."""
    return ended.error_type in REJECTIONS or any(f"{name}: " in (ended.error or "") for name in REJECTIONS)


def _ended(case: Case) -> Outcome | None:
    return next((outcome for outcome in case.history.outcomes.values() if outcome.status == "error"), None)


def _blamed(why: Verdict, case: Case) -> Verdict:
    """The engine is blamed for an error, except where the agent can do otherwise: what it returns, or what it is."""
    ended, kept = _ended(case), withheld(case)
    if ended is None or is_refusal(ended) or (kept is not None and StepId.parse(kept.step).kind == "tool"):
        return why
    remedy = f"find out what in this conversation {case.contract.engine} cannot do"
    return replace(why, findings=tuple(replace(each, owner=Owner.ENGINE, remedy=remedy) for each in why.findings))


def _said(why: Verdict, words: str) -> Verdict:
    return replace(why, findings=tuple(replace(each, message=f"{each.message}; {words}") for each in why.findings))
