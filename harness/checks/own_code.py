"""The agent's own code as the cause: a function that says something else in the next life, asked the very same.

Instructions, functions that choose tools and history processors run again in every life. One that reads what died with
the process, or fails without it, sends the conversation another way. What other checks find then (messages, usage,
calls that never ran) are its consequences, and no engine can help them: they are told once, against that function.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from harness.checks.base import Case
from harness.checks.baseline import answers
from harness.history import Called
from harness.verdict import Finding, Owner, Verdict

RULE = "own-code-differs"
_TELLING = ("completion", "conversation")
"""The checks whose sentences say what became of the run; what the others say is about the engine."""
_CONSEQUENCES = frozenset(
    {
        "account-differs",
        "arguments-differ",
        "asked-never-ran",
        "effect-missing",
        "failed",
        "lost",
        "messages-added",
        "messages-differ",
        "messages-missing",
        "never-ran",
        "new-step",
        "output-differs",
    }
)


def blamed_on_own_code(case: Case, verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts with what follows from such a function told once and against it; all have failed all the same."""
    verdicts = list(verdicts)
    found = said_otherwise(case)
    consequences = [each for verdict in verdicts for each in verdict.findings if found and follows(each, _CONSEQUENCES)]
    if not (found and consequences):
        return verdicts
    first = min(consequences, key=lambda finding: finding.check not in _TELLING)
    return [retold(verdict, consequences, RULE, (first, _against(first, found))) for verdict in verdicts]


def said_otherwise(case: Case) -> Called | None:
    """The first call after a crash that was answered otherwise than without faults, for the same conversation."""
    usual, volatile = answers(case.baseline.history), case.baseline.volatile
    for path, call in answers(case.history).items():
        other = usual.get(path)
        if other is None or call.incarnation < 2 or volatile & {f"{path}.given", f"{path}.said"}:
            continue
        if call.given is not None and call.given == other.given and call.said != other.said:
            return call
    return None


def follows(finding: Finding, rules: Collection[str]) -> bool:
    """Whether a finding is one of these, and held against the engine or what integrates it."""
    return finding.rule in rules and finding.blames_others


def retold(
    verdict: Verdict, consequences: Sequence[Finding], rule: str, instead: tuple[Finding, Finding] | None = None
) -> Verdict:
    """A verdict without the consequences of what `rule` tells; `instead` is one of them, and what takes its place."""
    first, told = instead or (None, None)
    left = tuple(
        told if told and found is first else found
        for found in verdict.findings
        if found is first or found not in consequences
    )
    dropped = len(left) < len(verdict.findings)
    return replace(verdict, findings=left, reason=f"it follows from what `{rule}` tells" if dropped else verdict.reason)


def _against(finding: Finding, call: Called) -> Finding:
    name = f"`{call.name}` ({call.role})"
    how = f"raised {call.said}" if call.raised else "answered otherwise than without faults"
    why = f"in life {call.incarnation} {name} {how}, for the same conversation"
    return replace(
        finding,
        rule=RULE,
        owner=Owner.CONFIGURATION,
        message=f"{finding.message}: {why}",
        remedy=f"let `{call.name}` answer the same in every life: from the conversation or a store, not from deps or"
        " variables that die with the process",
        events=(*finding.events, call.seq),
    )
