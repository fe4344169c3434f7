"""How often will this really be tried? Asked of a subject once a session, answered to every test that sets a budget.

A static audit takes about two seconds and starts nothing, which is why tests get one unless they ask for the proof.
"""

from __future__ import annotations

import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from harness.audits.accepted import load_accepted
from harness.audits.given import check as check_kinds
from harness.audits.given import listed
from harness.audits.run import BUDGET, audit, judged
from harness.engines.registry import load as load_engine
from harness.errors import EngineUnavailable, HarnessError, UsageError
from harness.plugin import budgets, marker
from harness.plugin.failure import PAPER, in_words
from harness.plugin.options import Settings
from harness.plugin.running import MISSING
from harness.report.audit import render
from harness.report.words import clean
from harness.retries.findings import Accepted, AuditFinding
from harness.retries.report import AuditReport
from harness.typos import nearest
from harness.verdict import Severity, Status

MARKER = "retry_budget"
FIXTURE = "retry_audit(...)"
KNOWN = ("budget", "subject", "engine", "static", "options", "deps", "tools", "accepted")
REPORTS = pytest.StashKey[dict[str, AuditReport]]()
"""The audits of a session. They are kept unjudged: a budget and what is accepted change the findings, not the facts."""
REPORT = pytest.StashKey[AuditReport]()
ASKED = pytest.StashKey[list[dict[str, Any]]]()
"""The audits that a test has used, for the summary."""
TELLERS = pytest.StashKey[dict[str, str]]()
"""Which test has told an audit in full: the others of a sweep only point to it."""


def check(metafunc: pytest.Metafunc) -> None:
    """Say what is wrong with a marker before anything runs: as a collection error of one sentence."""
    node = metafunc.definition
    try:
        asked = wanted(node)
        with _said_at(_marked(node)):
            load_engine(asked["engine"])
    except HarnessError as error:
        raise pytest.Collector.CollectError(str(error)) from None


def wanted(node: Any, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The keywords for `audit`: those `given` to the fixture, of the markers, then of what is marked as durable.

    Raises `UsageError` of one sentence that names the test or the fixture.
    """
    where = FIXTURE if given is not None else _marked(node)
    own = [(None, pytest.Mark(MARKER, (), given, _ispytest=True))] if given is not None else []
    alone = given is not None and "subject" in given  # what a marker says is about another subject
    told = marker.merged(where, [*own, *([] if alone else node.iter_markers_with_node(MARKER))], _keywords)
    said = {name: value for name, value in told.items() if value is not None}
    taken = {} if "subject" in said else _durable(node)
    if said.get("engine", taken.get("engine")) != taken.get("engine"):
        taken.pop("options", None)
    said = {"engine": "none", "budget": BUDGET, "static": True, **taken, **said}
    if said.get("subject") is None:
        raise UsageError(f"{where} names no subject: say what to audit, as in subject='shop.agents:payments'")
    said["subject"] = marker.subject_path(said["subject"], node, where)
    with _said_at(where):
        check_kinds(**said)
    return {**said, "accepted": _accepted(said.get("accepted", ()), where, node)}


def _marked(node: Any) -> str:
    return f"@pytest.mark.{MARKER} on {node.nodeid}"


def audited(config: pytest.Config, asked: Mapping[str, Any]) -> AuditReport:
    """The audit of a subject, made once a session. Raises what `harness.audit` raises."""
    facts = {name: value for name, value in asked.items() if name not in ("budget", "accepted")}
    known, key = config.stash.setdefault(REPORTS, {}), repr(sorted(facts.items()))
    if key not in known:
        known[key] = audit(**facts)
    return judged(known[key].model_copy(update={"budget": asked["budget"]}), asked["accepted"])


def set_up(item: pytest.Item) -> None:
    """Audit what an item names. Skips for a missing engine, fails the set-up if the audit cannot tell."""
    if not isinstance(item, pytest.Function) or (item.cls and issubclass(item.cls, unittest.TestCase)):
        _stop(
            f"{item.nodeid} has a retry budget, and only functions and methods that pytest itself collects can have"
            " one; make it a plain function"
        )
    report, missing, failure = _answer(item)
    if failure:
        _stop(failure)
    if report is None:
        pytest.skip(missing)
    item.stash[REPORT] = report
    if _status(item, report) is Status.UNKNOWN:
        why = "; ".join(report.unknown) or "it found nothing that is tried at all"
        _stop(f"the retry audit of {report.subject} cannot tell: {_one_line(why)}\n\n{_told(report)}")


def judge(item: pytest.Item) -> None:
    """Fail the call of an item whose subject is over its budget or has another finding that fails."""
    report = item.stash.get(REPORT, None)
    if report is None or _status(item, report) is not Status.FAILED:
        return
    head, text = _one_line(_gravest(report).message), _told(report)
    teller = item.config.stash.setdefault(TELLERS, {}).setdefault(text, item.nodeid)
    _stop(f"{head}\n\n{text}" if teller == item.nodeid else f"{head} (told in full at {teller})")


def answered(item: pytest.Item, given: Mapping[str, Any]) -> AuditReport:
    """What the fixture answers. Raises `UsageError` for a request that cannot be carried out.

    A missing engine skips the test, or fails it if the engine is required.
    """
    __tracebackhide__ = True
    report, missing, failure = _answer(item, given)
    if failure:
        raise UsageError(failure)
    if report is None:
        pytest.skip(missing)
    return report


def _answer(item: pytest.Item, given: Mapping[str, Any] | None = None) -> tuple[AuditReport | None, str, str]:
    """The report, or why its engine is missing, or what is wrong."""
    request: dict[str, Any] = {}
    try:
        request = wanted(item, given)
        report = audited(item.config, request)
        status = str(_status(item, report)) if given is None else budgets.ASKED
        item.stash.setdefault(ASKED, []).append(budgets.fact(report, status, item.nodeid))
        return report, "", ""
    except EngineUnavailable as error:
        item.stash[MISSING] = {"engine": request["engine"], "reason": str(error)}
        required = request["engine"] in Settings.of(item.config).require
        return None, str(error), f"engine {request['engine']!r} is required: {error}" if required else ""
    except HarnessError as error:
        return None, "", in_words(error)


def _keywords(where: str, mark: pytest.Mark) -> dict[str, Any]:
    """The keywords of one marker, its only value without a name among them."""
    if len(mark.args) > 1:
        raise UsageError(f"{where} takes one value without a name, the budget, and got {len(mark.args)}")
    if mark.args and "budget" in mark.kwargs:
        raise UsageError(f"{where} names its budget twice, {mark.args[0]!r} and {mark.kwargs['budget']!r}")
    for name in mark.kwargs:
        if name not in KNOWN:
            raise UsageError(f"{where} does not know {name!r}{nearest(name, sorted(KNOWN))}")
    return {**dict(zip(("budget",), mark.args, strict=False)), **mark.kwargs}


def _durable(node: Any) -> dict[str, Any]:
    """What the same test says as a durable one: of its own case, or, before there are cases, of its markers."""
    marks = list(node.iter_markers_with_node(marker.MARKER))
    if not marks:
        return {}
    from harness.plugin.cases import case_of

    if (case := case_of(node)) is not None:
        scenario = case.scenario.under(case.engine)
        taken = {name: getattr(scenario, name) for name in ("subject", "engine", "options", "deps")}
        return {**taken, "tools": {name: str(policy.may) for name, policy in scenario.tools.items()}}
    said = marker.merged(f"@pytest.mark.{marker.MARKER} on {node.nodeid}", marks)
    return {"subject": said.get("subject")}


@contextmanager
def _said_at(where: str) -> Iterator[None]:
    """Whoever reads what is wrong is told which test or fixture says it."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _accepted(given: Any, where: str, node: Any) -> tuple[Accepted, ...]:
    """Accepted findings as they are, or those of a file, which is looked for beside the test and at the root, too."""
    if isinstance(given, (str, Path)):
        folders = (Path(), Path(node.path).parent, node.config.rootpath)
        with _said_at(where):
            return load_accepted(next((file for folder in folders if (file := folder / given).is_file()), Path(given)))
    return listed(given, f"{where}: accepted is a file of accepted findings or a list of them")


def _status(item: pytest.Item, report: AuditReport) -> Status:
    return report.judged("warning" if Settings.of(item.config).strict else "error")


def _gravest(report: AuditReport) -> AuditFinding:
    return next((one for one in report.open if one.severity is Severity.ERROR), report.open[0])


def _told(report: AuditReport) -> str:
    return render(report, PAPER).rstrip("\n")


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _stop(text: str) -> NoReturn:
    pytest.fail(text, pytrace=False)
