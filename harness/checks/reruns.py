"""Repeats of effects, weighed: which of them matter, and how much, once nested bodies are seen together.

A tool that calls an agent, or units of the engine, is a body with bodies in it. When it runs again, the repeats inside
are either its consequence (then it is reported once, with them listed) or the true effects (then it is only a note).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.checks.base import Case, during, place
from harness.checks.keys import Keys, keys_of, same_key
from harness.checks.repeats import Repeat, inner, repeats
from harness.contract import May, severity_of_repeat
from harness.steps import StepId
from harness.verdict import Severity

_RANK = {None: 0, Severity.NOTE: 1, Severity.WARNING: 2, Severity.ERROR: 3}


@dataclass(frozen=True)
class Rerun:
    """A body that ran again, and how bad that is. `inside` are the steps within it that ran again as well.

    `may` is what was said, with keys on every effect counting as `keyed`. `keys` are those of the two attempts.
    """

    pair: Repeat
    severity: Severity | None
    may: May
    keys: tuple[Keys, Keys]
    inside: tuple[str, ...] = ()
    only_outside: bool = False
    """Everything inside it was replayed: only its own lines ran again."""

    @property
    def step(self) -> str:
        return self.pair.step


def settle(case: Case) -> list[Rerun]:
    """Every repeat worth telling, outer bodies first."""
    found = {step: weighed for step, pairs in repeats(case, "tool", "step").items() if (weighed := _worst(case, pairs))}
    outer_first = sorted(found.values(), key=lambda rerun: len(StepId.parse(rerun.step).path))
    settled: dict[str, Rerun] = {}
    for rerun in outer_first:
        if rerun.may == "unsaid" and _explained(rerun, settled):
            continue
        settled[rerun.step] = _with_inside(case, rerun, found)
    return [rerun for rerun in settled.values() if rerun.severity is not None]


def _worst(case: Case, pairs: tuple[Repeat, ...]) -> Rerun | None:
    weighed = [_weighed(case, pair) for pair in pairs if _is_effect(case, pair)]
    return max(weighed, key=lambda rerun: _RANK[rerun.severity], default=None)


def _is_effect(case: Case, pair: Repeat) -> bool:
    """Tools always. A unit that is nobody's tool may be the engine's own bookkeeping, unless somebody spoke of it."""
    step = StepId.parse(pair.step)
    if step.kind == "tool" or any(segment.kind == "tool" for segment in step.path):
        return True
    return case.policy(pair.later).may != "unsaid" or bool(case.effects(pair.earlier))


def _weighed(case: Case, pair: Repeat) -> Rerun:
    """The table, for one pair of bodies."""
    policy = case.policy(pair.later)
    keys = keys_of(case, pair.earlier), keys_of(case, pair.later)
    declared = not any(found.from_policy for found in keys) and all(found.said for found in keys)
    policy = policy.model_copy(update={"may": "keyed"}) if policy.may == "unsaid" and declared else policy
    severity = severity_of_repeat(policy, finished=pair.before.certain, same_key=same_key(case, pair.step, *keys))
    if pair.is_retry and policy.may == "unsaid":
        severity = None  # a body that failed is tried again: that is what retries are for
    return Rerun(pair, severity, policy.may, keys)


def _explained(rerun: Rerun, settled: dict[str, Rerun]) -> bool:
    """Whether this repeat is only the consequence of an outer body that had finished and ran again."""
    outer = [other for step, other in settled.items() if rerun.step.startswith(step + ".")]
    return any(other.pair.before.certain and other.severity is Severity.ERROR for other in outer)


def _with_inside(case: Case, rerun: Rerun, found: dict[str, Rerun]) -> Rerun:
    """The rerun with what ran again inside it. It is only a note if the bodies inside are reported themselves."""
    earlier = list(dict.fromkeys(place(run) for run in inner(case, rerun.pair.earlier)))
    again = tuple(step for step in earlier if _ran_after(case, step, rerun.pair))
    told = [_RANK[found[step].severity] for step in again if step in found]
    rerun = replace(
        rerun, inside=again, only_outside=(bool(earlier) and not again) or _only_begins(case, rerun.pair, found)
    )
    if rerun.may != "unsaid" or rerun.severity is None:
        return rerun
    is_told = not rerun.pair.before.certain and any(rank >= _RANK[Severity.WARNING] for rank in told)
    return replace(rerun, severity=Severity.NOTE) if rerun.only_outside or is_told else rerun


def _only_begins(case: Case, pair: Repeat, found: dict[str, Rerun]) -> bool:
    """Whether a body that had finished only begins work (a workflow, a queue) that runs later, is kept, and was not
    done again.
    """
    begun = [step for step in case.baseline.steps if step.startswith(f"{pair.step}.")]
    if not pair.before.certain or not all(case.is_recorded(step) for step in begun):
        return False
    usual = case.baseline.history.by_step
    starts = [run.entered for step in begun for run in usual[step]]
    waits = any(during(run, at.seq, at.pid, at.invocation) for run in usual.get(pair.step, ()) for at in starts)
    again = any(step in found and found[step].pair.before.certain for step in begun)
    return bool(begun) and not waits and not again


def _ran_after(case: Case, step: str, pair: Repeat) -> bool:
    since = pair.later.entered.seq
    return any(run.entered.seq > since for run in case.history.by_step.get(step, ()))
