"""Effects: the world sees each effect of the fault-free run, and sees none of them twice.

The table in the README (what a tool may be) decides: what the person said of a tool is the severity, what the engine
had claimed is the owner. Every tool body that runs counts as an effect, whether or not it declares one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.checks.base import Case
from harness.checks.changed import changed
from harness.checks.losses import losses
from harness.checks.reruns import settle
from harness.checks.stories import told
from harness.checks.words import lines, one, times
from harness.history import Effect, History
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "effects"


def effects(case: Case) -> Verdict:
    """No effect too many, none too few, none that says something else."""
    if not case.history.executions:
        return Verdict.unknown(NAME, "no body ran, so there were no effects to judge")
    again = [told(case, rerun) for rerun in settle(case)]
    return Verdict.of(NAME, [*again, *_repeated_outside(case), *losses(case), *changed(case)])


def _repeated_outside(case: Case) -> Iterator[Finding]:
    """Effects declared outside every step, by the agent's or workflow's own code, that no key makes harmless."""
    usual = Counter(effect.name for effect in _outside(case.baseline.history))
    seen = Counter(effect.name for effect in _outside(case.history))
    for name, count in seen.items():
        events = [effect for effect in _outside(case.history) if effect.name == name]
        keys = {effect.key for effect in events}
        if count <= usual[name] or (None not in keys and len(keys) <= usual[name]):
            continue
        engine = case.contract.engine if case.contract.records else "a durable engine"
        yield Finding(
            check=NAME,
            rule="effect-repeated",
            step=None,
            severity=Severity.ERROR,
            owner=Owner.CONFIGURATION,
            message=f"the effect `{name}` happened {times(count)}, and without faults {times(usual[name])}: it is"
            " outside every step, so nothing keeps it",
            remedy=f"move `{name}` into {one(case.contract.unit)} of {engine}, or give it an idempotency key",
            incarnation=events[-1].incarnation,
            events=lines(*events),
        )


def _outside(history: History) -> list[Effect]:
    return [effect for effect in history.of(Effect) if effect.step is None]
