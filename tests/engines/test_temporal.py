"""The Temporal adapter: real workflows on a real server, real deaths of real workers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.engines.temporal.engine import TemporalEngine
from harness.faults import FaultPlan
from harness.history import EngineRecord, History, Note, Observation, RunEnded, StepEntered, UnitTried
from harness.journal import load
from harness.process.tally import TRIES
from harness.process.zygote import Zygote
from harness.runner import SEEDS, Bench
from harness.scenario import Scenario
from tests.engines import temporal_lab

PAYS = ["model#1", "tool:charge#1", "model#2"]
CHARGE = "agent__capable__toolset__<agent>__call_tool#1"


@dataclass
class Lived:
    """A run that is over."""

    history: History
    folder: Path

    def bodies(self, incarnation: int) -> list[str]:
        """The steps whose bodies ran in one life, in order; `run` left out."""
        ran = [run for run in self.history.executions if run.incarnation == incarnation]
        return [run.step for run in ran if run.step != "run"]

    def ended(self, invocation: int = 1) -> tuple[str, Any]:
        outcome = self.history.outcomes[invocation]
        return outcome.status, outcome.output

    def record(self, unit: str) -> EngineRecord:
        [found] = [record for record in self.history.of(EngineRecord) if record.unit == unit]
        return found

    def tried(self, unit: str) -> list[tuple[int, int, int]]:
        """For each attempt at a unit: the life, Temporal's number, and how many are declared (0: any number)."""
        made = [tried for tried in self.history.of(UnitTried) if tried.unit == unit]
        return [(tried.incarnation, tried.attempt, tried.tries) for tried in made]

    @property
    def replays(self) -> list[bool]:
        return [seen.value["ok"] for seen in self.history.of(Observation) if seen.name == "replay"]

    @property
    def notes(self) -> str:
        return " ".join(note.text for note in self.history.of(Note))


Live = Callable[..., Lived]


def _prepare(subject: str, **scenario: Any) -> dict[str, Any]:
    """The argument of `worker.prepare` for a subject, a bare name being one of the fixture agents."""
    path = subject if ":" in subject else f"{temporal_lab.AGENTS}:{subject}"
    values = {"script": scenario.get("script"), "deps": scenario.get("deps"), "options": scenario.get("options", {})}
    return {"subject": path, "worker": TemporalEngine.worker, "scale": scenario.get("time_scale"), **values}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Zygote], Any, Path]]:
    folder, _prepared = tmp_path_factory.mktemp("temporal"), _prepare("capable")
    with ExitStack() as stack:
        zygotes = [
            stack.enter_context(
                Zygote(
                    "tests.engines.temporal_lab:preload",
                    _prepare("capable"),
                    hash_seed=seed,
                    env=None,
                    log=folder / f"{seed}.log",
                )
            )
            for seed in SEEDS
        ]
        session = stack.enter_context(TemporalEngine().session({}, folder / "session"))
        for zygote in zygotes:
            assert zygote.ready(120).threads == ()
        yield zygotes, session, folder


@pytest.fixture(scope="module")
def live(lab: tuple[list[Zygote], Any, Path]) -> Live:
    zygotes, session, folder = lab

    def run(subject: str, *faults: str, baseline: History | None = None, **scenario: Any) -> Lived:
        prepare = _prepare(subject, **scenario)
        labs: Any = [temporal_lab.Lab(zygote, prepare, _prepare("capable")) for zygote in zygotes]
        tried = Scenario.make(subject=prepare["subject"], engine="temporal", **scenario)
        bench = Bench(tried, TemporalEngine(), session, labs, folder, cold=False)
        lived = bench.run(FaultPlan.parse(faults), baseline=baseline, name=uuid.uuid4().hex)
        return Lived(load(lived / "journal.jsonl"), lived)

    return run


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        ("crash@run/before", PAYS),
        ("crash@model#1/before", PAYS),
        ("crash@model#1/between", PAYS),
        ("crash@model#1/after", ["tool:charge#1", "model#2"]),
        ("crash@tool:charge#1/before", ["tool:charge#1", "model#2"]),
        ("crash@tool:charge#1/between", ["tool:charge#1", "model#2"]),
        ("crash@tool:charge#1/after", ["model#2"]),
        ("crash@model#2/between", ["model#2"]),
        ("crash@model#2/after", []),
        ("crash@run/between", []),
        ("crash@run/after", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_recorded_is_replayed_and_what_was_in_flight_runs_again(
    live: Live, fault: str, again: list[str]
) -> None:
    lived = live("capable", fault)
    assert [death.cause for death in lived.history.deaths()] == ["crash"]
    assert lived.bodies(2) == again
    assert lived.ended() == ("ok", "done")
    assert lived.replays == [True]


def test_every_step_is_recorded_by_an_activity_and_the_run_by_its_workflow(live: Live) -> None:
    lived = live("capable")
    assert lived.bodies(1) == PAYS
    assert lived.history.recorded_steps() == {*PAYS, "run"}
    units = {event.step: event.unit for event in lived.history.of(StepEntered)}
    assert units["tool:charge#1"] == CHARGE
    recorded = {record.unit: record.status for record in lived.history.of(EngineRecord)}
    assert recorded == dict.fromkeys(units.values(), "recorded")


def test_a_dead_worker_is_the_engines_own_account_of_a_second_attempt(live: Live) -> None:
    lived = live("capable", "crash@tool:charge#1/between")
    assert lived.tried(CHARGE) == [(1, 1, 0), (2, 2, 0)], "counted over all lives, of which none is the last"
    record = lived.record(CHARGE)
    assert (record.status, record.attempts) == ("recorded", 2)
    assert "START_TO_CLOSE" in record.detail["last_failure"]
    assert record.detail["configured"]["start_to_close_timeout"] == 60
    assert record.detail["effective"]["start_to_close_timeout"] == 60  # healthy bodies keep their time


def test_code_that_no_other_process_can_replay_is_observed(live: Live) -> None:
    lived = live("unstable", stall=3)
    assert lived.replays == [False]


def test_code_that_the_sandbox_refuses_is_told_in_the_engines_words(live: Live) -> None:
    lived = live("undecided", stall=5)
    assert lived.history.outcomes == {}
    assert "cannot run the workflow's own code" in lived.notes
    assert "random.random" in lived.notes


SUBJECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bare": ("tool:charge#1", {}),
    "nameless": ("tool:charge#1", {}),
    "wrapped": ("tool:charge#1", {}),
    "made": ("tool:charge#1", {}),
    "with_deps": ("tool:greet#1", {"deps": {"name": "corner shop"}}),
    "sync_tool": ("tool:charge_in_thread#1", {}),
    "streaming": ("event#1", {}),
    "with_mcp": ("tool:forecast#1", {}),
    "validated": ("model#1+1", {}),
    "outer": ("tool:delegate#1.tool:charge#1", {}),
    "pydantic_ai_examples.roulette_wheel:roulette_agent": ("tool:roulette_wheel#1", {"deps": {"winning_number": 18}}),
}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_whatever_an_agent_uses_it_comes_back(live: Live, subject: str) -> None:
    step, scenario = SUBJECTS[subject]
    whole = live(subject, **scenario)
    crashed = live(subject, f"crash@{step}/between", **scenario)
    assert step in crashed.bodies(2)
    assert crashed.ended() == whole.ended()
    assert crashed.ended()[0] == "ok"
    assert crashed.replays == whole.replays == [True]


def test_parallel_calls_come_back_each_by_itself(live: Live, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(
        "- calls: [{call: first, args: {order_id: a}}, {call: second, args: {order_id: b}}]\n- text: done\n"
    )
    whole = live("several", script=str(script))
    lived = live("several", "crash@tool:second#1/between", script=str(script), baseline=whole.history)
    assert lived.bodies(2) == ["tool:second#1", "model#2"]


def test_a_second_invocation_goes_on_with_the_history_of_the_first(live: Live) -> None:
    invocations = [{"prompt": "one"}, {"prompt": "two", "continues": True}]
    lived = live("capable", "crash@run#2.model#1/between", invocations=invocations)
    assert lived.ended(1) == lived.ended(2) == ("ok", "done")
    assert len(lived.history.outcomes[2].messages) > len(lived.history.outcomes[1].messages)
    assert lived.replays == [True, True]


def test_a_workflow_of_the_persons_own_may_run_an_agent_twice(live: Live) -> None:
    lived = live("fixtures.workflows.temporal_greeting:Greeting", "crash@run#2.model#1/between")
    assert lived.bodies(1)[:3] == ["model#1", "tool:look_up#1", "model#2"]
    assert [step for step in lived.bodies(2) if step != "run#2"] == [
        "run#2.model#1",
        "run#2.tool:look_up#1",
        "run#2.model#2",
    ]
    assert lived.ended() == ("ok", "done")
    assert lived.replays == [True]


def test_an_agent_that_a_workflow_does_not_name_is_served_as_its_authors_worker_would(live: Live) -> None:
    lived = live("fixtures.workflows.temporal_served:Served", "crash@tool:look_up#1/after")
    assert lived.bodies(1) == ["model#1", "tool:look_up#1"]
    assert lived.bodies(2) == ["model#2"]
    assert lived.ended() == ("ok", "done")


def test_a_child_workflow_that_nobody_would_serve_is_refused_and_not_waited_for(live: Live) -> None:
    outcome = live("fixtures.workflows.temporal_parent:Lost").history.outcomes[1]
    assert outcome.status == "error"
    assert "UserError: the child workflow 'Elsewhere' is served by no worker here" in str(outcome.error)


PACKED = ["model#1", "step:ship#1", "step:ship#2"]
CHILDREN = {f"step:Pack#{number}" for number in (1, 2)}
PARCELS = {"step:ship#1", *CHILDREN, *(f"{child}.{step}" for child in CHILDREN for step in PACKED)}


@pytest.mark.parametrize(
    ("fault", "again", "not_again"),
    [
        ("crash@step:Pack#1/before", {"step:Pack#1"}, set()),
        ("crash@step:Pack#1/between", {"step:Pack#1"}, {f"step:Pack#1.{step}" for step in PACKED}),
        ("crash@step:Pack#2.model#1/between", {"step:Pack#2", "step:Pack#2.model#1"}, set()),
        ("crash@step:Pack#2.step:ship#1/after", {"step:Pack#2.step:ship#2"}, {"step:Pack#2.step:ship#1"}),
        ("crash@step:ship#1/between", {"step:ship#1"}, PARCELS - {"step:ship#1"}),
    ],
)
def test_child_workflows_are_steps_with_steps_inside_and_go_on_where_they_were(
    live: Live, fault: str, again: set[str], not_again: set[str]
) -> None:
    lived = live("fixtures.workflows.temporal_parent:Parcels", fault)
    second = set(lived.bodies(2))
    assert second >= again
    assert not second & not_again
    assert {*lived.bodies(1), *second} == PARCELS
    assert lived.ended() == ("ok", "shipped Please begin. 2")
    assert lived.replays == [True]
    assert lived.history.recorded_steps() >= PARCELS
    assert lived.record("Pack#2").status == "recorded"
    assert lived.record("Pack#2.ship#1").status == "recorded"


def test_a_child_that_continues_as_new_goes_on_with_its_steps_where_it_was(live: Live) -> None:
    inside = [f"step:Long#1.{step}" for step in ("model#1", "step:ship#1", "run#2.model#1", "step:ship#2")]
    lived = live("fixtures.workflows.temporal_parent:Patient", "crash@step:Long#1.step:ship#1/after")
    assert lived.bodies(1)[:3] == ["step:Long#1", *inside[:2]]
    again = [step for step in lived.bodies(2) if step != "step:Long#1"]
    assert again == [step for step in inside if step not in lived.bodies(1)]
    assert lived.ended() == ("ok", "long")
    assert lived.replays == [True]
    assert lived.history.recorded_steps() >= {"step:Long#1", *inside}


def test_a_child_is_called_by_the_id_that_its_parent_gave_it(live: Live) -> None:
    lived = live("fixtures.workflows.temporal_parent:Caller", "crash@step:Waiting#1/between")
    assert lived.ended() == ("ok", "called by its id")
    assert lived.replays == [True]


ROUND_2 = ["run#2.model#1", "run#2.tool:charge#1", "run#2.model#2", "step:note#2"]


@pytest.mark.parametrize(
    ("fault", "again"),
    [
        pytest.param("crash@step:note#1/after", ROUND_2, id="before it continues as new, or just after"),
        pytest.param("crash@run#2.tool:charge#1/between", ROUND_2[1:], id="after it has"),
        pytest.param("crash@step:note#2/between", ROUND_2[3:], id="in an activity of its own"),
    ],
)
def test_a_workflow_that_continues_as_new_goes_on_with_its_steps_where_it_was(
    live: Live, fault: str, again: list[str]
) -> None:
    lived = live("fixtures.workflows.temporal_continued:Continued", fault)
    first, second = ([step for step in lived.bodies(life) if step != "run#2"] for life in (1, 2))
    assert first == [*PAYS, "step:note#1", *ROUND_2][: len(first)]
    assert second == again
    assert lived.ended() == ("ok", "done after 2 rounds")
    assert lived.replays == [True]
    assert lived.history.recorded_steps() >= {*PAYS, "step:note#1", *ROUND_2}
    held = [record.unit for record in lived.history.of(EngineRecord) if record.status == "recorded"]
    assert len(held) == len(set(held)) == 9, "every unit of both rounds, and the run, each by a key of its own"


def test_activities_beside_a_workflow_are_units_of_their_own(live: Live) -> None:
    subject = "fixtures.workflows.temporal_orders:Orders"
    lived = live(subject, "crash@step:ship#1/between", deps={"order_id": "7", "cents": 5})
    assert lived.bodies(1) == ["step:reserve#1", "step:ship#1"]
    assert lived.bodies(2) == ["step:ship#1"]
    assert lived.ended() == ("ok", "reserved 7, shipped 7 for 5")
    assert "`place` needs order; give it as `--deps`, in JSON" in str(live(subject).history.outcomes[1].error)


def test_a_tool_in_workflow_code_runs_again_although_it_had_finished(live: Live) -> None:
    lived = live("in_workflow", "crash@model#2/before")
    assert lived.bodies(1) == ["model#1", "tool:charge#1"]
    assert "tool:charge#1" in lived.bodies(2)
    assert "tool:charge#1" not in lived.history.recorded_steps()


@pytest.mark.parametrize(
    ("fault", "bodies"),
    [
        ("hang@tool:charge#1", ["model#1", "tool:charge#1", "model#2"]),
        ("slow(120s)@tool:charge#1", ["model#1", "tool:charge#1", "tool:charge#1", "model#2"]),
        ("slow(2s)@tool:charge#1", PAYS),
        ("lost@tool:charge#1", ["model#1", "tool:charge#1", "tool:charge#1", "model#2"]),
        ("2*error(503)@model#2", PAYS),
        ("error(ValueError)@tool:charge#1", PAYS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_engines_own_timeouts_and_retries_answer_a_fault(live: Live, fault: str, bodies: list[str]) -> None:
    live("capable")  # so that the session knows how long bodies take
    lived = live("capable", fault)
    assert lived.bodies(1) == bodies
    assert lived.ended() == ("ok", "done")


def test_retries_for_ever_of_a_body_that_an_error_keeps_from_beginning_are_ended(live: Live) -> None:
    lived = live("capable", "999*error(RuntimeError)@tool:charge#1", time_scale=1000)  # up to 100 s become 100 ms
    [ended] = lived.history.of(RunEnded)
    assert (ended.how, ended.reason) == ("stuck", f"`tool:charge#1` was tried {TRIES} times in one life, and again")
    assert "tool:charge#1" not in lived.bodies(1)


def test_a_late_answer_of_an_attempt_that_was_given_up_is_no_commit(live: Live) -> None:
    live("capable")
    runs = live("capable", "slow(120s)@tool:charge#1").history.by_step["tool:charge#1"]
    assert [run.recorded for run in runs] == [False, True]


def test_a_last_attempt_that_a_dead_worker_held_ends_the_run(live: Live) -> None:
    lived = live("impatient", "crash@tool:charge#1/between")
    assert lived.ended()[0] == "error"
    assert lived.bodies(2) == []
    assert lived.tried("agent__impatient__toolset__<agent>__call_tool#1") == [(1, 1, 1)]
    assert lived.record("agent__impatient__toolset__<agent>__call_tool#1").status == "timed out"


def test_an_activity_that_a_dead_worker_held_has_what_is_left_of_the_time_for_all_attempts(live: Live) -> None:
    lived = live("bounded", "2*crash@tool:charge#1/between")
    assert lived.ended() == ("ok", "done")
    lived = live("bounded", "3*crash@tool:charge#1/between")
    assert lived.ended()[0] == "error"


def test_two_owners_repeat_the_activity_and_only_one_of_them_records_it(live: Live) -> None:
    live("capable")
    lived = live("capable", "duplicate@tool:charge#1/between")
    runs = lived.history.by_step["tool:charge#1"]
    assert sorted(run.recorded for run in runs) == [False, True]
    assert lived.ended() == ("ok", "done")


def test_the_server_dies_and_comes_back_with_its_histories(live: Live) -> None:
    lived = live("capable", "crash(server)@tool:charge#1/between")
    assert lived.ended() == ("ok", "done")
    assert lived.replays == [True]


def test_a_subject_that_the_sandbox_cannot_import_is_passed_through_and_a_note_says_so(live: Live) -> None:
    lived = live("fixtures.agents.payments_step:agent")
    assert lived.ended()[0] == "ok"
    assert "imports_passed_through" in lived.notes


@pytest.mark.parametrize(
    ("subject", "options", "words"),
    [
        ("fixtures.agents.prefect_tools:agent", {}, "was built for Prefect; run it under --engine prefect"),
        ("fixtures.agents.payments_step:agent", {"sandbox": "strict"}, "_RestrictedProxy"),
    ],
    ids=["another engine", "strict sandbox"],
)
def test_a_subject_that_cannot_be_bound_is_refused(
    lab: tuple[list[Zygote], Any, Path], tmp_path: Path, subject: str, options: dict[str, str], words: str
) -> None:
    prepare = {"subject": subject, "worker": TemporalEngine.worker, "options": options}
    answer = tmp_path / "answer"
    order = {"prepare": prepare, "answer": str(answer)}
    lab[0][0].spawn("tests.engines.temporal_lab:refusal", order, output=tmp_path / "log").wait(60)
    assert words in answer.read_text()


def test_what_is_kept_of_a_run_can_be_read_without_the_engine(live: Live) -> None:
    lived = live("capable")
    kept = json.loads((lived.folder / "temporal-history-1.json").read_text())
    assert kept["replay"] is None
    assert kept["history"]["events"][-1]["eventType"] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"


def test_time_that_has_really_passed_is_not_taken_from_all_attempts_a_second_time(live: Live) -> None:
    # The last one here: a session divides by no more than its shortest timeout allows, and this one is short.
    lived = live("twice", "3*crash@tool:pack#1/between")
    assert lived.ended()[0] == "error"
    assert len(lived.history.deaths()) == 2
