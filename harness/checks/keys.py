"""Idempotency keys: which one a call carried, and whether two attempts of a call carried the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.checks.base import Case, place
from harness.checks.words import asked_alike, body_of
from harness.history import Execution, StepEntered, UnitEntered
from harness.steps import StepId
from harness.verdict import Owner


@dataclass(frozen=True)
class Keys:
    """The keys of one attempt, in order: one that the policy finds, or one per effect that the body declared.

    `names` are those of the effects.
    """

    keys: tuple[str | None, ...]
    from_policy: bool
    names: tuple[str, ...] = ()

    @property
    def said(self) -> bool:
        """Whether the attempt had an effect, and every effect of it carried a key."""
        return bool(self.keys) and all(key is not None for key in self.keys)

    def __str__(self) -> str:
        return ", ".join("none" if key is None else repr(key) for key in self.keys) or "none"


def keys_of(case: Case, run: Execution) -> Keys:
    """The idempotency keys of one attempt."""
    policy = case.policy(run)
    if policy.key is not None and isinstance(run.entered, StepEntered):
        return Keys((policy.key_of(run.entered.arguments, run.entered.call),), from_policy=True)
    effects = case.effects(run)
    return Keys(tuple(one.key for one in effects), from_policy=False, names=tuple(one.name for one in effects))


def same_key(case: Case, step: str, earlier: Keys, later: Keys) -> bool | None:
    """Whether what two attempts of a call both did carried the same keys; None if a key is missing.

    An attempt may have died before its effect, and a body may resume where an earlier one stopped: what only one of two
    attempts did was not repeated. A key that stands in another one's place has changed, unless the fault-free run shows
    that the places are two.
    """
    one, other = earlier.keys, later.keys
    if earlier.from_policy or later.from_policy:
        return one == other if earlier.said and later.said else None
    if not one or not other:
        return True if one or other else None
    if _is_part(one, other) or _is_part(other, one) or _goes_on(one, other):
        return True
    return None if None in one + other else _takes_over(case, step, earlier, later)


def steadied(case: Case, earlier: Execution, later: Execution) -> tuple[Owner, str]:
    """Whose a key is that changed, and the remedy: that of the body, or of the workflow that calls it with another."""
    one, other = earlier.entered, later.entered
    is_own = StepId.parse(later.step).kind == "step"  # it is the person's own code that calls it
    if is_own and isinstance(one, UnitEntered) and isinstance(other, UnitEntered) and one.given != other.given:
        return Owner.CONFIGURATION, asked_alike(place(later), case.contract.unit)
    return Owner.TOOL, (
        f"derive the key of `{body_of(later)}` from the call itself (an argument or the tool call id), so that"
        " every attempt carries the same one"
    )


Several = tuple[str | None, ...]


def _is_part(part: Sequence[object], whole: Iterable[object]) -> bool:
    """Whether all of these are known and among those, in the same order."""
    rest = iter(whole)
    return all(one is not None and one in rest for one in part)


def _goes_on(earlier: Several, later: Several) -> bool:
    """Whether the later attempt begins with the last effects of the earlier one, and then does what that had not."""
    ends = (earlier[start:] for start in range(1, len(earlier)))
    return any(_is_part(end, later[: len(end)]) and not {*earlier} & {*later[len(end) :]} for end in ends)


def _takes_over(case: Case, step: str, earlier: Keys, later: Keys) -> bool:
    """Whether the later attempt does nothing but what comes behind the earlier one's effects without faults.

    Effects of one name are known to be several where one attempt there has all of them: an attempt that another one
    follows may have done the same under another key.
    """
    usual = [keys_of(case.usual, run) for run in case.usual.history.by_step.get(step, ())]
    if not {*earlier.names} & {*later.names}:
        return _is_part(earlier.names + later.names, [name for each in usual for name in each.names])
    both = [*zip(earlier.names, earlier.keys, strict=True), *zip(later.names, later.keys, strict=True)]
    return any(_is_part(both, zip(each.names, each.keys, strict=True)) for each in usual if each.names)
