"""Engines with one thing broken: the suite and the checks see it, each where it is, and by the right name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.engines import WRONG, Wrong
from harness.checks import Difference, compare
from harness.conformance import Answer
from harness.conformance.lab import Lab, open_lab
from harness.conformance.suite import REQUIREMENTS, tried
from harness.explore import sweep as exploring
from harness.runner import Bench
from harness.scenario import Scenario
from tests.conformance import together

ENGINES = Path(__file__).parents[2] / "fixtures" / "engines"
STALL = 3.0


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The zygotes that all of them share."""
    with open_lab(together.Engine(), {}, tmp_path_factory.mktemp("together"), stall=STALL) as lab:
        yield lab.bench


@pytest.fixture(scope="module", params=WRONG)
def broken(
    request: pytest.FixtureRequest, bench: Bench, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lab, Wrong]]:
    """A broken engine on the bench, for both of the tests below."""
    with together.lab_of(request.param, bench, tmp_path_factory.mktemp(request.param)) as lab:
        yield lab, WRONG[request.param]


@pytest.mark.slow
def test_what_is_broken_does_not_meet_the_requirement_that_is_about_it(broken: tuple[Lab, Wrong]):
    lab, wrong = broken
    [requirement] = [each for each in REQUIREMENTS if each.name == wrong.requirement]

    result = tried(requirement, lab)

    assert result.answer is Answer.NOT_MET, result.sentence


@pytest.mark.slow
def test_its_plan_brings_up_the_findings_that_say_so_and_nothing_worse(broken: tuple[Lab, Wrong]):
    lab, wrong = broken
    if not wrong.finds:
        assert wrong.plan == "", "a plan that finds nothing shows nothing"
        return

    assert found(lab, wrong) == set(wrong.finds)


def found(lab: Lab, wrong: Wrong) -> set[str]:
    """What the checks find, as check/rule: all of it, but for notes about what was bought twice."""
    first, again = (lab.tried(again=again, **wrong.scenario) for again in (False, True))
    baseline = compare(first.history, again.history)
    if isinstance(baseline, Difference):
        return {"determinism/baselines-differ"}
    run = lab.tried(wrong.plan, ordered_by=baseline.history, **wrong.scenario) if wrong.plan else first
    report = lab.judged(run, baseline)
    return {f"{finding.check}/{finding.rule}" for finding in report.findings}


def test_a_broken_engine_comes_in_by_the_path_of_its_class(tmp_path: Path):
    wrong = WRONG["repeats_tools"]
    scenario = Scenario.make(
        subject="harness.conformance.agents:clerk",
        script="harness.conformance.agents:SCRIPT",
        engine="fixtures.engines.repeats_tools:Engine",
        faults=[wrong.plan],
    )

    report = exploring.run(scenario, out=tmp_path)

    assert {f"{finding.check}/{finding.rule}" for finding in report.findings} == set(wrong.finds)
    assert {finding.confirmed for finding in report.findings} == {"cold"}


def test_every_broken_engine_is_in_the_table_and_says_what_goes_wrong():
    files = {path.stem for path in ENGINES.glob("*.py")} - {"__init__", "broken"}

    assert files == set(WRONG)
    assert len(files) >= 12
    for name in files:
        first = (ENGINES / f"{name}.py").read_text("utf-8").splitlines()[0]
        assert first.startswith('"""'), name
        assert first.endswith('."""'), name


def test_every_requirement_is_missed_by_some_broken_engine_or_implied_by_others():
    shown = {wrong.requirement for wrong in WRONG.values()}

    assert {each.name for each in REQUIREMENTS} - shown == IMPLIED


IMPLIED = {"crash between", "crash during recovery", "isolation"}
"""What no engine here misses alone: `repeats_tools` misses all of them."""
