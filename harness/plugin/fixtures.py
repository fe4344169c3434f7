"""What the fixtures hand to a test: `durable`, to run plans and to ask what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from harness.errors import HarnessError, UsageError
from harness.plugin import marker
from harness.plugin.cases import case_of
from harness.plugin.collection import DEFAULT_ENGINES
from harness.plugin.failure import in_words, told
from harness.plugin.report import Report
from harness.plugin.running import EXPECTED, MISSING, REPORTS, report_of, warn_of_idle
from harness.plugin.session import desk_of
from harness.scenario import Scenario
from harness.verdict import Status

RUN, STEPS = "durable.run(...)", "durable.steps(...)"
"""What a mistake in what they were given is told of."""


class Durable:
    """Runs an agent under a fault and reports.

    In a test of a sweep `report` is that of the test's own fault, and `run` needs no subject. Elsewhere `run` takes
    what the marker takes. It is good for the test that it was handed to, and no longer.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._over = False
        self._unknown: list[Report] = []

    @property
    def report(self) -> Report:
        """The run of this test's own fault."""
        __tracebackhide__ = True
        case = case_of(self._item)
        if case is None or case.plan is None:
            raise UsageError(
                f"{self._item.nodeid} has no fault of its own: mark it with @pytest.mark.durable(...), or use"
                " durable.run"
            )
        return report_of(self._item, case)

    @property
    def fault(self) -> str:
        """This test's own fault line."""
        __tracebackhide__ = True
        return self.report.plan

    @property
    def engine(self) -> str:
        """The engine of this test, by name."""
        case = case_of(self._item)
        return case.engine if case else self._chosen()

    def run(self, *faults: str, **scenario: Any) -> Report:
        """Run once under these faults (none: fault-free) and judge it; keywords are those of the marker.

        Takes as long as the run takes. Raises `UsageError` for a request that cannot be carried out, `AssertionError`
        if the run did not come to what `expected` says; a missing engine skips the test, or fails it if the engine is
        required. A run of which nothing is known makes the test an error when it ends, unless that was expected:
        whatever the test asked of it, no answer means much.
        """
        __tracebackhide__ = True
        report, expected, failure, missing, engine = None, None, "", "", ""
        try:
            desk = desk_of(self._item.config)
            asked = self._scenario(faults, scenario, call=RUN)
            engine = asked.engine
            expected = self._expected(asked, scenario)
            missing = "" if engine in desk.settings.require else desk.map(asked).unavailable
            report = None if missing else desk.report(asked)
        except HarnessError as error:
            failure = in_words(error)
        if missing:
            self._item.stash[MISSING] = {"engine": engine, "reason": missing}
            pytest.skip(missing)
        if report is None:  # outside the handler, so that no frame of ours is chained to it
            raise UsageError(failure)
        warn_of_idle(self._item, report)
        self._keep(report, expected)
        if expected is not None and report.status != expected:
            raise AssertionError(told(report.judged, report.history, report.replay, instead_of=expected))
        return report

    def _keep(self, report: Report, expected: Status | None) -> None:
        """For the summary, and for the end of the test."""
        kept = self._item.stash.setdefault(REPORTS, [])
        kept.append(report)
        if expected is not None:
            self._item.stash.setdefault(EXPECTED, {})[len(kept) - 1] = str(expected)
        elif report.status is Status.UNKNOWN:
            self._unknown.append(report)

    def _expected(self, run: Scenario, given: Mapping[str, Any]) -> Status | None:
        """What the caller itself says that the run must come to; what the marker expects is of the test's own fault."""
        if given.get("expected") is None:
            return None
        asked = {**given, "subject": given.get("subject", "-")}
        mark = pytest.Mark(marker.MARKER, (), asked, _ispytest=True)
        wanted = marker.wanted(self._item, [(self, mark)], default=(run.engine,), call=RUN)
        return wanted.expectation(run.engine, run.plan)

    def steps(self, **scenario: Any) -> tuple[str, ...]:
        """The steps of the fault-free run: what faults can name."""
        __tracebackhide__ = True
        found = desk_of(self._item.config).map(self._scenario((), scenario, call=STEPS))
        if not found.usable:
            raise UsageError(found.why_not)
        return tuple(row.step for row in found.rows)

    def _scenario(self, faults: Iterable[str], given: dict[str, Any], *, call: str) -> Scenario:
        if self._over:
            raise UsageError(f"the fixture `durable` belongs to {self._item.nodeid}, which is over; ask for it there")
        marks = list(self._item.iter_markers_with_node(marker.MARKER))
        own = [(self, pytest.Mark(marker.MARKER, (), given, _ispytest=True))]
        if "engine" in given or "engines" in given:
            marks = [(node, _without_engines(mark)) for node, mark in marks]
        wanted = marker.wanted(self._item, [*own, *marks], default=(self.engine,), call=call)
        engines = wanted.engines if "engine" in given else (self.engine,)
        scenario = wanted.scenario.model_copy(update={"engine": engines[0]})
        return Scenario.make(wanted.where, **{**scenario.model_dump(), "faults": tuple(map(str, faults))})

    def _chosen(self) -> str:
        params = getattr(getattr(self._item, "callspec", None), "params", {})
        desk = desk_of(self._item.config)
        return str(params.get("durable_engine") or (desk.settings.engines or DEFAULT_ENGINES)[0])

    def close(self) -> None:
        """The test is over. Fails its teardown for a run of which nothing is known."""
        self._over = True
        for report in self._unknown:
            pytest.fail(report.explained(), pytrace=False)


def _without_engines(mark: pytest.Mark) -> pytest.Mark:
    kept = {name: value for name, value in mark.kwargs.items() if name not in ("engine", "engines")}
    return pytest.Mark(mark.name, mark.args, kept, _ispytest=True)


def engine_of(item: pytest.Item, asked: str | None) -> str:
    """The engine of a test: of its case, or the one that the fixture was parametrized with. Skips if it is missing."""
    case = case_of(item)
    name = case.engine if case else asked or DEFAULT_ENGINES[0]
    from harness.engines.registry import load

    problems = [] if case else load(name).problems({})
    if problems:
        pytest.skip(f"engine {name!r} cannot be used here: {'; '.join(problems)}")
    return name
