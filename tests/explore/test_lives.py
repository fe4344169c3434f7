"""What a scenario with `lives` is compared with: its runs in one process that nobody ends, whoever compares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_ai import Agent

from harness.explore.properties import DoesNotSurvive, close_benches, survives
from harness.explore.properties.episode import Episode
from harness.explore.properties.offered import offer_of
from harness.explore.properties.reproduction import regression
from harness.explore.sweep import run
from harness.plugin.desk import Desk
from harness.plugin.options import Settings
from harness.scenario import Scenario
from harness.subjects.script import Call, Turn
from harness.verdict import Status

calls: list[str] = []
counts = Agent("test", name="counts")


@counts.tool_plain
def count(what: str) -> str:
    """Its answer is in the memory of the process that gave the last one."""
    calls.append(what)
    return f"call {len(calls)}"


@pytest.fixture(autouse=True)
def no_bench_stays_open() -> Iterator[None]:
    yield
    close_benches()


@pytest.fixture
def story(tmp_path: Path) -> Scenario:
    """What a machine writes down of two prompts, each to a process of its own, that end otherwise than in one."""
    given = Scenario.make(subject=f"{__name__}:counts", tools={"count": "repeatable"})
    episode = Episode(given, offer_of(given))
    for prompt in ("This is prompt 1.", "This is prompt 2."):
        assert episode.live(episode.begin([Turn(calls=(Call("count", {"what": "a"}),)), Turn(text="done")], prompt))
    report = episode.judge()
    episode.close()
    assert report.status is Status.FAILED
    file = tmp_path / "story.yaml"
    file.write_text(regression(episode.scenario, report), "utf-8")
    return Scenario.from_yaml(file)


def test_the_story_of_a_machine_fails_again_wherever_it_is_replayed(story: Scenario, tmp_path: Path) -> None:
    assert (story.lives, story.faults) == (((1,), (2,)), ())
    replayed = run(story, out=tmp_path)
    desk = Desk(Settings(), tmp_path / "desk", "lives", "main")
    shown = desk.report(story)
    desk.close()
    with pytest.raises(DoesNotSurvive) as again:
        survives(story)

    said = [replayed.findings, shown.findings, again.value.report.findings]
    assert replayed.status is shown.status is Status.FAILED
    assert [{"'call 2' became 'call 1'" in finding.message for finding in found} for found in said] == [{True}] * 3


def test_a_process_that_takes_up_both_runs_is_what_it_is_compared_with(story: Scenario, tmp_path: Path) -> None:
    assert run(story.model_copy(update={"lives": ((1, 2),)}), out=tmp_path).status is Status.PASSED
