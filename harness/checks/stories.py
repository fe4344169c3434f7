"""A repeat told to a person: what happened, who must act, and the one thing to change."""

from __future__ import annotations

import re

from harness.checks.base import Case
from harness.checks.keys import steadied
from harness.checks.repeats import Before
from harness.checks.reruns import Rerun
from harness.checks.resume import blame
from harness.checks.words import between, body_of, evidence, life, plural, times, titled_body
from harness.history import StepEntered
from harness.verdict import Finding, Owner, Severity

NAME = "effects"
KEY_DIFFERS = "key-differs"


def told(case: Case, rerun: Rerun) -> Finding:
    """The finding of one rerun. Its severity has been weighed before."""
    rule, owner, remedy = _cause(case, rerun)
    pair = rerun.pair
    return Finding(
        check=NAME,
        rule=rule,
        step=rerun.step,
        severity=rerun.severity or Severity.NOTE,
        owner=owner,
        message=_message(case, rerun),
        remedy=remedy,
        incarnation=pair.later.incarnation,
        events=evidence(pair.earlier, pair.later),
    )


def _message(case: Case, rerun: Rerun) -> str:
    pair = rerun.pair
    verb = "was tried again" if pair.is_retry else "was entered again"
    return (
        f"{titled_body(pair.later)} ran {times(len(pair.runs))}: {_state(case, rerun)} in {life(pair.earlier)},"
        f" {between(case.history, pair.earlier.entered, pair.later.entered)}, and its body {verb}"
        f" in {life(pair.later)}{_key_clause(rerun)}{_inside_clause(rerun)}"
    )


def _state(case: Case, rerun: Rerun) -> str:
    earlier = rerun.pair.earlier
    match rerun.pair.before:
        case Before.RECORDED:
            return f"{case.contract.engine} had recorded it"
        case Before.FINISHED:
            return "it had finished"
        case Before.RAISED:
            return "it had failed, perhaps after its effect,"
        case _ if earlier.finished and earlier.incarnation > rerun.pair.later.incarnation:
            return "it had done its work"
        case _ if earlier.finished:
            return f"it was done but not yet recorded by {case.contract.engine}"
        case _:
            return "it was in flight"


def _key_clause(rerun: Rerun) -> str:
    if rerun.may != "keyed":
        return ""
    one, other = map(str, rerun.keys)
    return f", both times with the key {one}" if one == other else f", first with the key {one}, then with {other}"


def _inside_clause(rerun: Rerun) -> str:
    if rerun.only_outside:
        return "; everything inside it was replayed, only its own lines ran again"
    if not rerun.inside:
        return ""
    inside = [step.removeprefix(rerun.step + ".") for step in rerun.inside]
    return f"; with it ran again: {', '.join(inside)}"


def _cause(case: Case, rerun: Rerun) -> tuple[str, Owner, str]:
    """Rule, owner and remedy: the engine broke its word, the key does not hold, or nobody promised anything."""
    name, unit = body_of(rerun.pair.later), case.contract.unit
    if rerun.pair.before is Before.RECORDED:
        owner, _why, remedy = blame(case, rerun.pair)
        return "recorded-ran-again", owner, remedy
    if rerun.severity is Severity.NOTE:
        kept = f"keep every effect of `{name}` in the {plural(unit)} and calls inside it, as it is now"
        told = f"mend what ran again inside `{name}`: each is told by itself"
        return "container-ran-again", Owner.TOOL, told if rerun.inside else kept
    return _cause_in_keys(case, rerun, name) if rerun.may == "keyed" else _cause_without_keys(case, rerun, name)


def _cause_without_keys(case: Case, rerun: Rerun, name: str) -> tuple[str, Owner, str]:
    match rerun.pair.before:
        case Before.FINISHED:
            return "finished-ran-again", Owner.CONFIGURATION, _have_it_recorded(case, rerun)
        case Before.RAISED if rerun.pair.is_retry:
            remedy = f"switch retries off for `{name}`, or give it an idempotency key so that a retry is harmless"
            return "retried-once-only", Owner.CONFIGURATION, remedy
    if rerun.may == "once":
        remedy = f"give `{name}` an idempotency key: no engine can promise that a body in flight runs only once"
    else:
        remedy = _give_a_key(rerun, name)
    return "in-flight-ran-again", Owner.TOOL, remedy


def _give_a_key(rerun: Rerun, name: str) -> str:
    """How to make a repeat harmless, or say that it is. A tool's arguments are seen, those of a plain unit are not."""
    seen = isinstance(rerun.pair.later.entered, StepEntered)
    how = f"say so (`--tools {name}=keyed:ARGUMENT`)" if seen else "declare it (`harness.effect(..., key=...)`)"
    return f"give `{name}` an idempotency key and {how}, or say that a repeat is harmless (`--tools {name}=repeatable`)"


def _cause_in_keys(case: Case, rerun: Rerun, name: str) -> tuple[str, Owner, str]:
    if all(keys.said for keys in rerun.keys):
        return KEY_DIFFERS, *steadied(case, rerun.pair.earlier, rerun.pair.later)
    return "key-missing", Owner.TOOL, _give_a_key(rerun, name)


def _have_it_recorded(case: Case, rerun: Rerun) -> str:
    """The engine's own remedy with the tool's name in it: "decorate `charge` with `@DBOS.step()`".

    What makes an engine keep its tools does nothing for a function that is none.
    """
    name = f"`{body_of(rerun.pair.later)}`"
    said = case.contract.remedy
    if case.contract.claims("tool") and case.is_output_function(rerun.step):
        return (
            f"let a tool do what {name} does, for {case.contract.engine} records tools and no output functions; or give"
            f" {name} an idempotency key"
        )
    if not said:
        return f"find out why {case.contract.engine} keeps no result of {name}, or give it an idempotency key"
    if "{tool}" in said:
        return said.replace("{tool}", name)
    return re.sub(r"\bit\b", name, said, count=1)
