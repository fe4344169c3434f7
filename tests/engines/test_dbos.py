"""The DBOS adapter by itself: real workflows on real databases, real deaths."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.engines.dbos.engine import DbosEngine, DbosSession
from harness.engines.dbos.records import workflow_id
from harness.errors import UsageError
from harness.history import EngineRecord, History, Note, StepEntered, UnitEntered, UnitTried
from harness.journal import load

HERE = Path(__file__).parent
PAYS = ["model#1", "tool:charge#1", "model#2"]


@dataclass
class Lived:
    """A run that is over."""

    history: History
    ends: list[int]
    records: list[EngineRecord]
    fingerprint: str | None
    workflow: str

    def bodies(self, incarnation: int) -> list[str]:
        """The steps whose bodies ran in one life, in order; `run` left out."""
        ran = [run for run in self.history.executions if run.incarnation == incarnation]
        return [run.step for run in ran if run.step != "run"]

    def recorded(self) -> dict[str, str]:
        """The state of each unit, by its number in the workflow."""
        return {record.unit.removeprefix(self.workflow): record.status for record in self.records}

    def unit(self, step: str) -> str | None:
        [run, *_] = self.history.by_step[step]
        assert isinstance(run.entered, StepEntered | UnitEntered)
        return run.entered.unit

    def tried(self, name: str) -> list[tuple[int, int, int]]:
        """For each attempt at what has `name` in it: the life, DBOS's number, and how many are declared."""
        made = [tried for tried in self.history.of(UnitTried) if name in tried.step]
        return [(tried.incarnation, tried.attempt, tried.tries) for tried in made]


Live = Callable[..., Lived]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, Any]], int]]:
    path = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    folder = tmp_path_factory.mktemp("lives")
    ours = {"PYTHONPATH": path, "BANK_FOLDER": str(folder)}
    environment = {**os.environ, **ours, "DBOS__APPVERSION": "of somebody else"}
    command = [sys.executable, "-W", "ignore", str(HERE / "dbos_life.py")]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment, cwd=folder)

    def one(job: dict[str, Any]) -> int:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    yield one
    process.communicate()


@pytest.fixture(scope="module")
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbosSession]:
    options = {"store": getattr(request, "param", "sqlite")}
    assert DbosEngine().problems(options) == []
    with DbosEngine().session(options, tmp_path_factory.mktemp("session")) as session:
        yield session


on_both = pytest.mark.parametrize("session", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def live(lives: Any, session: DbosSession, tmp_path: Path) -> Live:
    def run(subject: str, *plan: str, scale: float = 1.0, name: str = "r1", bound: int = 6) -> Lived:
        folder = tmp_path / name
        folder.mkdir()
        store = session.store(name, folder)
        (folder / "store.json").write_text(json.dumps(asdict(store)))
        ends: list[int] = []
        while len(ends) < bound and (not ends or ends[-1] == -signal.SIGKILL):
            ends.append(
                lives(
                    {
                        "folder": str(folder),
                        "incarnation": len(ends) + 1,
                        "subject": subject,
                        "plan": list(plan),
                        "scale": scale,
                    }
                )
            )
        assert len(ends) < 6
        history = load(folder / "journal.jsonl")
        records, workflow = list(session.observe(store)), workflow_id(store.run_id, 1)
        return Lived(history, ends, records, session.fingerprint(store), workflow)

    return run


STEPS = ["step", "sync_step", "decorated", "child", "sync_child"]
"""Tools whose results DBOS records."""


@pytest.mark.parametrize("subject", STEPS)
@pytest.mark.parametrize(
    ("window", "again"), [("before", PAYS[1:]), ("between", PAYS[1:]), ("after", PAYS[2:])], ids=str
)
def test_a_tool_that_is_a_step_is_repeated_only_while_it_is_not_recorded(
    live: Live, subject: str, window: str, again: list[str]
) -> None:
    lived = live(subject, f"crash@tool:charge#1/{window}")
    assert lived.ends == [-signal.SIGKILL, 0]
    assert lived.bodies(1) == PAYS[:1] if window == "before" else PAYS[:2]
    assert lived.bodies(2) == again
    assert lived.history.outcomes[1].output == "done"
    assert lived.history.outcomes[1].messages == 4


@on_both
@pytest.mark.parametrize("subject", ["plain", "wrapper", "bare"])
def test_a_plain_tool_is_repeated_whatever_came_after_it(live: Live, subject: str) -> None:
    lived = live(subject, "crash@model#2/after")
    assert lived.unit("tool:charge#1") is None
    assert lived.bodies(2) == ["tool:charge#1"]


def test_a_plain_tool_has_no_window_of_its_own_between_its_end_and_its_record(live: Live) -> None:
    lived = live("plain", "crash@tool:charge#1/between")
    [run, again] = lived.history.by_step["tool:charge#1"]
    assert run.finished
    assert run.commit_entered is None
    assert again.incarnation == 2


@pytest.mark.parametrize("subject", ["inner", "run_step"])
def test_a_step_inside_a_plain_tool_is_a_step_of_its_own(live: Live, subject: str) -> None:
    lived = live(subject, "crash@tool:charge#1.step:bank#1/after")
    assert lived.bodies(2) == ["tool:charge#1", "model#2"]
    bank = str(lived.unit("tool:charge#1.step:bank#1"))
    assert lived.recorded()[bank.removeprefix(lived.workflow)] == "recorded"


@on_both
@pytest.mark.parametrize(
    ("step", "window", "again"),
    [
        ("model#1", "before", PAYS),
        ("model#1", "between", PAYS),
        ("model#1", "after", PAYS[1:]),
        ("model#2", "between", PAYS[2:]),
        ("model#2", "after", []),
        ("run", "before", PAYS),
        ("run", "between", []),
        ("run", "after", []),
    ],
    ids=str,
)
def test_a_step_is_durable_when_its_seam_has_returned_and_not_before(
    live: Live, step: str, window: str, again: list[str]
) -> None:
    lived = live("step", f"crash@{step}/{window}")
    assert lived.ends == [-signal.SIGKILL, 0]
    assert lived.bodies(2) == again
    assert lived.history.outcomes[1].output == "done"


@on_both
def test_a_run_survives_a_death_after_every_one_of_its_steps(live: Live) -> None:
    lived = live("step", *(f"crash@{step}/after" for step in PAYS), "crash@run/after")
    assert lived.ends == [-signal.SIGKILL] * 4 + [0]
    assert [lived.bodies(incarnation) for incarnation in (1, 2, 3, 4, 5)] == [*([step] for step in PAYS), [], []]


@pytest.mark.parametrize(
    ("window", "again"), [("before", PAYS[1:]), ("between", PAYS[2:]), ("after", PAYS[2:])], ids=str
)
def test_a_transaction_is_kept_with_its_work_before_dbos_itself_knows(
    live: Live, window: str, again: list[str]
) -> None:
    lived = live("transaction", f"crash@tool:charge#1/{window}")
    assert lived.ends == [-signal.SIGKILL, 0]
    assert lived.bodies(2) == again
    assert lived.history.outcomes[1].messages == 4


def test_what_an_earlier_session_left_in_the_subjects_own_database_is_not_taken_for_this_runs_work(
    live: Live, tmp_path: Path
) -> None:
    abandoned = live("transaction", "crash@model#2/before", bound=1)
    (tmp_path / "r1").rename(tmp_path / "earlier")
    assert abandoned.bodies(1) == PAYS[:2]
    assert live("transaction").bodies(1) == PAYS


def test_two_parallel_steps_keep_their_numbers_across_a_crash(live: Live) -> None:
    lived = live("parallel", "crash@tool:one#1/after")
    assert lived.recorded()[":2"] == lived.recorded()[":3"] == "recorded"
    assert {run.entered.unit for run in lived.history.by_step["tool:one#1"]} == {f"{lived.workflow}:2"}
    assert {run.entered.unit for run in lived.history.by_step["tool:two#1"]} == {f"{lived.workflow}:3"}


def test_each_attempt_of_a_step_is_seen_and_waits_are_scaled(live: Live) -> None:
    lived = live("retried", "crash@model#2/before", scale=1000)
    outcomes = [run.left and run.left.outcome for run in lived.history.by_step["tool:charge#1"]]
    assert outcomes == ["error", "error", "ok"]
    assert lived.bodies(2) == ["model#2"]
    assert lived.tried("charge") == [(1, 1, 3), (1, 2, 3), (1, 3, 3)]
    assert lived.tried("model") == [(1, 1, 1), (1, 1, 1), (2, 1, 1)]


def test_a_life_after_a_crash_counts_the_attempts_of_a_step_anew(live: Live) -> None:
    lived = live("retried", "error(ValueError)@tool:charge#1", "crash@tool:charge#1/between", scale=1000)
    numbers = [(life, attempt) for life, attempt, _declared in lived.tried("charge")]
    assert numbers[:3] == [(1, 1), (1, 2), (2, 1)]
    assert {declared for *_numbers, declared in lived.tried("charge")} == {3}


@on_both
def test_a_step_that_fails_is_recorded_as_failed_and_its_caller_sees_the_error(live: Live) -> None:
    lived = live("failing", "crash@run/between")
    assert lived.recorded() == {"run": "ERROR", ":1": "recorded", ":2": "error"}
    assert lived.bodies(2) == []
    assert lived.history.outcomes[1].error_type == "ValueError"


def test_a_timeout_of_a_step_is_scaled_and_ends_its_body(live: Live) -> None:
    lived = live("timed", scale=200)
    assert lived.history.outcomes[1].error_type == "DBOSStepTimeoutError"
    assert [run.left and run.left.outcome for run in lived.history.by_step["tool:charge#1"]] == ["error"]


def test_a_durable_sleep_is_scaled_and_recorded(live: Live) -> None:
    lived = live("sleeping", scale=4000)
    assert lived.history.outcomes[1].output == "done"
    assert "DBOS.sleep" in [record.name for record in lived.records]


def test_a_subject_that_makes_and_launches_its_own_dbos_runs_on_our_database(live: Live) -> None:
    lived = live("step", "crash@tool:charge#1/after")
    assert lived.recorded()["run"] == "SUCCESS"
    assert not (HERE / "somebody.sqlite").exists()


@pytest.mark.parametrize(
    ("subject", "says"),
    [("of_prefect", "was built for Prefect; run it under --engine prefect"), ("two_mcp", "unique `id`")],
)
def test_a_subject_that_does_not_fit_is_refused_in_one_sentence(live: Live, subject: str, says: str) -> None:
    lived = live(subject)
    [note] = lived.history.of(Note)
    assert says in note.text


@on_both
def test_the_records_say_how_often_a_run_was_recovered(live: Live) -> None:
    lived = live("step", "crash@model#1/before", "crash@model#1/before~2")
    [run] = [record for record in lived.records if record.unit == "run"]
    assert (run.name, run.status, run.attempts) == ("harness.run", "SUCCESS", 3)


@on_both
def test_fingerprints_tell_states_apart_and_runs_not(live: Live) -> None:
    plans = [["crash@tool:charge#1/between"], ["crash@model#2/before"], []]
    one, same, other = (live("step", *plan, name=f"run-{number}") for number, plan in enumerate(plans))
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_a_server_that_is_not_there_cannot_be_crashed(session: DbosSession) -> None:
    with pytest.raises(UsageError, match="has no server of ours"):
        session.server("kill")


def test_an_unknown_option_is_a_mistake() -> None:
    (unknown,) = DbosEngine().mistakes({"shop": 1})
    assert unknown.startswith("engine 'dbos' has no option 'shop'; it has store, startup,")
    assert DbosEngine().mistakes({"stor": 1}) == ["engine 'dbos' has no option 'stor', did you mean 'store'?"]
    (wrong,) = DbosEngine().mistakes({"workflow_timeout": -1})
    assert "is a number of seconds above 0, not -1" in wrong


def test_a_session_leaves_no_process_behind_when_nobody_ran_anything(tmp_path: Path) -> None:
    before = _children()
    with DbosEngine().session({}, tmp_path):
        pass
    assert _children() == before


def _children() -> set[str]:
    return set((Path("/proc/self/task") / str(os.getpid()) / "children").read_text().split())
