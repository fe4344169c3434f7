"""The Prefect adapter by itself: real flow runs on a real server, real deaths."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.history import Execution, UnitTried
from tests.engines.prefect_lab import Lab, Ran

ROOT = Path(__file__).parents[2]
PAYS = ["model#1", "tool:charge#1", "model#2"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ExitStack() as stack:
        yield Lab(tmp_path_factory.mktemp("lab"), stack)


def finished(ran: Ran, step: str) -> list[bool]:
    """For each time that a step's body ran: whether it returned."""
    return [run.finished for run in ran.history.by_step[step]]


def commits(ran: Ran, step: str) -> list[bool]:
    """For each time that a step's body ran: whether its result was written."""
    return [run.recorded for run in ran.history.by_step[step]]


# Recovery.


@pytest.mark.parametrize("subject", ["bare", "durable", "wrapper"])
def test_a_retried_flow_run_repeats_what_was_in_flight_and_nothing_else(lab: Lab, subject: str) -> None:
    ran = lab.run(subject, "crash@tool:charge#1/between")
    assert ran.output == "done"
    assert [ran.bodies(1), ran.bodies(2)] == [PAYS[:2], PAYS[1:]]
    assert {record.attempts for record in ran.records.values() if record.unit == "run"} == {2}


@pytest.mark.parametrize(
    ("step", "window", "again"),
    [
        ("model#1", "before", PAYS),
        ("model#1", "between", PAYS),
        ("tool:charge#1", "before", PAYS[1:]),
        ("tool:charge#1", "after", PAYS[2:]),
        ("model#2", "after", []),
        ("run", "before", PAYS),
        ("run", "between", []),
        ("run", "after", []),
    ],
    ids=str,
)
def test_a_step_is_durable_when_its_result_is_written_and_not_before(
    lab: Lab, step: str, window: str, again: list[str]
) -> None:
    ran = lab.run("durable", f"crash@{step}/{window}")
    assert ran.output == "done"
    assert ran.bodies(2) == again


def test_a_run_survives_a_death_after_every_one_of_its_steps(lab: Lab) -> None:
    ran = lab.run("durable", *(f"crash@{step}/after" for step in PAYS), "crash@run/after")
    assert [ran.bodies(life) for life in (1, 2, 3, 4, 5)] == [*([step] for step in PAYS), [], []]
    assert ran.output == "done"


def test_a_completed_run_whose_result_cannot_be_kept_is_replayed_from_its_tasks(lab: Lab) -> None:
    ran = lab.run("unpicklable", "crash@run/after")
    assert ran.output == {"number": 1}
    assert ran.bodies(2) == []


def test_a_flow_that_failed_finishes_without_repeating_finished_tasks(lab: Lab) -> None:
    ran = lab.run("durable", "2*error(503)@model#2", options={"flow_retries": 2})
    assert ran.output == "done"
    assert [run.step for run in ran.history.executions if run.finished and run.step != "run"] == PAYS
    assert ran.history.incarnations == 1
    assert ran.records["run"].attempts == 3
    tried = [tried for tried in ran.history.of(UnitTried) if "Model" in tried.step]
    assert [(one.attempt, one.tries) for one in tried] == 4 * [(1, 1)], "each time that a flow is tried counts anew"


def test_without_flow_retries_the_caller_sees_the_failure_and_nobody_retries_it(lab: Lab) -> None:
    ran = lab.run("durable", "error(503)@model#2", "crash@run/after")
    assert ran.history.outcomes[1].error_type == "ModelHTTPError"
    assert ran.bodies(2) == []


# What is recorded.


@pytest.mark.parametrize("subject", ["within", "alone", "alone_sync"])
@pytest.mark.parametrize(("window", "again"), [("between", PAYS[1:]), ("after", PAYS[2:])], ids=str)
def test_a_tool_that_is_a_task_is_repeated_only_while_its_own_result_is_not_written(
    lab: Lab, subject: str, window: str, again: list[str]
) -> None:
    ran = lab.run(subject, f"crash@tool:charge#1/{window}")
    assert ran.bodies(2) == again


@pytest.mark.parametrize("subject", ["unkept", "unkept_tools", "plain"])
def test_a_tool_whose_result_nobody_keeps_is_repeated_whatever_came_after_it(lab: Lab, subject: str) -> None:
    ran = lab.run(subject, "crash@model#2/after")
    assert ran.unit("tool:charge#1") is None
    assert ran.bodies(2) == ["tool:charge#1"]


def test_a_task_that_keeps_its_result_only_as_its_flow_does_loses_it_with_the_flow(lab: Lab) -> None:
    ran = lab.run("alone_sync", "crash@model#2/after", options={"persist_results": False})
    assert ran.bodies(2) == ["tool:charge#1"]


def test_tasks_in_threads_are_units_of_their_own_and_keep_their_results(lab: Lab) -> None:
    ran = lab.run("several", "crash@model#2/before")
    banks = [step for step in ran.history.steps if ".step:bank" in step]
    assert len(banks) == 3
    assert [commits(ran, step) for step in banks] == [[True]] * 3
    assert ran.bodies(2) == ["tool:charge#1", "model#2"]


def test_a_nested_task_is_durable_only_when_the_outermost_one_ends(lab: Lab) -> None:
    ran = lab.run("both", "crash@tool:delegate#1.model#2/before")
    assert finished(ran, "tool:delegate#1.tool:charge#1") == [True, True]
    assert commits(ran, "tool:delegate#1.tool:charge#1") == [False, True]
    key = ran.unit("tool:delegate#1.tool:charge#1")
    assert ran.records[str(key)].attempts == 2


def test_a_nested_task_is_durable_when_its_own_result_is_written(lab: Lab) -> None:
    ran = lab.run("both", "crash@tool:delegate#1.tool:charge#1/after")
    assert ran.bodies(2) == ["tool:delegate#1", "tool:delegate#1.model#2", "model#2"]


def test_an_inner_agent_without_prefect_is_repeated_as_a_whole_and_then_kept(lab: Lab) -> None:
    inside = [f"tool:delegate#1.{step}" for step in PAYS]
    assert lab.run("outer_only", f"crash@{inside[2]}/between").bodies(2)[: len(inside) + 1] == [
        "tool:delegate#1",
        *inside,
    ]
    assert lab.run("outer_only", "crash@model#2/before").bodies(2) == ["model#2"]


# What real agents use.


def test_parallel_calls_commit_in_message_order_where_a_fault_is_planned(lab: Lab) -> None:
    script = [{"calls": [{"call": name} for name in ("one", "two", "three")]}, {"text": "done"}]
    calm = lab.run("parallel", script=script)
    assert sorted(calm.bodies()) == sorted(["model#1", "tool:one#1", "tool:two#1", "tool:three#1", "model#2"])
    ran = lab.run("parallel", "crash@tool:two#1/after", baseline=calm, script=script)
    assert ran.bodies(1) == ["model#1", "tool:one#1", "tool:two#1"]
    assert ran.bodies(2) == ["tool:three#1", "model#2"]


def test_dependencies_and_a_refused_output_survive_a_death(lab: Lab) -> None:
    assert lab.run("with_deps", "crash@model#2/before", deps={"number": 7}).bodies(2) == ["model#2"]
    ran = lab.run("validated", "crash@model#1/after")
    assert (ran.bodies(2), ran.output) == (["model#1+1"], {"number": 1})


def test_a_real_mcp_server_is_asked_in_tasks(lab: Lab) -> None:
    calm = lab.run("with_mcp")
    assert [step for step in calm.bodies() if step.startswith("tool")] == ["tools:weather#1", "tool:forecast#1"]
    assert all(commits(calm, step) == [True] for step in calm.bodies())
    assert lab.run("with_mcp", "crash@tool:forecast#1/between").bodies(2)[-2:] == ["tool:forecast#1", "model#2"]


def test_each_event_that_a_handler_is_given_outside_a_model_request_is_a_unit(lab: Lab) -> None:
    ran = lab.run("listening", "crash@model#2/before")
    handled = [step for step in ran.history.steps if step.startswith("event#")]
    assert [commits(ran, step) for step in handled] == [[True], [True]]
    assert ran.bodies(2) == ["model#2"]


# Time.


def test_a_timeout_of_a_task_ends_a_body_that_hangs_and_the_task_is_tried_again(lab: Lab) -> None:
    ran = lab.run("timed", "hang@tool:charge#1", time_scale=40)
    assert ran.output == "done"
    attempts = [event.attempt for event in ran.entered("Call Tool: charge")]
    assert attempts == [1, 2]
    assert [tried.tries for tried in ran.history.of(UnitTried) if "charge" in tried.step] == [2, 2]
    detail = ran.records[str(ran.unit("tool:charge#1"))].detail
    assert detail["configured"] == {"timeout": 20.0, "retry_delay": 30.0}
    assert detail["effective"] == {"timeout": 0.5, "retry_delay": 0.75}


def test_without_a_timeout_a_body_that_hangs_is_never_ended(lab: Lab) -> None:
    ran = lab.run("durable", "hang@tool:charge#1", stall=6.0)
    assert ran.how == "stuck"
    assert ran.records[str(ran.entered("Call Tool: charge")[0].unit)].status in ("running", "unknown")


def test_an_answer_that_is_lost_fails_the_run_unless_the_task_is_tried_again(lab: Lab) -> None:
    assert lab.run("durable", "lost@tool:charge#1").history.outcomes[1].error_type == "ConnectionError"
    ran = lab.run("timed", "lost@tool:charge#1", time_scale=40)
    assert ran.output == "done"
    assert finished(ran, "tool:charge#1") == [True, True]


# The server.


@pytest.fixture(scope="module")
def harmed(lab: Lab) -> Ran:
    """A run whose server died in the middle and came back."""
    return lab.run("durable", "crash(server)@tool:charge#1/between")


def test_a_server_that_dies_in_the_middle_of_a_run_is_not_missed_before_its_end(harmed: Ran) -> None:
    assert harmed.output == "done"
    assert harmed.bodies(1) == PAYS
    assert harmed.records["run"].status == "completed"


def test_a_server_that_was_not_there_starts_again_on_the_same_address_with_all_it_knew(lab: Lab, harmed: Ran) -> None:
    lab.session.server("kill")
    lab.session.server("start")
    [run, *_] = lab.session.observe(harmed.store)
    assert run.status == "completed"


def test_a_run_whose_plan_ends_the_server_is_on_one_that_no_other_session_uses(lab: Lab, harmed: Ran) -> None:
    assert lab.run("durable").store.values["api_url"] != harmed.store.values["api_url"]


OTHER = """
import sys
from contextlib import ExitStack
from pathlib import Path
from tests.engines.prefect_lab import Lab

with ExitStack() as stack:
    lab = Lab(Path(sys.argv[1]), stack)
    ran = lab.run("durable", "crash@tool:charge#1/between")
    print(ran.store.values["api_url"], ran.output, flush=True)
    lab.run("durable", "hang@tool:charge#1", stall=200)
"""


def test_sessions_share_a_server_and_one_that_is_killed_in_the_middle_of_a_run_takes_nothing_from_another(
    lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    command = [sys.executable, "-c", OTHER, str(tmp_path / "other")]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        ran = [lab.run("durable", "crash@tool:charge#1/between")]
        assert other.stdout is not None
        assert other.stdout.readline().split() == [ran[0].store.values["api_url"], "done"]
        while not any(b"FaultFired" in path.read_bytes() for path in tmp_path.glob("other/*/0001-run/journal.jsonl")):
            assert other.poll() is None
            time.sleep(0.05)
        ran.append(lab.run("durable", "crash@tool:charge#1/between"))
        other.kill()
        other.wait()
        ran.append(lab.run("durable", "crash@tool:charge#1/between"))
    finally:
        other.kill()
        other.communicate()
    for each in ran:
        assert each.output == "done"
        assert [each.bodies(1), each.bodies(2)] == [PAYS[:2], PAYS[1:]]
        assert {each.unit(step) for step in PAYS} | {"run"} == set(each.records)


# Testimony.


def test_a_result_file_is_what_counts_and_not_what_the_server_has_heard(lab: Lab) -> None:
    ran = lab.run("durable", "crash@tool:charge#1/between")
    statuses = {ran.records[str(ran.unit(step))].status for step in PAYS}
    assert statuses == {"recorded"}
    assert [ran.records[str(ran.unit(step))].attempts for step in PAYS] == [1, 2, 1]


def test_fingerprints_tell_states_apart_and_runs_not(lab: Lab) -> None:
    plans = [["crash@tool:charge#1/between"], ["crash@tool:charge#1/between"], ["crash@model#2/before"]]
    stores = [lab.run("durable", *plan).store for plan in plans]
    one, same, other = (lab.session.fingerprint(store) for store in stores)
    assert one == same != other


def test_whatever_a_run_writes_is_in_its_own_folder(lab: Lab) -> None:
    ran = lab.run("durable")
    names = {path.name for path in ran.folder.iterdir()}
    assert {"prefect-results", "prefect-units.jsonl"} <= names
    results = {path.name for path in (ran.folder / "prefect-results").iterdir()}
    assert {ran.unit(step) for step in PAYS} <= results


# Refusals.


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("of_dbos", "was built for DBOS; run it under --engine dbos"),
        ("two_mcp", "`id`"),
    ],
)
def test_a_subject_that_does_not_fit_is_refused_in_one_sentence(lab: Lab, subject: str, says: str) -> None:
    [note] = lab.run(subject).notes
    assert says in note
    assert "\n" not in note


@pytest.mark.parametrize("subject", ["durable", "wrapper"])
def test_runs_of_one_subject_share_a_server_and_no_results(lab: Lab, subject: str) -> None:
    one, other = lab.run(subject), lab.run(subject)
    assert one.records.keys() & other.records.keys() == {"run"}
    assert other.bodies() == PAYS


def test_executions_are_joined_to_prefects_own_keys(lab: Lab) -> None:
    ran = lab.run("durable")
    runs: list[Execution] = [run for step in PAYS for run in ran.history.by_step[step]]
    assert all(run.recorded for run in runs)
    assert {ran.unit(step) for step in PAYS} | {"run"} == set(ran.records)
