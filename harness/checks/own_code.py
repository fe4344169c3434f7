"""The agent's own code as the cause: a function that says something else in the next life, asked the very same.

Instructions, functions that choose tools and history processors run again in every life. One that reads what died with
the process, or fails without it, sends the conversation another way. What other checks find then (messages, usage,
calls that never ran) are its consequences, and no engine can help them: they are told once, against that function.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    consequences = [each for verdict in verdicts for each in verdict.findings if found and _follows(each)]
    if not (found and consequences):
        return verdicts
    first = min(consequences, key=lambda finding: finding.check not in _TELLING)
    return [_with(verdict, first, _retold(first, found)) for verdict in verdicts]


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


def _follows(finding: Finding) -> bool:
    return finding.rule in _CONSEQUENCES and finding.owner in (Owner.ENGINE, Owner.INTEGRATION)


def _retold(finding: Finding, call: Called) -> Finding:
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


def _with(verdict: Verdict, first: Finding, told: Finding) -> Verdict:
    left = tuple(
        told if found is first else found for found in verdict.findings if found is first or not _follows(found)
    )
    dropped = len(left) < len(verdict.findings)
    return replace(verdict, findings=left, reason=f"it follows from what `{RULE}` tells" if dropped else verdict.reason)
