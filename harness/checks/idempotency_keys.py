"""Idempotency keys: one call keeps its key through every attempt, and two calls never share one.

A key that changes makes each attempt a new order; a key that two calls share makes the second one vanish.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from harness.checks.base import Case, family
from harness.checks.keys import Keys, keys_of, same_key, steadied
from harness.checks.words import between, body_of, evidence, life, lines, titled_body
from harness.history import Effect, Execution
from harness.steps import StepId
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "idempotency_keys"
KEY_CHANGED = "key-changed"
Carried = dict[tuple[str, str], list[tuple[str, Execution]]]


def idempotency_keys(case: Case) -> Verdict:
    """Judge the keys that were seen. A call without a key is the business of `effects`."""
    return Verdict.of(NAME, [*_changed(case), *_shared(case), *_shared_outside(case)])


def _changed(case: Case) -> Iterator[Finding]:
    for step, runs in case.history.by_step.items():
        keyed = [(run, keys_of(case, run)) for run in runs]
        keyed = [(run, keys) for run, keys in keyed if keys.said and case.policy(run).may != "repeatable"]
        for (earlier, one), (later, other) in pairwise(keyed):
            if same_key(case, step, one, other) is False:
                yield _change(case, step, (earlier, one), (later, other))
                break


def _change(case: Case, step: str, first: tuple[Execution, Keys], second: tuple[Execution, Keys]) -> Finding:
    (earlier, one), (later, other) = first, second
    owner, remedy = steadied(case, earlier, later)
    return Finding(
        check=NAME,
        rule=KEY_CHANGED,
        step=step,
        severity=Severity.ERROR,
        owner=owner,
        message=f"the idempotency key of {titled_body(later)} changed: {one} in {life(earlier)}, {other} in"
        f" {life(later)} ({between(case.history, earlier.entered, later.entered)})",
        remedy=remedy,
        incarnation=later.incarnation,
        events=evidence(earlier, later),
    )


def _shared(case: Case) -> Iterator[Finding]:
    for (name, key), calls in _by_key(case).items():
        first = calls[0]
        other = next((call for call in calls[1:] if _are_two_calls(first, call)), None)
        if other is not None:
            yield _sharing(name, key, first, other)


def _by_key(case: Case) -> Carried:
    """Who carried which key: the first body of each call, by the name of the tool or of the effect, and the key."""
    carried: Carried = defaultdict(list)
    for step, runs in case.history.by_step.items():
        for name, key in _names(case, runs):
            if all(family(step) != family(known) for known, _run in carried[name, key]):
                carried[name, key].append((step, runs[0]))
    return carried


def _names(case: Case, runs: tuple[Execution, ...]) -> Iterator[tuple[str, str]]:
    found = dict.fromkeys(
        (name, key)
        for run in runs
        for name, key in (
            [(StepId.parse(run.step).name or run.step, keys_of(case, run).keys[0])]
            if keys_of(case, run).from_policy
            else [(effect.name, effect.key) for effect in case.effects(run)]
        )
    )
    yield from ((name, key) for name, key in found if key is not None)


def _are_two_calls(first: tuple[str, Execution], other: tuple[str, Execution]) -> bool:
    """Two invocations that ask for the very same thing may mean the same; two calls of one conversation may not."""
    one, two = first[1], other[1]
    return one.entered.invocation == two.entered.invocation or one.arguments != two.arguments


def _sharing(name: str, key: str, first: tuple[str, Execution], other: tuple[str, Execution]) -> Finding:
    one, two = first[1].arguments, other[1].arguments
    same = " with the same arguments" if one is not None and one == two else ""  # those of a unit are not seen
    tools = {body_of(first[1]), body_of(other[1])}
    name = tools.pop() if len(tools) == 1 else name  # a person knows the tool better than what it sends
    return Finding(
        check=NAME,
        rule="key-shared",
        step=other[0],
        severity=Severity.ERROR,
        owner=Owner.TOOL,
        message=f"two different calls of `{name}`{same}, `{first[0]}` and `{other[0]}`, carry the same idempotency key"
        f" {key!r}: the second one will be taken for a repeat of the first",
        remedy=f"put what tells two calls of `{name}` apart into its key (the tool call id does)",
        incarnation=other[1].incarnation,
        events=evidence(first[1], other[1]),
    )


def _shared_outside(case: Case) -> Iterator[Finding]:
    """Effects declared outside every step: with one key they must say the same thing."""
    seen: dict[tuple[str, str], Effect] = {}
    for effect in case.history.of(Effect):
        if effect.step is not None or effect.key is None:
            continue
        first = seen.setdefault((effect.name, effect.key), effect)
        if first.arguments != effect.arguments:
            yield Finding(
                check=NAME,
                rule="key-shared",
                step=None,
                severity=Severity.ERROR,
                owner=Owner.TOOL,
                message=f"two different effects `{effect.name}` carry the same idempotency key {effect.key!r}:"
                f" {first.arguments} and {effect.arguments}",
                remedy=f"put what tells two effects `{effect.name}` apart into their key",
                incarnation=effect.incarnation,
                events=lines(first, effect),
            )
