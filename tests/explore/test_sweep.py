"""Sweeps of real agents with real kills, on the two engines of our own: what is found, and what is not."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.explore import sweep as exploring
from harness.explore.plans import replay_line
from harness.faults import FaultPlan
from harness.history import FaultFired, History, StepEntered
from harness.journal import load
from harness.scenario import Scenario
from harness.verdict import Severity, Status, SweepReport

PAYMENTS = "fixtures.agents.payments:agent"
PARALLEL = [
    {
        "calls": [
            {"call": "find_order", "args": {"order_id": "a"}},
            {"call": "charge", "args": {"order_id": "a", "cents": 5}},
            {"call": "charge", "args": {"order_id": "b", "cents": 6}},
        ]
    },
    "done",
]


def scenario(engine: str, *, subject: str = PAYMENTS, **more: object) -> Scenario:
    return Scenario.make(subject=subject, engine=engine, **more)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SweepReport]:
    """Both engines of our own, swept once for all the tests below."""
    out = tmp_path_factory.mktemp("sweeps")
    return {engine: exploring.sweep(scenario(engine), [engine], out=out, jobs=2) for engine in ("none", "journal")}


def test_without_durability_every_finished_tool_is_found_to_repeat(swept: dict[str, SweepReport]) -> None:
    report = swept["none"]

    broken = {finding.step for finding in report.findings if finding.severity is Severity.ERROR}

    assert report.status is Status.FAILED
    assert broken == {"tool:find_order#1", "tool:charge#1", "tool:send_receipt#1"}


def test_the_reference_engine_repeats_only_what_was_in_flight(swept: dict[str, SweepReport]) -> None:
    report = swept["journal"]

    assert report.status is Status.PASSED
    assert {(run.cell, finding.severity) for run in report.runs for finding in run.findings} == {
        ((f"tool:{tool}#1", "between"), Severity.WARNING) for tool in ("find_order", "charge", "send_receipt")
    }


def test_a_sweep_crashes_once_at_every_step_and_window(swept: dict[str, SweepReport]) -> None:
    (engine,) = swept["journal"].engines

    assert [run.cell for run in engine.runs] == [
        (row.step, window) for row in engine.rows for window in ("before", "between", "after")
    ]
    assert all(run.incarnations == 2 for run in engine.runs)
    assert engine.possible == len(engine.runs) == 24


def test_successive_lives_have_different_hash_seeds(swept: dict[str, SweepReport]) -> None:
    from harness.history import ProcessStarted

    run = swept["journal"].runs[0]

    seeds = [started.hash_seed for started in load(Path(run.folder) / "journal.jsonl").of(ProcessStarted)]

    assert len(seeds) == len(set(seeds)) == 2


def test_a_run_folder_is_judged_again_as_it_was_judged_first(swept: dict[str, SweepReport]) -> None:
    first = swept["none"].runs[5]

    again, _history = exploring.show(Path(first.folder))

    assert again.verdicts == first.verdicts


def test_strictly_a_warning_fails(tmp_path: Path) -> None:
    plan = {"faults": ["crash@tool:charge#1/between"]}

    lenient = exploring.run(scenario("journal", **plan), out=tmp_path)
    strict = exploring.run(scenario("journal", **plan), out=tmp_path, strict=True)

    assert (lenient.status, strict.status) == (Status.PASSED, Status.FAILED)


def test_a_run_that_dies_after_every_unit_still_repeats_nothing_under_the_reference_engine(tmp_path: Path) -> None:
    report = exploring.run(scenario("journal", script=PARALLEL, faults=["crash@*/after"]), out=tmp_path)

    assert report.status is Status.PASSED
    assert report.findings == ()
    assert report.runs[0].incarnations == 7


def test_a_second_crash_strikes_during_the_recovery_from_the_first(tmp_path: Path) -> None:
    plan = "crash@tool:charge#1/before; crash@tool:charge#2/between~2"

    report = exploring.run(scenario("journal", script=PARALLEL, faults=[plan]), out=tmp_path)

    history = load(Path(report.runs[0].folder) / "journal.jsonl")
    assert [fired.incarnation for fired in history.of(FaultFired)] == [1, 2]
    assert [finding.step for finding in report.findings] == ["tool:charge#2"]


def test_cold_interpreters_find_the_same_as_forked_ones(tmp_path: Path) -> None:
    plan = {"faults": ["crash@model#2/before"]}

    warm = exploring.run(scenario("none", **plan), out=tmp_path)
    cold = exploring.run(scenario("none", **plan), out=tmp_path, cold=True)

    assert [(f.rule, f.step) for f in warm.findings] == [(f.rule, f.step) for f in cold.findings] != []


def test_the_same_plan_gives_the_same_history_per_step_twenty_times(tmp_path: Path) -> None:
    chosen = scenario("journal", script=PARALLEL)
    folder = tmp_path / "bench"
    from harness.runner import open_bench

    with open_bench(chosen, folder) as bench:
        baseline = load(bench.run(FaultPlan(), name="baseline") / "journal.jsonl")
        plan = FaultPlan.parse("crash@tool:charge#1/between")
        histories = [load(bench.run(plan, baseline=baseline) / "journal.jsonl") for _ in range(20)]

    assert len({per_step(history) for history in histories}) == 1


VARYING = {"pid", "time", "timestamp", "run", "run_id", "conversation_id"}


def per_step(history: History) -> str:
    """A history without what differs between any two runs (pids, times, ids of runs), and without global order."""
    steps: dict[str, list[object]] = {}
    for event in history:
        values = event.to_json()
        steps.setdefault(str(values.get("step")), []).append(constant(values))
    return json.dumps(steps, sort_keys=True)


def constant(value: object) -> object:
    if isinstance(value, dict):
        return {key: constant(inner) for key, inner in value.items() if key not in VARYING}
    return [constant(inner) for inner in value] if isinstance(value, list) else value


def test_a_fault_at_a_step_that_never_happens_is_refused_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"does not have\. Did you mean 'tool:charge#1'"):
        exploring.run(scenario("journal", faults=["crash@tool:charge#2/between"]), out=tmp_path)


def test_a_script_that_does_not_fit_the_agent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="refund"):
        exploring.run(scenario("journal", script=[{"call": "refund"}, "done"]), out=tmp_path)

    assert list(tmp_path.iterdir()) == [], "what is refused leaves nothing behind"


def test_a_replay_line_says_all_that_makes_the_run() -> None:
    chosen = scenario("journal", deps={"a": 1}, prompt="Pay it", tools={"charge": "keyed:order_id"}, stall=3)
    plan = FaultPlan.parse("crash@run/after; 2*error(503)@model#1")

    words = shlex.split(replay_line(chosen, plan, "folder", cold=True, strict=True))

    assert words[:3] == ["harness", "run", PAYMENTS]
    assert words[3:] == [
        "--engine", "journal", "--fault", "crash@run/after", "--fault", "2*error(503)@model#1",
        "--deps", '{"a": 1}', "--prompt", "Pay it", "--tools", "charge=keyed:order_id", "--stall", "3",
        "--cold", "--strict",
    ]  # fmt: skip


def test_a_replay_line_says_where_a_subject_is_that_only_pytest_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "the source").mkdir()
    (tmp_path / "the source" / "corner_shop.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "the source")
    nearby = scenario("journal").model_copy(update={"subject": "corner_shop:agent"})

    variable, *words = shlex.split(replay_line(nearby, FaultPlan(), "folder"))

    assert variable.partition(":")[0] == "PYTHONPATH=the source"
    assert words == ["harness", "run", "corner_shop:agent", "--engine", "journal"]


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("ledger.py", "PYTHONPATH=beside harness"),
        ("bank/ledger.py", "PYTHONPATH=beside harness"),
        ("helpers/test_bank.py", "harness"),
        ("test_bank.py", "harness"),
        ("conftest.py", "harness"),
    ],
)
def test_a_replay_line_says_where_a_subject_may_find_what_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, told: str
) -> None:
    (tmp_path / "till.py").touch()
    lent = tmp_path / "beside" / file
    lent.parent.mkdir(parents=True)
    lent.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), str(tmp_path / "beside"), sys.prefix + "/lib"])
    monkeypatch.delenv("PYTHONPATH", raising=False)
    near = scenario("journal")

    for subject in ("till:agent", "till.py:agent"):
        line = replay_line(near.model_copy(update={"subject": subject}), FaultPlan(), "folder")
        assert line == f"{told} run {subject} --engine journal"


def test_a_replay_line_without_its_password_says_so_and_is_refused_as_it_is(tmp_path: Path) -> None:
    chosen = scenario("dbos", options={"store": "postgresql://ada:hush@127.0.0.1:1/shop"})

    line = replay_line(chosen, FaultPlan(), "folder")

    assert line.endswith("/shop'  # put the password back in place of ***")
    assert "hush" not in line
    option = shlex.split(line, comments=True)[-1]
    assert option == "store=postgresql://ada:***@127.0.0.1:1/shop"
    with pytest.raises(UsageError, match=r"^an option of engine 'dbos' has \*\*\* for its password"):
        exploring.run(chosen.model_copy(update={"options": dict([option.split("=", 1)])}), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_options_cannot_say_is_replayed_from_its_folder() -> None:
    twice = scenario("journal", invocations=[{"prompt": "one"}, {"prompt": "two"}])

    assert replay_line(twice, FaultPlan(), "out/a run") == "harness replay 'out/a run'"


def test_an_exception_that_does_not_exist_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NoSuchError"):
        exploring.run(scenario("journal", faults=["error(NoSuchError)@model#1"]), out=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_an_order_of_sets_is_volatile_because_the_baselines_have_two_hash_seeds(tmp_path: Path) -> None:
    (tmp_path / "sets.py").write_text(
        "from pydantic_ai import Agent\n"
        "agent = Agent('openai:gpt-5', name='sets')\n"
        "@agent.tool_plain\n"
        "def words() -> str:\n"
        "    return ' '.join({f'word{number}' for number in range(20)})\n"
    )

    report = exploring.run(
        scenario("journal", subject=f"{tmp_path / 'sets.py'}:agent", faults=["crash@tool:words#1/before"]),
        out=tmp_path / "out",
    )

    assert report.status is Status.PASSED, report.findings


@pytest.mark.parametrize("moment", ["open_bench", "_prepared", "confirmed"])
def test_an_interruption_at_any_moment_leaves_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def interrupted(*_args: object, **_keywords: object) -> None:
        raise KeyboardInterrupt

    home = exploring._Sweep if moment == "_prepared" else exploring
    monkeypatch.setattr(home, moment, interrupted)
    monkeypatch.setattr(exploring, "unconfirmed", lambda runs: [replace(run, notes=("unconfirmed",)) for run in runs])

    report = exploring.sweep(scenario("journal"), ["journal", "none"], out=tmp_path, jobs=2)

    [engine, untried] = report.engines
    assert report.status is Status.UNKNOWN
    assert engine.partial
    assert (untried.engine, untried.runs) == ("none", ())
    assert untried.unavailable == "the sweep was interrupted before its turn came"
    assert len(engine.runs) == (engine.possible if moment == "confirmed" else 0)
    assert all(run.notes == ("unconfirmed",) for run in engine.runs)


def test_calls_of_one_response_that_come_after_the_fault_have_not_started(tmp_path: Path) -> None:
    plan = ["crash@tool:charge#1/before"]

    report = exploring.run(scenario("none", script=PARALLEL, faults=plan), out=tmp_path)

    history = load(Path(report.runs[0].folder) / "journal.jsonl")
    first_life = [entered.step for entered in history.of(StepEntered) if entered.incarnation == 1]
    assert first_life == ["run", "model#1", "tool:find_order#1"]
