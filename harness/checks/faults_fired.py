"""Faults fired: a fault that never happened tested nothing, however green the run.

fail-rs lets an armed point that does not exist pass; a typo then turns a crash test into a test of good weather.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.checks.base import Case
from harness.faults import LATE, Fault
from harness.typos import alike
from harness.verdict import Finding, Owner, Severity, Verdict

NAME = "faults_fired"


def faults_fired(case: Case) -> Verdict:
    """Every planned fault happened, and no more often than planned."""
    planned = {str(fault): fault for fault in case.scenario.plan.expand(_known(case)).faults}
    fired = Counter(event.fault for event in case.history.fired)
    excess = tuple(_excess(case, planned, fired))
    missing = [_missing(case, fault, fired[text]) for text, fault in planned.items() if fired[text] < fault.times]
    if excess or not missing:
        return Verdict.of(NAME, excess)
    return Verdict.unknown(NAME, " ".join(missing))


def _known(case: Case) -> list[str]:
    """What a glob may mean. The steps as planned stay planned, whether or not they ever ran."""
    planned = [fault.step for fault in case.scenario.plan.faults if not fault.is_glob]
    return list(dict.fromkeys([*case.baseline.steps, *case.history.steps, *planned]))


def _missing(case: Case, fault: Fault, times: int) -> str:
    how = f"fired {times} of {fault.times} times" if times else "never fired"
    ran = list(case.history.steps)
    near = alike(fault.step, ran)
    here = [event.window for event in case.history.fired if event.step == fault.step]
    if fault.step in ran:
        also = f" (faults there fired {', '.join(here)})" if here else ""
        hint = f"the step ran, but its window {fault.window!r} was not reached as planned{also}"
        if fault.action in LATE and any(step.startswith(f"{fault.step}.") for step in ran):
            hint = f"`{fault.step}` is a workflow's code, which cannot be held up; name a step in it"
    else:
        hint = f"the nearest step that ran is {near[0]}" if near else "no step like it ran"
    return f"`{fault}` {how}: {hint}. These steps ran: {', '.join(ran) or 'none'}."


def _excess(case: Case, planned: dict[str, Fault], fired: Counter[str]) -> Iterator[Finding]:
    for text, times in fired.items():
        allowed = planned[text].times if text in planned else 0
        if times > allowed:
            events = tuple(event.seq for event in case.history.fired if event.fault == text)
            yield Finding(
                check=NAME,
                rule="fired-too-often",
                step=Fault.parse(text).step,
                severity=Severity.ERROR,
                owner=Owner.HARNESS,
                message=f"`{text}` fired {times} times, and the plan allows {allowed}",
                remedy="report this run folder to the harness: it armed a fault that was spent",
                events=events,
            )
