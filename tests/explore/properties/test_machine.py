"""Several runs that share a store: the machine finds what no single run can show, and its story replays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, find
from hypothesis.stateful import run_state_machine_as_test
from pydantic_ai import Agent

import harness
from fixtures.engines.rare import RARE
from harness.errors import UsageError
from harness.explore.properties import (
    DoesNotSurvive,
    DurableMachine,
    close_benches,
    durable,
    machine,
    scenarios,
    survives,
)
from harness.explore.properties.episode import Episode
from harness.explore.properties.offered import offer_of
from harness.explore.properties.patience import CUT_SHORT, HANGS
from harness.explore.properties.plans import Strike
from harness.explore.properties.reproduction import regression, to_yaml
from harness.explore.properties.trials import Unfit
from harness.explore.sweep import run, sweep
from harness.faults import Fault
from harness.history import ProcessEnded
from harness.scenario import Scenario
from harness.subjects.script import Call, Turn
from harness.verdict import Owner, Status

CRASH = Strike("crash", "before")
SHARED = [name for name in RARE if name != "forgets_in_the_third_life"]


SHORTEST: dict[str, tuple[list[Any], str, list[int]]] = {
    "mixes_up_runs": ([["done"], ["done"]], "no fault", [1, 2]),
    "leaks_a_claim": ([["done"], ["done"]], "crash@model#1/before", [1, 1, 2]),
}
"""The shortest stories of engines that are wrong between runs, to which Hypothesis shrinks what it finds. In which
order the processes take the runs up is not among what makes a story short."""


class Till(DurableMachine):
    """Prompts to the till."""

    subject = "fixtures.agents.till:agent"
    scenario: dict[str, Any] = {"tools": {"charge": "repeatable"}, "stall": 1.5}  # noqa: RUF012 (as the base has it)
    most_runs = 4


@pytest.fixture(autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def tried(service: type[DurableMachine], examples: int, *phases: Phase, steps: int = 5) -> None:
    quietly = durable(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        phases=[Phase.generate, *phases],
    )
    run_state_machine_as_test(service, settings=quietly)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_what_is_wrong_between_runs_is_found_and_replays_without_the_machine(name: str, tmp_path: Path) -> None:
    service = type("Machine", (Till,), {"engine": f"fixtures.engines.rare.{name}:Engine"})
    shrunk = [Phase.shrink] if name in SHORTEST else []

    with pytest.raises(DoesNotSurvive) as caught:
        tried(service, 150, *shrunk)

    assert story(caught.value.scenario) == SHORTEST.get(name, story(caught.value.scenario))
    file = tmp_path / "found.yaml"
    file.write_text(to_yaml(caught.value.scenario), "utf-8")
    with pytest.raises(DoesNotSurvive) as again:
        survives(Scenario.from_yaml(file))
    assert groups(caught.value) & groups(again.value)
    assert ours(caught) == ours(again) == []


def test_no_crash_of_a_single_run_shows_any_of_it(tmp_path: Path) -> None:
    engines = [f"fixtures.engines.rare.{name}:Engine" for name in SHARED]
    single = Scenario.make(subject=Till.subject, **Till.scenario)

    report = sweep(single, engines, out=tmp_path, jobs=2)

    assert [(one.status, one.partial) for one in report.engines] == [(Status.PASSED, False)] * 4


def story(scenario: Scenario) -> tuple[list[Any], str, list[int]]:
    """What was said, what went wrong, and which runs the processes took up."""
    return scenario.script, str(scenario.plan), sorted(number for life in scenario.lives for number in life)


def groups(failure: DoesNotSurvive) -> set[tuple[str, ...]]:
    return {finding.group for finding in failure.report.findings}


def ours(caught: pytest.ExceptionInfo[Any]) -> list[str]:
    """The frames of ours that pytest would show, with or without our plugin."""
    room = Path(harness.__file__).parent
    return [entry.name for entry in caught.traceback.filter(caught) if room in Path(entry.path).parents]


def test_a_file_of_the_machine_says_whose_errors_count_and_passes_once_the_engine_is_right(tmp_path: Path) -> None:
    service = type("Machine", (Till,), {"engine": "fixtures.engines.rare.mixes_up_runs:Engine"})()
    service.open_the_store()
    for prompt, fault in (("This is prompt 1.", Fault.parse("lost@run")), ("This is prompt 2.", None)):
        service.episode.live(service.episode.begin([Turn(text="done")], prompt), fault)

    with pytest.raises(DoesNotSurvive, match=r"failed\n  - cache, engine: invocation 2 was given") as caught:
        service.all_is_well()

    service.teardown()
    file = tmp_path / "found.yaml"
    file.write_text(regression(caught.value.scenario, caught.value.report), "utf-8")
    found = Scenario.from_yaml(file)
    assert (found.owners, found.why[:24]) == (tuple(sorted(Till.owners)), "invocation 2 was given w")
    ends = [run(found.model_copy(update={"engine": engine}), out=tmp_path) for engine in (found.engine, "journal")]
    assert [end.status for end in ends] == [Status.FAILED, Status.PASSED]


def test_a_machine_that_nobody_must_answer_to_is_refused() -> None:
    with pytest.raises(UsageError, match=r"`owners` is frozenset.*; name at least one"):
        type("Machine", (Till,), {"owners": frozenset()})().open_the_store()


def test_the_reference_engine_keeps_runs_apart() -> None:
    tried(Till, 6)


def test_a_conversation_that_says_nothing_ends_quietly_when_hypothesis_has_ended_the_example(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Till()
    service.open_the_store()
    service.judged = -1  # something has happened since the last look

    def judge() -> None:
        raise Unfit("it fails without faults, too")

    monkeypatch.setattr(service.episode, "judge", judge)

    service.teardown()


@pytest.mark.slow
def test_a_search_does_not_hang_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hung: list[bool] = []

    class Counted(Episode):
        def close(self) -> None:
            hung.append(self.hung)
            super().close()

    monkeypatch.setattr(machine, "Episode", Counted)
    waits = {"engine": CALLS_ONCE, "scenario": {**Till.scenario, "stall": 1.0}}

    with pytest.raises(DoesNotSurvive, match=f"(?s)gets through the same conversation.*{CUT_SHORT}"):
        tried(type("Machine", (Till,), waits), 80, Phase.shrink)

    assert 0 < sum(hung) <= HANGS + 2


CALLS_ONCE = "tests.explore.properties.lacking:CallsOnce"


@pytest.mark.parametrize(("engine", "calls", "hung"), [("journal", 1, False), (CALLS_ONCE, 2, True)])
def test_only_a_hang_that_was_no_fault_of_a_story_spends_patience(engine: str, calls: int, hung: bool) -> None:
    given = Scenario.make(subject="fixtures.agents.till:agent", engine=engine, stall=1.0)
    episode = Episode(given, offer_of(given))
    charge = Call("charge", {"order_id": "a", "cents": 1})
    number = episode.begin([Turn(calls=(charge,) * calls), Turn(text="done")], "This is prompt 1.")

    episode.live(number, None if hung else episode.fault(number, Strike("hang", "before"), 0))

    assert [end.cause for end in episode.history.of(ProcessEnded)] == ["hang"]
    assert episode.hung is hung
    episode.close()


def test_a_fault_strikes_a_step_of_an_agent_that_a_tool_asks() -> None:
    given = Scenario.make(subject="fixtures.agents.gallery:outer")
    episode = Episode(given, offer_of(given))
    number = episode.begin([Turn(calls=(Call("delegate", {"task": "a"}),)), Turn(text="done")], "This is prompt 1.")
    asked = "tool:delegate#1.model#1"

    fault = next(fault for at in range(6) if (fault := episode.fault(number, CRASH, at)) and fault.step == asked)
    episode.live(number, fault)

    assert episode.scenario.faults == (f"crash@{asked}/before",)
    episode.close()


held = Agent("test", name="held")


def test_the_subject_may_be_what_a_module_holds() -> None:
    service = type("Held", (DurableMachine,), {"subject": held})()

    service.open_the_store()

    assert service.episode.scenario.subject == f"{__file__}:held"
    service.teardown()


class Idle(Till):
    """A till that is given no fault that could happen."""


def test_a_machine_that_tried_no_fault_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Episode, "fault", lambda *_: Fault("crash", "tool:nothing#1", "before"))
    case = type("Idle", (Till,), {}).TestCase
    case.settings = durable(max_examples=6, stateful_step_count=3, derandomize=True, database=None)

    with pytest.warns(
        UserWarning, match=r"Idle tried no fault: in its stories [1-9]\d* were planned and none happened"
    ):
        case("runTest").runTest()


@pytest.mark.engine(name="dbos")
def test_a_workflows_own_steps_are_struck_and_so_is_what_it_does_outside_of_them() -> None:
    class Orders(DurableMachine):
        subject = "fixtures.workflows.dbos_orders:settle"
        engine = "dbos"
        owners = frozenset(Owner)

    with pytest.raises(DoesNotSurvive, match="the effect `letter` happened") as caught:
        tried(Orders, 40)

    assert re.search(r"crash@run(#\d)?/between", str(caught.value.scenario.plan))


@pytest.mark.engine(name="dbos")
def test_without_an_agent_there_is_no_conversation_and_faults_can_be_drawn_all_the_same() -> None:
    packing = {"deps": {"order": 7}}
    parcel: dict[str, Any] = {"subject": "fixtures.workflows.dbos_orders:pack", "engine": "dbos", "scenario": packing}

    with pytest.raises(UsageError, match=r"asked no model; let `scenarios\(..., script=\[\]\)` draw its") as caught:
        tried(type("Parcels", (DurableMachine,), parcel), 3)

    assert ours(caught) == []
    asked = {"script": [], "invocations": [{"prompt": "one", **packing}, {"prompt": "two", **packing}]}
    drawn = find(scenarios(parcel["subject"], "dbos", **asked), lambda each: "run#2.step:ship#1" in str(each.plan))
    assert len(drawn.faults) == 1


@pytest.mark.engine(name="dbos")
def test_dbos_keeps_runs_apart() -> None:
    tried(type("Machine", (Till,), {"engine": "dbos", "most_runs": 2}), 3, steps=3)


@pytest.mark.engine(name="dbos")
def test_a_store_that_was_looked_at_is_looked_at_anew_after_the_next_run() -> None:
    given = Scenario.make(subject=Till.subject, engine="dbos", **Till.scenario)
    episode = Episode(given, offer_of(given))

    for prompt in ("This is prompt 1.", "This is prompt 2."):
        assert episode.live(episode.begin([Turn(text="done")], prompt))
        assert episode.judge().findings == ()

    episode.close()
