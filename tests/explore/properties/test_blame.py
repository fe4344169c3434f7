"""A run that fails without any fault: the conversation's failure is discarded, the engine's is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given

from harness.contract import Contract
from harness.explore import unusable
from harness.explore.properties import DoesNotSurvive, blame, close_benches, durable, scenarios, survives
from harness.explore.properties.episode import Episode
from harness.explore.properties.offered import offer_of
from harness.explore.properties.reproduction import to_yaml
from harness.explore.properties.trials import Unfit, play
from harness.explore.sweep import run
from harness.scenario import Scenario
from harness.subjects.script import Turn
from harness.verdict import Owner, Status, Verdict
from tests.builders import Story

TILL = "fixtures.agents.till:agent"
LACKING = "tests.explore.properties.lacking"
CHARGE = {"call": "charge", "args": {"order_id": "a", "cents": 1}}
ORDER = "fixtures.workflows.dbos_orders:settle"
"""What runs under its engine only."""
CONTRACT = Contract(engine="dbos", unit="step", records=frozenset({"model", "tool", "run"}), recovery="on_restart")
ALONE = "the agent alone, without an engine, "


@pytest.fixture(scope="module", autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


def test_what_the_engine_cannot_record_is_found_and_replays(tmp_path: Path) -> None:
    @given(scenarios(TILL, [f"{LACKING}:AsciiOnly"], rounds=1))
    @durable(max_examples=100, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    def holds(scenario: Scenario) -> None:
        survives(scenario)

    with pytest.raises(DoesNotSurvive, match="fails without any fault") as caught:
        holds()

    found = caught.value.scenario
    assert found.faults == ()
    (finding,) = caught.value.report.findings
    assert "UnicodeEncodeError" in finding.message
    assert finding.message.endswith(f"{ALONE}gets through the same conversation")
    assert finding.owner is Owner.ENGINE
    file = tmp_path / "found.yaml"
    file.write_text(to_yaml(found), "utf-8")
    assert run(Scenario.from_yaml(file), out=tmp_path).status is Status.FAILED


REJECTED: dict[str, tuple[str, Any]] = {
    "the agent": (TILL, [{"call": "charge", "args": {}}, "done"]),
    "a tool's body": ("tests.explore.enders:raises", [{"call": "fail", "args": {}}, "done"]),
    "a tool that ends the process": ("tests.explore.enders:leaves", [{"call": "leave", "args": {}}, "done"]),
}


@pytest.mark.parametrize("engine", ["journal", "none"])
@pytest.mark.parametrize(("subject", "script"), REJECTED.values(), ids=REJECTED)
def test_what_the_agent_rejects_by_itself_is_no_failure(subject: str, script: Any, engine: str) -> None:
    with pytest.raises(Unfit, match="fails without any fault"):
        play(Scenario.make(subject=subject, engine=engine, script=script))


def test_what_a_tool_returns_and_the_engine_cannot_record_is_the_persons_to_mend() -> None:
    trial = play(Scenario.make(subject="tests.explore.enders:scans", script=[{"call": "scan", "args": {}}, "done"]))

    (finding,) = trial.report.findings
    assert (finding.owner, finding.remedy) == (Owner.CONFIGURATION, "let `scan` return what journal can record")
    assert "gets through" in finding.message


HANGS = {
    "the engine": (TILL, f"{LACKING}:CallsOnce", [CHARGE, CHARGE, "done"], "gets through the same conversation"),
    "the agent": ("tests.explore.enders:waits", "journal", [{"call": "wait", "args": {}}, "done"], "hangs in the same"),
}


@pytest.mark.parametrize(("subject", "engine", "script", "words"), HANGS.values(), ids=HANGS)
def test_a_run_that_hangs_without_any_fault_is_a_failure(subject: str, engine: str, script: Any, words: str) -> None:
    scenario = Scenario.make(subject=subject, engine=engine, script=script, stall=1.0, faults=["crash@model#1/before"])

    with pytest.raises(DoesNotSurvive) as caught:
        survives(scenario)

    (finding,) = caught.value.report.findings
    assert finding.check == "liveness"
    assert f"{ALONE}{words}" in finding.message
    assert "of the journal" not in finding.message  # which is deleted
    assert caught.value.scenario.faults == ()


def test_several_runs_in_one_store_fail_for_it_whosever_error_it_is() -> None:
    subject = Scenario.make(subject=TILL, engine=f"{LACKING}:AsciiOnly")
    episode = Episode(subject, offer_of(subject))
    assert episode.live(episode.begin([Turn(text="東京")], "This is prompt 1."))

    with pytest.raises(DoesNotSurvive, match="gets through the same conversation"):
        episode.judge()

    episode.close()


def asked() -> Story:
    return Story().life().entered("run").kept("model#1")


def raised(kind: str) -> Story:
    return asked().failed(kind=kind).dies("exit").ended()


def judged(story: Story) -> Verdict | None:
    """What is held against the run of a workflow that does not run without its engine."""
    scenario, history = Scenario.make(subject=ORDER, engine="dbos"), story.history()
    why = unusable.failed(history, scenario, CONTRACT)
    assert why is not None
    return blame.held_against(why, history, scenario, CONTRACT)


@pytest.fixture
def tied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blame, "_tied", {ORDER})


@pytest.mark.usefixtures("tied")
def test_a_workflow_is_judged_by_where_its_error_was_raised() -> None:
    failing = asked().entered("tool:charge#1").left("tool:charge#1", "error", error="ValueError: no")
    unkept = asked().entered("tool:charge#1", recorded=True).left("tool:charge#1")

    assert judged(failing.failed(kind="ValueError").dies("exit").ended()) is None
    assert judged(raised("UnexpectedModelBehavior")) is None
    assert judged(unkept.failed(kind="ValueError").dies("exit").ended()) is not None


@pytest.mark.usefixtures("tied")
def test_a_workflow_that_hangs_is_a_failure_but_not_one_whose_step_raises_for_ever() -> None:
    endless = asked()
    for _ in range(5):
        endless.entered("tool:charge#1").left("tool:charge#1", "error", error="ValueError: no")

    assert judged(asked().entered("tool:charge#1").dies("hang").ended("stuck")) is not None
    assert judged(endless.dies("hang").ended("stuck")) is None


@pytest.mark.usefixtures("tied")
def test_what_cannot_be_told_of_a_workflow_is_said() -> None:
    with pytest.warns(UserWarning, match="a conversation was left out, and whether dbos failed at it or .*settle"):
        assert judged(raised("RuntimeError")) is None


@pytest.mark.engine(name="dbos")
def test_a_workflow_does_not_run_without_its_engine() -> None:
    story = asked().entered("tool:charge#1").dies("hang").ended("stuck")

    assert judged(story) is not None
    assert ORDER in blame._tied


def test_a_search_does_not_hang_again_and_again() -> None:
    """What is smaller is looked for when Hypothesis has done, and only a few of that may hang."""
    drawn: list[Scenario] = []

    @given(scenarios(TILL, [f"{LACKING}:CallsOnce"], stall=1.0))
    @durable(max_examples=100, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink])
    def holds(scenario: Scenario) -> None:
        drawn.append(scenario)
        survives(scenario)

    with pytest.raises(DoesNotSurvive, match="fails without any fault") as caught:
        holds()

    assert len({str(scenario.script) for scenario in drawn if not scenario.faults}) == 1
    assert sum(len(turn.get("calls", "1")) for turn in caught.value.scenario.script if isinstance(turn, dict)) == 2
