"""A failure as a file: YAML that is saved under `scenarios/` as it is, and replays without Hypothesis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hypothesis import currently_in_test_context
from hypothesis.control import current_build_context
from hypothesis.errors import FailedHealthCheck, Flaky

from harness.contract import ToolPolicy
from harness.explore import unusable
from harness.explore.elsewhere import by_file, variables
from harness.scenario import DEFAULT_PROMPT, Invocation, Scenario
from harness.subjects.script_yaml import dump
from harness.verdict import Finding, RunReport, Severity, Status

_ORDER = ("why", "subject", "engine", "prompt", "deps", "world", "tools", "script", "invocations")
"""What a reader wants to know first comes first; the rest follows as the model has it."""


class DoesNotSurvive(AssertionError):
    """A scenario came to something other than passed. The message holds it as YAML; `report` is the judgement.

    `chance` is what has to be said of one that does not always happen, or that may not be the simplest.
    """

    __module__ = "harness"  # where a person imports it from, as it is shown

    def __init__(self, scenario: Scenario, report: RunReport, chance: str = "") -> None:
        super().__init__(told(scenario, report, chance))
        self.scenario, self.report = scenario, report


class EndsSearch(DoesNotSurvive, FailedHealthCheck):
    """A failure at which a search ends at once, as Hypothesis takes it for a failed health check.

    What does not repeat itself cannot be shrunk, and would be called a mistake in the test; what hangs, and everything
    simpler that hangs, too, costs the seconds of a hang each. To a person it is a failure like any other, by its name
    as well.
    """

    __module__, __qualname__ = DoesNotSurvive.__module__, DoesNotSurvive.__qualname__


@contextmanager
def ending_search() -> Iterator[None]:
    """Let an `EndsSearch` pass that is raised where an earlier example went on.

    Of such an example Hypothesis would say that it draws inconsistently, when it closes it, and hide the failure.
    """
    __tracebackhide__ = True
    try:
        yield
    except EndsSearch:
        if currently_in_test_context():
            with suppress(Flaky):
                current_build_context().data.freeze()
        raise


def is_fickle(report: RunReport) -> bool:
    """Whether two fault-free runs took different steps."""
    return any(finding.rule == unusable.FICKLE for finding in report.findings)


def failure(scenario: Scenario, report: RunReport, chance: str = "") -> DoesNotSurvive:
    """What is raised of a scenario that came to something other than passed."""
    return (EndsSearch if is_fickle(report) else DoesNotSurvive)(scenario, report, chance)


def to_yaml(scenario: Scenario) -> str:
    """A scenario as YAML that `Scenario.from_yaml` reads back equal to it, without what is left at its default.

    Passwords in the engine's options are masked, as everywhere.
    """
    values = scenario.without_secrets().model_dump(mode="json", exclude_defaults=True)
    values |= {"engine": scenario.engine}
    if "tools" in values:
        values["tools"] = {name: _policy(policy) for name, policy in scenario.tools.items()}
    if "invocations" in values:
        values["invocations"] = [_invocation(run) for run in scenario.invocations]
    ordered = {name: values[name] for name in _ORDER if name in values}
    return dump(ordered | values)


def regression(scenario: Scenario, report: RunReport) -> str:
    """The scenario of a failure as it belongs into `scenarios/`: it says what went wrong, and what it must come to."""
    wrong = [finding.message for finding in _wrong(report)]
    why = " ".join([*wrong, *report.reasons][:1]) or "found by a property"
    return to_yaml(by_file(scenario).model_copy(update={"why": why, "expected": Status.PASSED}))


def told(scenario: Scenario, report: RunReport, chance: str = "") -> str:
    """A failure for a person: what happened, whose it is, what to do, and the file that does it again.

    `chance` is what has to be said of it if it does not always happen, or may not be the simplest.
    """
    what = f"does not survive {scenario.plan}" if scenario.faults else "fails without any fault"
    kept = by_file(scenario)
    lines = [f"{kept.subject} under {scenario.engine} {what}: {report.status}"]
    for finding in _wrong(report):
        lines += [f"  - {finding.check}, {finding.owner}: {finding.message}", f"    To do: {finding.remedy}"]
    said = {finding.message for finding in report.findings}
    lines += [f"  - {reason}" for reason in report.reasons if reason not in said]
    lines += ["", chance] if chance else []
    lines += ["", f"Save this as a file in scenarios/; `{variables(kept)}harness run FILE` does it again:", "", ""]
    return "\n".join(lines) + regression(scenario, report)


def _wrong(report: RunReport) -> list[Finding]:
    """What is more than a note: the errors first, for one of them is why the scenario fails."""
    found = [finding for finding in report.findings if finding.severity is not Severity.NOTE]
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def _policy(policy: ToolPolicy) -> str:
    return f"{policy.may}:{policy.key}" if policy.key else policy.may


def _invocation(run: Invocation) -> dict[str, Any]:
    values = run.model_dump(mode="json", exclude_defaults=True)
    return values or {"prompt": DEFAULT_PROMPT}
