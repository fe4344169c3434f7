"""Runs of odd agents in real processes: what hangs, dies by itself, leaves threads behind, or runs several times."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from harness.engines.base import Store
from harness.engines.given import hosts
from harness.engines.journal.engine import JournalEngine, JournalSession
from harness.engines.journal.worker import JournalWorker
from harness.engines.none import NoneEngine
from harness.errors import UsageError
from harness.explore import sweep as exploring
from harness.history import Event, FaultFired, History, Observation, ProcessEnded, ProcessStarted, RunEnded
from harness.journal import load
from harness.runner import open_bench
from harness.scenario import Scenario
from harness.verdict import RunReport, Status

AGENT = """
    import os, threading, time
    from pydantic_ai import Agent

    agent = Agent('openai:gpt-5', name='odd')

    @agent.tool_plain
    async def act(text: str) -> str:
        {body}
        return text
"""


def subject(folder: Path, body: str = "pass", *, before: str = "") -> str:
    file = folder / "odd.py"
    file.write_text(dedent(before) + dedent(AGENT).format(body=body))
    return f"{file}:agent"


def run(folder: Path, scenario: Scenario) -> tuple[RunReport, History]:
    report = exploring.run(scenario, out=folder / "out")
    (judged,) = report.runs
    return judged, load(Path(judged.folder) / "journal.jsonl")


def test_work_that_a_tool_leaves_behind_is_a_note(tmp_path: Path) -> None:
    before = "import asyncio\nasync def work():\n    await asyncio.sleep(60)\n"
    path = subject(tmp_path, "asyncio.ensure_future(work())", before=before)
    judged, _history = run(tmp_path, Scenario.make(subject=path, engine="journal"))

    assert judged.status is Status.PASSED
    assert any("`work` (odd.py:2) was still going on when the run ended" in note for note in judged.notes)


def test_a_tool_that_never_returns_is_ended_and_shown_with_its_stacks(tmp_path: Path) -> None:
    path = subject(tmp_path, "time.sleep(3600) if os.path.exists('/proc/self') else None")
    scenario = Scenario.make(subject=path, engine="none", stall=5.0)

    judged, history = run(tmp_path, scenario)

    (ended,) = history.of(ProcessEnded)
    assert judged.status is Status.FAILED
    assert ended.cause == "hang"
    assert "in act" in (ended.stacks or "")
    assert history.of(RunEnded)[0].how == "stuck"


def test_a_planned_hang_that_nothing_ends_is_a_finding_about_time_limits(tmp_path: Path) -> None:
    scenario = Scenario.make(subject=subject(tmp_path), engine="journal", stall=5.0, faults=["hang@tool:act#1"])

    judged, history = run(tmp_path, scenario)

    assert judged.status is Status.FAILED
    assert {finding.check for finding in judged.findings} >= {"liveness"}
    assert history.of(RunEnded)[0].how == "stuck"


def test_a_planned_delay_is_no_hang_however_long_it_is(tmp_path: Path) -> None:
    scenario = Scenario.make(subject=subject(tmp_path), engine="journal", stall=4.0, faults=["delay(6s)@tool:act#1"])

    judged, history = run(tmp_path, scenario)

    assert judged.status is Status.PASSED
    assert history.of(RunEnded)[0].how == "finished"


def test_a_process_that_ends_by_itself_is_reported_with_its_exit_code(tmp_path: Path) -> None:
    scenario = Scenario.make(subject=subject(tmp_path, "os._exit(7)"), engine="none")

    judged, history = run(tmp_path, scenario)

    assert judged.status is Status.FAILED
    assert "code 7" in history.of(RunEnded)[0].reason


def test_a_subject_whose_import_leaves_a_thread_behind_runs_cold_and_says_so(tmp_path: Path) -> None:
    before = "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,), daemon=True).start()\n"
    scenario = Scenario.make(subject=subject(tmp_path, before=before), engine="none", faults=["crash@model#2/before"])

    report = exploring.run(scenario, out=tmp_path / "out")

    (engine,) = report.engines
    history = load(Path(engine.runs[0].folder) / "journal.jsonl")
    assert any("threads" in note for note in engine.notes)
    assert all(started.cold for started in history.of(ProcessStarted))


def test_several_invocations_share_a_store_and_only_the_one_that_died_runs_again(tmp_path: Path) -> None:
    scenario = Scenario.make(
        subject=subject(tmp_path),
        engine="journal",
        invocations=[{"prompt": "first"}, {"prompt": "second", "continues": True}],
        faults=["crash@run#2.tool:act#1/after"],
    )

    judged, history = run(tmp_path, scenario)

    assert judged.status is Status.PASSED
    assert [fired.incarnation for fired in history.of(FaultFired)] == [1]
    assert {step: len(runs) for step, runs in history.by_step.items() if "act" in step} == {
        "tool:act#1": 1,
        "run#2.tool:act#1": 1,
    }
    prompts = str(history.outcomes[2].messages)
    assert "first" in prompts
    assert "second" in prompts


@pytest.mark.parametrize(("second", "noted"), [({"name": "Grace"}, 0), (None, 1)])
def test_deps_that_every_invocation_has_of_its_own_are_not_missed(tmp_path: Path, second: Any, noted: int) -> None:
    runs = [{"deps": {"name": "Ada"}}, {"deps": second}]
    scenario = Scenario.make(subject="tests.explore.enders:needs", engine="none", invocations=runs)

    with open_bench(scenario, tmp_path / "bench", seeds=(1,)) as bench:
        assert sum("none were given" in note for note in bench.notes) == noted


def test_a_world_surrounds_the_subject_in_every_life(tmp_path: Path) -> None:
    before = f"""
        from contextlib import contextmanager

        @contextmanager
        def world():
            with open({str(tmp_path / "entered")!r}, 'a') as file:
                file.write('entered\\n')
            yield
    """
    path = subject(tmp_path, before=before)
    scenario = Scenario.make(subject=path, engine="journal", world="odd:world", faults=["crash@model#1/after"])

    judged, _history = run(tmp_path, scenario)

    assert judged.status is Status.PASSED
    # Two fault-free runs of one life each, and the crashed run's two lives.
    assert (tmp_path / "entered").read_text().splitlines() == ["entered"] * 4


def test_a_second_owner_finds_what_the_first_one_recorded(tmp_path: Path) -> None:
    scenario = Scenario.make(subject=subject(tmp_path), engine="journal", faults=["duplicate@tool:act#1/between"])

    judged, history = run(tmp_path, scenario)

    # The call in flight is made by both; what the second owner recorded after it is the first one's too.
    assert judged.status is Status.PASSED
    assert judged.crashes == 0  # nobody was killed
    assert [started.worker for started in history.of(ProcessStarted)] == [0, 2]
    assert {step: len(runs) for step, runs in history.by_step.items() if step in ("tool:act#1", "model#2")} == {
        "tool:act#1": 2,
        "model#2": 1,
    }


def test_a_second_owner_without_durability_does_everything_again(tmp_path: Path) -> None:
    scenario = Scenario.make(subject=subject(tmp_path), engine="none", faults=["duplicate@model#2/before"])

    judged, history = run(tmp_path, scenario)

    assert judged.status is Status.FAILED
    assert len(history.by_step["tool:act#1"]) == 2


def test_a_server_that_an_engine_does_not_have_cannot_crash(tmp_path: Path) -> None:
    scenario = Scenario.make(subject=subject(tmp_path), engine="journal", faults=["crash(server)@model#1/before"])

    with pytest.raises(UsageError, match="has no server"):
        run(tmp_path, scenario)


def test_an_option_that_is_no_address_names_no_host() -> None:
    options = {"address": "db.example:7233", "api_url": "http://[", "store": "postgresql://ada@[::1]:5/shop", "n": 3}
    assert hosts(options) == ["db.example", "::1"]


class Served(NoneEngine):
    """An engine with a server of the person's own."""

    def mistakes(self, options: dict[str, Any]) -> list[str]:
        return []


def test_a_persons_own_server_may_be_reached(tmp_path: Path) -> None:
    before = """
        import socket

        try:
            socket.create_connection(('192.0.2.1', 9), timeout=0.01)
        except Exception as error:
            said = type(error).__name__
    """
    path = subject(tmp_path, "raise RuntimeError(said)", before=before)

    guarded = exploring.steps(Scenario.make(subject=path, engine="none"), out=tmp_path / "out")
    options = {"address": "192.0.2.1:7233"}
    served = Scenario.make(subject=path, engine="tests.test_runner:Served", options=options)
    allowed = exploring.steps(served, out=tmp_path / "out")

    assert "LeavesMachine" in guarded.findings[0].message
    assert "LeavesMachine" not in allowed.findings[0].message


class Asked(JournalEngine):
    """An engine whose child's half is asked after the run: whoever asks dies, or finds what the store's file says."""

    examines = True
    worker = "tests.test_runner:AskedWorker"

    @contextmanager
    def session(self, options: dict[str, Any], folder: Path) -> Iterator[AskedSession]:
        yield AskedSession()


class AskedSession(JournalSession):
    def observe(self, store: Store) -> Iterator[Event]:
        yield from super().observe(store)
        answer = Path(store.folder) / "replay"
        if answer.exists():
            yield Observation(name="replay", value={"ok": answer.read_text() == "yes", "message": "other steps"})


class AskedWorker(JournalWorker):
    """What it does when it is asked stands in the tool's environment: its answers in a fork and in a cold process."""

    async def examine(self, store: Store) -> None:
        folder = Path(store.folder)
        again = (folder / "replay").exists()
        answer = os.environ["ASKED"].split()[again]
        if answer == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if answer == "raises":
            raise RuntimeError("the server forgot")
        (folder / "replay").write_text(answer)


ANSWERS = {
    "yes -": (Status.PASSED, ""),
    "raises -": (Status.UNKNOWN, "it ended with code 1: RuntimeError: the server forgot"),
    "dies -": (Status.UNKNOWN, "it died of SIGKILL"),
    "no no": (Status.FAILED, "a cold process cannot replay the history of this run: other steps"),
    "no yes": (Status.PASSED, "a forked process could not replay the engine's history of this run; a cold one could"),
    "no raises": (Status.UNKNOWN, "it ended with code 1: RuntimeError: the server forgot"),
}


@pytest.mark.slow
@pytest.mark.parametrize("answers", ANSWERS)
def test_a_history_counts_as_replayed_only_if_somebody_did_replay_it(
    answers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKED", answers)
    status, said = ANSWERS[answers]

    judged, _history = run(tmp_path, Scenario.make(subject=subject(tmp_path), engine="tests.test_runner:Asked"))

    assert judged.status is status
    told = [*judged.reasons, *judged.notes, *(finding.message for finding in judged.findings)]
    assert any(said in sentence for sentence in told) or not said
