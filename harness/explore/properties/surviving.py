"""What a property says: this scenario survives. And what Hypothesis is told besides."""

from __future__ import annotations

from hypothesis import currently_in_test_context, event, reject, target

from harness.explore.properties.reproduction import told
from harness.explore.properties.states import depth
from harness.explore.properties.trials import Trial, Unfit, play
from harness.scenario import Scenario
from harness.verdict import RunReport, Status


class DoesNotSurvive(AssertionError):
    """A scenario came to something other than passed. The message holds it as YAML; `report` is the judgement."""

    def __init__(self, scenario: Scenario, report: RunReport) -> None:
        super().__init__(told(scenario, report))
        self.scenario, self.report = scenario, report


def survives(scenario: Scenario, *, strict: bool = False, aim: bool = False) -> RunReport:
    """Run a scenario, judge it, and raise `DoesNotSurvive` unless it passed. Returns the report.

    Inside a Hypothesis test an example that tested nothing is discarded: a planned fault that never happened, or a
    conversation that the agent cannot have. Elsewhere both are errors. `strict` makes warnings fail. `aim` draws the
    search towards runs that had much on record when a fault struck, by `target()`. Raises `UsageError` for a subject or
    engine that cannot be used.
    """
    try:
        trial = play(scenario, strict=strict)
    except Unfit:
        if currently_in_test_context():
            reject()
        raise
    if currently_in_test_context():
        _discard_if_idle(trial)
        if aim:
            target(depth(trial.history), label="durable state when a fault struck")
    if trial.report.status is not Status.PASSED:
        raise DoesNotSurvive(trial.scenario, trial.report)
    return trial.report


def _discard_if_idle(trial: Trial) -> None:
    """End an example in which a planned fault never happened, unless something was found all the same."""
    if trial.missed and trial.report.status is Status.UNKNOWN:
        event("a planned fault never happened")
        reject()
