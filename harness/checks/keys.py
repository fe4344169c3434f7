"""Idempotency keys: which one a call carried, and whether two attempts of a call carried the same."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks.base import Case
from harness.history import Execution, StepEntered


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


def same_key(one: Keys, other: Keys) -> bool | None:
    """Whether two attempts carried the same keys; None if a key is missing.

    An attempt may have died before its effect. Where only one of two declared any, there was only one to repeat.
    """
    if one.from_policy or other.from_policy:
        return None if not (one.said and other.said) else one.keys == other.keys
    if not one.keys or not other.keys:
        return True if one.keys or other.keys else None
    pairs = list(zip(one.keys, other.keys, strict=False))
    if any(None in pair for pair in pairs):
        return None
    return all(left == right for left, right in pairs)
