"""Idempotency keys: which one a call carried, and whether two attempts of a call carried the same."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.base import Case
from harness.checks.words import asked_alike, tool_of
from harness.history import Execution, StepEntered, UnitEntered
from harness.steps import StepId
from harness.verdict import Owner


@dataclass(frozen=True)
class Keys:
    """The keys of one attempt, in order: one that the policy finds, or one per effect that the body declared."""

    keys: tuple[str | None, ...]
    from_policy: bool

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
    return Keys(tuple(effect.key for effect in case.effects(run)), from_policy=False)


def same_key(earlier: Keys, later: Keys) -> bool | None:
    """Whether what two attempts of a call both did carried the same keys; None if a key is missing.

    An attempt may have died before its effect, and a body may resume where an earlier one stopped: what only one of two
    attempts did was not repeated. A key that stands in another one's place has changed.
    """
    one, other = earlier.keys, later.keys
    if earlier.from_policy or later.from_policy:
        return one == other if earlier.said and later.said else None
    if not one or not other:
        return True if one or other else None
    if _is_part(one, other) or _is_part(other, one) or _goes_on(one, other):
        return True
    return None if None in one + other else False


def steadied(case: Case, earlier: Execution, later: Execution) -> tuple[Owner, str]:
    """Whose a key is that changed, and the remedy: that of the body, or of the workflow that calls it with another."""
    one, other = earlier.entered, later.entered
    is_own = StepId.parse(later.step).kind == "step"  # it is the person's own code that calls it
    if is_own and isinstance(one, UnitEntered) and isinstance(other, UnitEntered) and one.given != other.given:
        return Owner.CONFIGURATION, asked_alike(later.step, case.contract.unit)
    return Owner.TOOL, (
        f"derive the key of `{tool_of(later.step)}` from the call itself (an argument or the tool call id), so that"
        " every attempt carries the same one"
    )


Several = tuple[str | None, ...]


def _is_part(part: Several, whole: Several) -> bool:
    """Whether all of these keys are known and among those, in the same order."""
    rest = iter(whole)
    return all(key is not None and key in rest for key in part)


def _goes_on(earlier: Several, later: Several) -> bool:
    """Whether the later attempt begins with the last effects of the earlier one, and then does what that had not."""
    ends = (earlier[start:] for start in range(1, len(earlier)))
    return any(_is_part(end, later[: len(end)]) and not {*earlier} & {*later[len(end) :]} for end in ends)
