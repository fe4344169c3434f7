"""What a property says: this scenario survives. And what Hypothesis is told besides."""

from __future__ import annotations

import json

from hypothesis import currently_in_test_context, event, reject
from hypothesis.control import current_build_context

from harness.errors import UsageError
from harness.explore.properties.asked import plainly
from harness.explore.properties.benches import opened_for, stuck_in
from harness.explore.properties.blame import is_stuck
from harness.explore.properties.patience import CUT_SHORT, HANGS
from harness.explore.properties.reproduction import DoesNotSurvive, failure, is_fickle
from harness.explore.properties.simplest import simplest
from harness.explore.properties.trials import Trial, Unfit, forget, play
from harness.scenario import Scenario
from harness.verdict import RunReport, Severity, Status

LOOKS = 10
"""How many runs say how often a scenario fails that does not always."""
_BY_CHANCE = "so something in it is a matter of chance (threads that race, time), and the file may pass."
_ONCE = f"It failed when it was drawn and in none of {LOOKS} runs after that, {_BY_CHANCE}"

_seen: dict[str, DoesNotSurvive] = {}
"""What drawn scenarios have failed with since a failure was shown last: one that fails by chance may never do it again,
and Hypothesis would speak of the test."""


@plainly
def survives(scenario: Scenario, *, strict: bool = False) -> RunReport:
    """Run a scenario, judge it, and raise `DoesNotSurvive` unless it passed. Returns the report.

    Inside a Hypothesis test an example that tested nothing is discarded: a planned fault that never happened, or a
    conversation that the agent cannot have, even without the engine. Elsewhere both are errors. One that fails without
    any fault, and not because of the agent, does not survive. `strict` makes warnings fail. Raises
    `UsageError` for what is no scenario, and for a subject or engine that cannot be used.

    When Hypothesis has finished and shows what is left, everything that is one step simpler is tried, too; the
    exception is about the simplest scenario that fails. That one is run once more, and if it passes then the exception
    says how often it fails. That two fault-free runs take different steps is told before what comes of it, and
    ends the search at once.
    """
    __tracebackhide__ = True
    if not isinstance(scenario, Scenario):
        raise UsageError(f"`survives` takes a scenario, as `scenarios` draws it, and this is {scenario!r}")
    opened = opened_for(scenario)
    if stuck_in(opened) not in (None, scenario):
        reject()
    try:
        trial = play(scenario, strict=strict)
    except Unfit:
        if currently_in_test_context():
            reject()
        raise
    if currently_in_test_context():
        _discard_if_idle(trial)
    if _is_last_look() and trial.report.status is Status.PASSED:  # Hypothesis has seen it fail
        trial = _failing(scenario, strict=strict) or trial
    if trial.report.status is not Status.PASSED:
        opened.reach.fail()
        if not _is_last_look() and not (_is_drawn() and is_fickle(trial.report)):
            if _is_drawn() and is_stuck(trial.history):
                opened.stuck = current_build_context().wrapped_test, scenario
            found = _seen[scenario.model_dump_json()] = failure(trial.scenario, trial.report)
            raise found
        opened.stuck = None
        raise _shown(*_simplest(trial, strict=strict), strict=strict)
    return trial.report


def _discard_if_idle(trial: Trial) -> None:
    """End an example in which a planned fault never happened, unless something was found all the same."""
    if trial.missed and trial.report.status is Status.UNKNOWN:
        event("a planned fault never happened")
        reject()


def _is_last_look() -> bool:
    """Whether Hypothesis replays what it drew and shrank, in order to show it; an explicit example is not drawn."""
    return _is_drawn() and current_build_context().is_final


def _is_drawn() -> bool:
    return currently_in_test_context() and bool(current_build_context().data.choices)


class _Enough(Exception):
    """Too much has hung to look any further."""


def _simplest(trial: Trial, *, strict: bool) -> tuple[Trial, str]:
    """The simplest trial that fails as this one does; without any fault, if that is for a reason that this one has.

    And what has to be said of the search, if it did not come to its end.
    """
    best, hung = trial, 0

    def fails(scenario: Scenario) -> bool:
        nonlocal best, hung
        try:
            tried = play(scenario, strict=strict)
        except Unfit:
            return False
        hung += is_stuck(tried.history)
        failed = tried.report.status is trial.report.status and not tried.missed
        if failed and not scenario.faults:  # what only the faults show is not to go unseen behind something else
            failed = bool(_causes(tried.report) & _causes(trial.report))
        best = tried if failed else best
        if hung >= HANGS:
            raise _Enough
        return failed

    made_up = json.dumps(trial.scenario.script) in opened_for(trial.scenario).made_up
    try:
        simplest(trial.scenario, fails, shorten=made_up)
    except _Enough:
        return best, CUT_SHORT
    return best, ""


def _causes(report: RunReport) -> set[object]:
    """Why a run did not pass: what was found by the checks that say so, notes apart, and what they could not tell."""
    wrong = [verdict for verdict in report.verdicts if verdict.status is report.status]
    found = (finding for verdict in wrong for finding in verdict.findings if finding.severity is not Severity.NOTE)
    return {finding.group for finding in found} | {verdict.reason for verdict in wrong if verdict.reason}


def _failing(scenario: Scenario, *, strict: bool) -> Trial | None:
    """A trial of the scenario that fails. Raises what it failed with when it was drawn, if it never does so again."""
    __tracebackhide__ = True
    found = next(filter(None, (_again(scenario, strict=strict) for _ in range(LOOKS - 1))), None)
    seen = _seen.pop(scenario.model_dump_json(), None)
    if found is None and seen is not None:
        raise DoesNotSurvive(seen.scenario, seen.report, _ONCE)
    return found


def _shown(trial: Trial, search: str, *, strict: bool) -> DoesNotSurvive:
    """The failure for a person, once it was looked at again: with how often it fails, if that is not always, and with
    what is to be said of the `search`.

    If two fault-free runs turn out to take different steps, that is told instead.
    """
    looks = [_again(trial.scenario, strict=strict)]
    chance = ""
    if looks[0] is None:
        looks += [_again(trial.scenario, strict=strict) for _ in range(LOOKS - 2)]
        failed = 1 + len(looks) - looks.count(None)
        chance = f"It failed in {failed} of {LOOKS} runs, {_BY_CHANCE}"
    _seen.clear()
    told = next((look for look in looks if look is not None and is_fickle(look.report)), trial)
    return failure(told.scenario, told.report, " ".join(filter(None, [chance, search])))


def _again(scenario: Scenario, *, strict: bool) -> Trial | None:
    """The trial of a scenario beside fault-free runs of its own, if it fails."""
    forget(scenario)
    try:
        trial = play(scenario, strict=strict)
    except Unfit:
        return None
    return None if trial.report.status is Status.PASSED else trial
