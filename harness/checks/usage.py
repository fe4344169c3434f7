"""Usage: the run's own account of requests and tokens is the fault-free one, and nothing was bought twice in silence.

Limits are enforced on that account. A request that had to be made again is in the provider's account all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.checks.base import INCOMPLETE, Case, place
from harness.checks.ledger import tokens_in, tokens_of
from harness.checks.repeats import Before, repeats
from harness.checks.resume import blame
from harness.checks.words import evidence, lines, plural, times, titled
from harness.history import Execution, located, spelled
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "usage"


def usage(case: Case) -> Verdict:
    """Judge the accounts of a run that completed, and count what it bought again."""
    bought = list(_bought_again(case))
    if not case.completed:
        return Verdict.unknown(NAME, f"{INCOMPLETE}, so its account cannot be compared", bought)
    accounts = [finding for invocation in case.baseline.history.outcomes for finding in _account(case, invocation)]
    return Verdict.of(NAME, [*accounts, *bought])


def _account(case: Case, invocation: int) -> Iterator[Finding]:
    """The usage that the caller is told. After an error that the agent saw, more requests are right."""
    differences = list(case.differences(f"outcome#{invocation}.usage"))
    if not differences:
        return
    told = "; ".join(str(found).removeprefix(f"outcome#{invocation}.") for found in differences[:3])
    engine, because = case.contract.engine, ""
    severity, owner = Severity.ERROR, Owner.INTEGRATION
    remedy = f"carry the usage of replayed results over a restart of {engine}: limits count on it"
    if seen := next((fault for _fired, fault in case.injected), None):
        severity, owner, because = Severity.NOTE, Owner.CONFIGURATION, f" (the agent saw {seen}, which may explain it)"
        remedy = "see that the limits of the agent leave room for such a failure"
    elif inner := _not_added(case, invocation):
        severity, owner = Severity.WARNING, Owner.TOOL
        because = f" (what was asked inside {inner} is not in it, for its result was replayed)"
        remedy = (
            f"give the agent inside {inner} an account of its own, without `usage=ctx.usage`, and limits of its own:"
            " what a body adds to the caller's account is no part of its result, and no engine adds it again"
        )
    elif _other_conversation(case, invocation):
        severity, owner, because = Severity.NOTE, Owner.ENGINE, ", for it is another conversation"
        remedy = f"find out first why the messages differ under {engine}; the account follows them"
    yield Finding(
        check=NAME,
        rule="account-differs",
        step=spelled("run", invocation),
        severity=severity,
        owner=owner,
        message=f"the run accounts for other usage than without faults: {told}{because}",
        remedy=remedy,
        incarnation=case.history.incarnations or None,
        events=lines(case.history.outcomes[invocation]),
    )


def _not_added(case: Case, invocation: int) -> str:
    """The tools whose own requests are what the account lacks, to the token: the last life did not run their bodies."""
    usual, ended = case.baseline.history, case.history.outcomes[invocation]
    made = {place(run) for run in case.history.executions if run.incarnation == ended.incarnation}
    inside = [run for run in usual.executions if run.entered.invocation == invocation and _is_in_tool(run)]
    missing = [run for run in inside if place(run) not in made]
    lacking = tokens_in(usual.outcomes[invocation].usage) - tokens_in(ended.usage)
    tools = dict.fromkeys(run.step.rpartition(".")[0] for run in missing)
    return " and ".join(map(titled, tools)) if lacking == sum(map(tokens_of, missing)) else ""


def _is_in_tool(run: Execution) -> bool:
    *around, last = StepId.parse(run.step).path
    return last.kind == "model" and any(segment.kind == "tool" for segment in around)


def _other_conversation(case: Case, invocation: int) -> bool:
    """Whether something else was said, which `conversation` tells; messages have accounts of their own, too."""
    messages = f"outcome#{invocation}.messages"
    return any(".usage" not in found.path for found in case.differences(messages))


def _bought_again(case: Case) -> Iterator[Finding]:
    """Model requests whose answer had been there and was not kept. One in flight is the price of a crash."""
    found = repeats(case, "model")
    again = [pair for pairs in found.values() for pair in pairs if pair.before in (Before.FINISHED, Before.RECORDED)]
    if not again:
        return
    forgotten = [pair for pair in again if pair.before is Before.FINISHED and _is_claimed(case, pair.step)]
    lost = next((pair for pair in again if pair.before is Before.RECORDED), None)
    if lost is not None and not forgotten:  # it was kept, and not found again: as `resume` says of it
        owner, _why, remedy = blame(case, lost)
    else:
        owner, remedy = Owner.CONFIGURATION, _to_be_kept(case, (forgotten or again)[0].step)
    steps = ", ".join(dict.fromkeys(pair.step for pair in again))
    paid = sum(tokens_of(run) for run in case.history.executions)
    yield Finding(
        check=NAME,
        rule="bought-again",
        step=again[0].step,
        severity=Severity.ERROR if forgotten else Severity.NOTE,
        owner=owner,
        message=f"answers that had arrived were asked for again {times(len(again))} ({steps}):"
        f" {sum(tokens_of(pair.later) for pair in again)} tokens of {paid} were bought again"
        + (f"; {case.contract.engine} can keep them, and was not told to" if forgotten else ""),
        remedy=remedy,
        incarnation=again[-1].later.incarnation,
        events=evidence(*(run for pair in again for run in (pair.earlier, pair.later))),
    )


def _is_claimed(case: Case, step: str) -> bool:
    """Whether the engine promises to keep such an answer. One that is asked for inside a tool is the tool's own."""
    around = StepId.parse(located(step)[1]).path[:-1]
    return case.contract.claims("model") and all(segment.kind in ("run", "step") for segment in around)


def _to_be_kept(case: Case, step: str) -> str:
    """A request inside a tool is kept with the agent that makes it, or with the tool."""
    outer = step.rpartition(".")[0]
    if outer and StepId.parse(outer).kind == "tool":
        return f"make the agent inside {titled(outer)} durable, or have {titled(outer)} itself recorded"
    if case.contract.claims("model") and case.contract.remedy_for_models:
        return case.contract.remedy_for_models
    if case.contract.claims("model") and case.contract.remedy:
        return re.sub(r"\bit\b", "every model request", case.contract.remedy, count=1)
    return f"have model requests recorded as {plural(case.contract.unit)} of a durable engine"
