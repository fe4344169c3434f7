"""Two fault-free runs that take different steps are one clear failure, and not conversations left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from harness.errors import UsageError
from harness.explore import unusable
from harness.explore.properties import (
    DoesNotSurvive,
    DurableMachine,
    close_benches,
    durable,
    fault_plans,
    scenarios,
    survives,
    surviving,
)
from harness.explore.properties.machine import _never_idle
from harness.explore.properties.patience import Patience
from harness.explore.properties.reproduction import EndsSearch, ending_search, told
from harness.explore.properties.trials import Trial, play
from harness.faults import FaultPlan
from harness.scenario import Scenario
from harness.subjects.script import Turn
from harness.verdict import Owner, RunReport

SUBJECT = "tests.explore.properties.fickle"
TWO_CHARGES: list[Any] = [{"call": "charge", "args": {"order_id": "a"}}, {"call": "charge", "args": {"order_id": "b"}}]
CHARGE: dict[str, Any] = {"call": "charge", "args": {"order_id": "order_id"}}
QUIETLY = durable(max_examples=60, derandomize=True, database=None)


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def found(search: Callable[[], None]) -> Scenario:
    """The scenario that a search shows, which has to be about two fault-free runs."""
    with pytest.raises(DoesNotSurvive, match=r"two fault-free runs took different steps: `.*tool:charge#") as caught:
        search()
    (finding,) = caught.value.report.findings
    assert (finding.check, finding.owner) == ("determinism", Owner.TOOL)
    assert caught.value.scenario.faults == ()
    assert told(caught.value.scenario, caught.value.report).count("took different steps") == 2  # here and in the file
    return caught.value.scenario


@pytest.mark.parametrize("agent", ["seeded", "chancy"])
def test_a_drawn_conversation_whose_fault_free_runs_differ_is_shown_with_the_first_difference(agent: str) -> None:
    @given(scenarios(f"{SUBJECT}:{agent}", rounds=2))
    @QUIETLY
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    shown = found(holds)

    if agent == "seeded":
        assert shown.script == [CHARGE, "done"]


@pytest.mark.parametrize("agent", ["seeded", "chancy"])
def test_so_is_a_conversation_that_a_person_wrote(agent: str) -> None:
    given_script = Scenario.make(subject=f"{SUBJECT}:{agent}", script=[*TWO_CHARGES, "done"])

    @given(fault_plans(given_script.subject, script=given_script.script))
    @QUIETLY
    def holds(plan: FaultPlan) -> None:
        survives(given_script.with_plan(plan))

    assert found(holds) == given_script


def test_a_scenario_without_faults_is_held_against_another_run_of_it() -> None:
    scenario = Scenario.make(subject=f"{SUBJECT}:seeded", script=[CHARGE, "done"])

    assert found(lambda: survives(scenario) and None) == scenario


def test_several_runs_in_one_store_fail_for_it() -> None:
    machine = type("Machine", (DurableMachine,), {"subject": f"{SUBJECT}:seeded"})

    found(lambda: run_state_machine_as_test(machine, settings=QUIETLY))


def test_a_story_that_chance_ends_one_way_or_another_is_a_failure_and_not_a_mistake_in_the_test() -> None:
    case = type("Machine", (DurableMachine,), {"subject": f"{SUBJECT}:mortal"}).TestCase
    case.settings = QUIETLY

    with pytest.raises(DoesNotSurvive):
        case().runTest()


def test_what_was_found_is_shown_where_hypothesis_finds_fault_with_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = type("Machine", (DurableMachine,), {"subject": "fixtures.agents.till:agent"})
    scenario = Scenario.make(subject=machine.subject)
    best = DoesNotSurvive(scenario, RunReport("journal", scenario.subject, "", (), 1, "", ()))

    def runs(_case: object) -> None:
        machine.latest.found(best)
        raise Flaky("it is the test's fault")

    with pytest.raises(EndsSearch, match="does not always end like this") as caught:
        _never_idle(machine, runs)(None)

    assert caught.value.report is best.report


def sent(shared: Patience, *, ends: bool) -> DurableMachine:
    """A machine whose one prompt has been answered, or has not."""
    service: DurableMachine = type("Machine", (DurableMachine,), {"subject": "fixtures.agents.till:agent"})()
    service.open_the_store()
    service.patience = shared
    number = service.episode.begin([Turn(text="done")], "This is prompt 1.")
    if not ends:
        service.episode.live = lambda *_asked: False  # type: ignore[method-assign]
    service._live(number)
    return service


def test_an_end_that_comes_where_another_example_went_on_is_shown_and_not_what_hypothesis_says_of_it() -> None:
    seen: list[int] = []

    @given(st.lists(st.integers(), min_size=5, max_size=5), st.data())
    @durable(max_examples=5, derandomize=True, database=None)
    def holds(_first: list[int], data: st.DataObject) -> None:
        seen.append(1)
        if len(seen) > 1:
            with ending_search():
                raise ended
        data.draw(st.integers())

    scenario = Scenario.make(subject=f"{SUBJECT}:seeded")
    ended = EndsSearch(scenario, RunReport("journal", scenario.subject, "", (), 1, "", ()))
    with pytest.raises(EndsSearch):
        holds()


def test_an_agent_that_is_refused_once_by_chance_is_one_sentence_however_often_it_is_drawn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    close_benches()
    monkeypatch.setenv("REFUSED_ONCE", str(tmp_path / "refused"))

    @given(scenarios(f"{SUBJECT}:refused"))
    @QUIETLY
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(
        UsageError, match=r"two fault-free runs differ: the first asked no model .nobody answers., and the second"
    ):
        holds()


def test_what_failed_once_and_never_again_is_shown_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    first = iter([True])

    def once(scenario: Scenario, **asked: Any) -> Trial:
        trial = play(scenario, **asked)
        if not next(first, False):
            return trial
        verdict = unusable.by_chance("it broke", "broken")
        return replace(trial, report=replace(trial.report, verdicts=(verdict,)))

    monkeypatch.setattr(surviving, "play", once)

    @given(scenarios("fixtures.agents.till:agent", tools={"charge": "repeatable"}, rounds=1))
    @QUIETLY
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive, match=r"(?s)it broke.*failed when it was drawn and in none of 10 runs"):
        holds()


@pytest.mark.parametrize("found_before", [False, True])
def test_of_such_a_story_both_ends_are_told_unless_something_was_found(found_before: bool) -> None:
    shared = Patience(test=object())
    first, second = sent(shared, ends=True), sent(shared, ends=False)
    first.all_is_well()
    other = DoesNotSurvive(first.episode.scenario, first.episode.judge())
    shared.best = other if found_before else None

    with pytest.raises(EndsSearch, match="does not always end like this") as caught:
        second.all_is_well()

    for service in (first, second):
        service.teardown()
    words = "came to two ends: run 1 has ended well; and the next time: run 1 has not ended"
    assert [words in finding.message for finding in caught.value.report.findings] == [True] * (not found_before)
    assert (caught.value.report is other.report) is found_before
    assert caught.exconly().startswith("harness.DoesNotSurvive: ")
    assert "contextlib.py" not in {entry.path.name for entry in caught.traceback.filter(caught)}
