"""What happens to a durable test in each of pytest's phases: run in its set-up, judged in its call, told in its report.

A run that could not be judged is an error of the set-up, so that it never passes for a failure of the agent or, worse,
for a success; a run that failed is a failure of the call.
"""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from harness.errors import HarnessError
from harness.explore import policies
from harness.plugin.cases import Case, case_of, is_marked
from harness.plugin.failure import in_words, of_findings, told
from harness.plugin.maps import CrashMap
from harness.plugin.report import Report
from harness.plugin.session import ahead_of, desk_of
from harness.scenario import REFUSED
from harness.verdict import Status

REPORTS = pytest.StashKey[list[Report]]()
"""What the durable runs of a test came to, its own first."""
EXPECTED = pytest.StashKey[dict[int, str]]()
"""What runs that a test made itself must come to, by their place among its reports; nothing said is a pass."""
MISSING = pytest.StashKey[dict[str, str]]()
WARNED = pytest.StashKey[set[tuple[str, str]]]()
"""What has been warned of, and at which function."""


def set_up(item: pytest.Item) -> None:
    """Run the case of an item. Skips for a missing engine, raises for everything that leaves nothing to judge."""
    case = case_of(item)
    if case is None:
        if is_marked(item):
            _stop(
                f"{item.nodeid} is marked as durable, and only functions and methods that pytest itself collects can be"
                " swept; make it a plain function"
            )
        return
    found = case.map or desk_of(item.config).map(case.scenario)
    if not found.usable:
        _absent(item, case, found)
        return
    report = report_of(item, case)
    if report.status is Status.UNKNOWN and case.expected is not Status.UNKNOWN:
        _stop(report.explained())


def report_of(item: pytest.Item, case: Case) -> Report:
    """The report of an item's own case, run once."""
    found = item.stash.get(REPORTS, [])
    if found:
        return found[0]
    report, said = None, ""
    try:
        desk = desk_of(item.config)
        report = ahead_of(item.config).report(
            item, case, lambda each: desk.report(each.scenario, cell=each.cell, replay=each.replay)
        )
    except HarnessError as error:
        said = in_words(error)
    if report is None:
        _stop(said)
    item.stash[REPORTS] = [report]
    warn_of_idle(item, report)
    return report


def warn_of_idle(item: pytest.Item, report: Report) -> None:
    """Warn of what was said of a tool that the fault-free run never calls: once for all tests of one function."""
    __tracebackhide__ = True
    function = item.nodeid.partition("[")[0]
    told = item.config.stash.setdefault(WARNED, set())
    for said in policies.idle(report.scenario, report.baseline.history):
        if (function, said) not in told:
            told.add((function, said))
            item.warn(pytest.PytestWarning(f"durable: {said}"))


def judge(item: pytest.Item, *, before: str = "") -> None:
    """Fail the call of an item whose run did not come to what was expected; `before` is told first."""
    case, reports = case_of(item), item.stash.get(REPORTS, [])
    if case is None or not reports or reports[0].status == case.expected:
        return
    report = reports[0]
    unusual = case.expected if before or case.expected is not Status.PASSED else ""
    story = told(report.judged, report.history, report.replay, instead_of=str(unusual))
    pytest.fail("\n\n".join(filter(None, [before, story])), pytrace=False)


def forget(item: pytest.Item) -> None:
    """Let go of an item's runs when it is over: histories are large, and whoever repeats a test wants other runs."""
    keys: tuple[pytest.StashKey[Any], ...] = (REPORTS, EXPECTED, MISSING)
    for key in keys:
        if key in item.stash:
            del item.stash[key]


def _absent(item: pytest.Item, case: Case, found: CrashMap) -> None:
    """There is no run: an engine that is missing or takes no such subject skips, unless it is required or expected."""
    reason = found.unavailable or found.refused
    if not reason:
        subject = case.scenario.subject
        _stop(of_findings(found.findings, subject, case.engine, found.notes) if found.findings else found.problem)
    if found.refused and case.expected == REFUSED:
        return
    said = f"engine {case.engine!r} does not take {case.scenario.subject}: {reason}" if found.refused else reason
    item.stash[MISSING] = {"engine": case.engine, "reason": said}
    if case.engine in desk_of(item.config).settings.require:
        _stop(f"engine {case.engine!r} is required: {said}")
    pytest.skip(said)


def _stop(text: str) -> NoReturn:
    pytest.fail(text, pytrace=False)


def facts(item: pytest.Item) -> dict[str, Any]:
    """What the summary has to know of a finished item, in values that every pytest process can send to another."""
    reports = item.stash.get(REPORTS, [])
    own, said = case_of(item), item.stash.get(EXPECTED, {})
    expected = {**({0: str(own.expected)} if own else {}), **said}
    runs = [_run(item, report, expected.get(place, "passed")) for place, report in enumerate(reports)]
    return {"missing": item.stash.get(MISSING, None), "runs": runs}


def _run(item: pytest.Item, report: Report, expected: str) -> dict[str, Any]:
    judged = report.judged
    name, possible = report.points
    return {
        "test": item.nodeid,
        "subject": judged.subject,
        "engine": judged.engine,
        "fault": judged.plan,
        "status": str(judged.status),
        "expected": expected,
        "crashes": judged.crashes,
        "cell": list(judged.cell) if judged.cell else None,
        "map": name,
        "possible": possible,
        "findings": [finding.to_json() for finding in judged.findings],
        "replay": report.replay,
        "folder": judged.folder,
    }
