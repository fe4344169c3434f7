"""Fault-free runs that cannot be compared with say why, in real processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import SubjectError, UsageError
from harness.explore import sweep as exploring
from harness.explore import unusable, written
from harness.history import UnitLeft
from harness.report import terminal
from harness.scenario import Scenario
from harness.verdict import Finding, Owner, Status
from tests.builders import KEEPS_ALL, Story, a_case

KEYS = "fixtures.engines.one_key_for_two_tools"

ENDS = [
    pytest.param(
        "waits", "waits-for-ever", ("body of `wait`", "never returned", "the stacks are in line"), id="a body hangs"
    ),
    pytest.param("leaves", "baseline-failed", ("ended by itself with code 3", "that of `leave`"), id="os._exit"),
    pytest.param("exits", "baseline-failed", ("ended by itself with code 1", "no configuration"), id="sys.exit"),
    pytest.param("faults", "baseline-failed", ("ended by SIGSEGV", "that of `fault`"), id="a signal"),
    pytest.param("raises", "baseline-failed", ("in the body of `fail`: ValueError: no such order",), id="an exception"),
    pytest.param("keeps", "baseline-failed", ("when `session` had returned", "record its result"), id="no record"),
]


def found(agent: str, out: Path, **given: Any) -> Finding:
    scenario = Scenario.make(subject=f"tests.explore.enders:{agent}", engine="journal", stall=1.5, **given)
    report = exploring.sweep(scenario, ["journal"], out=out)
    assert report.status is Status.FAILED
    (finding,) = report.findings
    return finding


@pytest.mark.parametrize(("agent", "rule", "said"), ENDS)
def test_a_fault_free_run_that_does_not_end_well_says_why(
    tmp_path: Path, agent: str, rule: str, said: tuple[str, ...]
) -> None:
    finding = found(agent, tmp_path)

    assert finding.rule == rule
    assert [text for text in said if text not in finding.message] == []
    assert "no outcome was written" not in finding.message
    shown, _history = exploring.show(max(tmp_path.glob("*/journal/*-baseline")))
    assert [(told.rule, told.remedy) for told in shown.findings] == [(rule, finding.remedy)]


FIRST = {"call": "find", "args": {"order_id": "first"}}
SECOND = {"call": "find", "args": {"order_id": "second"}}


@pytest.mark.parametrize(
    ("agent", "script"),
    [
        ("picky", [FIRST, SECOND, "done"]),
        ("asking", {"agents": {"asking": [{"call": "ask"}, "done"], "picky": [FIRST, "done"]}}),
    ],
)
def test_a_model_that_is_asked_again_and_says_the_same_is_told_of_the_script(
    agent: str, script: Any, tmp_path: Path
) -> None:
    finding = found(agent, tmp_path, script=script)

    assert "'find' exceeded max retries" in finding.message
    assert "says the same again unless the call or the turn has `on_retry`" in finding.remedy


def test_a_tool_that_raises_when_it_is_asked_again_is_told_of_the_tool(tmp_path: Path) -> None:
    finding = found("picky", tmp_path, script=[{**FIRST, "on_retry": SECOND}, "done"])

    assert "in the body of `find`: ValueError: no such order" in finding.message
    assert finding.remedy.startswith("make `find` succeed first")


DYING, WORLD = "tests.explore.dying", "tests.explore.dying:world"
RUNS = {"script": [["done"], ["done"]], "invocations": ({"prompt": "For Ada."}, {"prompt": "For Grace."})}
EARLY = [
    pytest.param("Leaving", {}, Owner.ENGINE, "leaving ends the process", id="at once"),
    pytest.param("Second", RUNS, Owner.ENGINE, "second ends the process", id="at a later run"),
    pytest.param(
        "Leaving", {"world": f"{DYING}:world"}, Owner.CONFIGURATION, "`tests.explore.dying:world`", id="world"
    ),
]


@pytest.mark.parametrize(("engine", "given", "owner", "remedy"), EARLY)
def test_what_ends_before_the_subject_is_called_is_told_of_the_engine(
    tmp_path: Path, engine: str, given: dict[str, Any], owner: Owner, remedy: str
) -> None:
    scenario = Scenario.make(subject="tests.explore.enders:waits", engine=f"{DYING}:{engine}", **given)

    (finding,) = exploring.sweep(scenario, [scenario.engine], out=tmp_path).findings

    said = f"{engine.lower()} was still starting the run, and nothing of the subject had been called"
    assert "the process ended by itself with code 3" in finding.message
    assert finding.message.endswith(said)
    assert finding.owner is owner
    assert remedy in finding.remedy


def test_an_agent_that_ends_the_process_before_any_body_of_it_is_told_of_the_agent(tmp_path: Path) -> None:
    scenario = Scenario.make(subject="tests.explore.enders:enters", engine="none")

    (finding,) = exploring.sweep(scenario, ["none"], out=tmp_path).findings

    assert "with code 5" in finding.message
    assert finding.owner is Owner.CONFIGURATION
    assert "find out what in the agent ends the process" in finding.remedy


def test_what_an_engine_raises_as_it_is_prepared_is_told_of_the_engine(tmp_path: Path) -> None:
    scenario = Scenario.make(subject="tests.explore.enders:waits", engine=f"{DYING}:Unready")

    with pytest.raises(SubjectError, match=r"^`UnreadyWorker.prepare` of the engine raised RuntimeError: no licence$"):
        exploring.sweep(scenario, [scenario.engine], out=tmp_path)


NEVER_ENDS = {"waits": ("wait", "the body of `wait`"), "leaves": ("leave", "ended by itself with code 3")}


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("agent", NEVER_ENDS)
def test_one_of_two_invocations_that_never_ends_leaves_nothing_to_compare_with(
    agent: str, which: int, tmp_path: Path
) -> None:
    call, words = NEVER_ENDS[agent]
    script: list[list[Any]] = [["done"], ["done"]]
    script[which - 1].insert(0, {"call": call, "args": {}})
    runs = ({"prompt": "For Ada."}, {"prompt": "For Grace."})
    finding = found(agent, tmp_path, script=script, invocations=runs)

    assert f"invocation {which} has no outcome: " in finding.message
    assert words in finding.message


def test_what_fails_under_an_engine_given_by_its_place_is_told_under_its_name_and_held_to_what_is_expected(
    tmp_path: Path,
) -> None:
    scenario = Scenario.make(subject="tests.explore.enders:raises", engine=f"{KEYS}:Engine", expected="passed")
    report = exploring.run(scenario, out=tmp_path)

    assert [run.engine for run in report.runs] == [sweep.engine for sweep in report.engines]
    said = terminal.render_run(report)
    assert f"under {KEYS.rpartition('.')[2]}: FAILED" in said
    assert "no such order" in said
    assert "the scenario expects passed under one_key_for_two_tools, and this is failed" in " ".join(said.split())


def unrecorded(step: str, unit: str = "ok") -> Finding:
    """The verdict on a run that an error ended after the body of `step` had returned, in its unit or after that."""
    story = Story().life().entered(step, unit="u1").left(step)
    story.events.append(UnitLeft(unit="u1", step=step, claimed=True, outcome=unit, error="KeyError: 1", pid=story.pid))
    history = story.failed("no such character", "UnicodeEncodeError").dies("exit").ended().history()
    told = unusable.failed(history, a_case(story, story).scenario, KEEPS_ALL)
    assert told is not None
    (finding,) = told.findings
    return finding


def test_what_a_tool_returns_is_to_be_what_the_engine_can_record():
    finding = unrecorded("tool:charge#1")
    assert (finding.owner, finding.remedy) == (Owner.CONFIGURATION, "let `charge` return what keeper can record")


def test_what_a_model_answers_is_to_be_recorded_by_the_engine_whatever_it_is():
    finding = unrecorded("model#1")
    assert finding.owner is Owner.ENGINE
    assert finding.remedy.startswith("let keeper record whatever a model may answer")


def test_what_raises_beside_a_model_request_is_not_told_against_the_engine():
    finding = unrecorded("model#1", unit="error")
    assert finding.owner is Owner.CONFIGURATION
    assert finding.remedy == "find out what raised beside the request of `model#1`: KeyError: 1"


def test_a_script_that_cannot_be_made_because_deps_are_missing_says_that_they_are(tmp_path: Path) -> None:
    scenario = Scenario.make(subject="tests.explore.enders:needs", engine="none")
    with pytest.raises(UsageError, match="deps of type Customer and none were given; it needs name"):
        written.script(scenario, out=tmp_path)
