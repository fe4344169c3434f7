"""Where a fault strikes, and what is written before it does. Crashes are real: each one kills a forked process."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic_ai import CallDeferred, ModelRetry

from harness.faults import FaultPlan
from harness.history import (
    CommitEntered,
    CommitLeft,
    FaultFired,
    History,
    StepEntered,
    StepLeft,
    UnitAnswered,
    UnitEntered,
    UnitLeft,
)
from harness.journal import Journal, load
from harness.steps import StepId
from harness.subjects.probes import Body, Probes
from harness.subjects.strikes import Strikes, exception

CHARGE = Body(StepId.of("tool", "charge"))


def probes_for(
    path: Path, plan: str, *, fired: dict[str, int] | None = None, incarnation: int = 1, **more: Any
) -> Probes:
    journal = Journal(path, incarnation=incarnation)
    strikes = Strikes(journal, FaultPlan.parse(plan), incarnation, fired or {})
    return Probes(journal, strikes, **more)


async def recorded_call(probes: Probes, body: Body = CHARGE, key: str = "1") -> str:
    """A tool call inside a unit of an engine that records it, as Prefect and Temporal do."""

    async def inner() -> str:
        return await probes.body(body, charge)

    result: str = await probes.unit(inner, key, "call_tool")()
    with probes.commit(key):
        pass
    return result


async def charge() -> str:
    return "charged"


def in_a_process(path: Path, run: Callable[[], Any]) -> tuple[int, History]:
    """Run in a forked process; how it ended (a signal is negative) and what it had written."""
    pid = os.fork()
    if pid == 0:
        try:
            run()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), load(path)


@pytest.mark.parametrize(
    ("window", "seen"),
    [
        pytest.param("before", [], id="before-the-body-is-entered"),
        pytest.param("between", ["StepEntered", "StepLeft", "CommitEntered"], id="between-body-and-commit"),
        pytest.param("after", ["StepEntered", "StepLeft", "CommitEntered", "CommitLeft"], id="after-the-commit"),
    ],
)
def test_a_crash_in_a_recorded_step_leaves_exactly_what_had_happened(
    tmp_path: Path, window: str, seen: list[str]
) -> None:
    path = tmp_path / "journal.jsonl"
    probes = probes_for(path, f"crash@tool:charge#1/{window}")

    ended, history = in_a_process(path, lambda: asyncio.run(recorded_call(probes)))

    happened = [
        type(event).__name__
        for event in history
        if isinstance(event, StepEntered | StepLeft | CommitEntered | CommitLeft)
    ]
    assert ended == -signal.SIGKILL
    assert happened == seen
    assert [fired.window for fired in history.of(FaultFired)] == [window]


@pytest.mark.parametrize("window", ["between", "after"])
def test_without_a_commit_between_and_after_are_the_moment_after_the_body(tmp_path: Path, window: str) -> None:
    path = tmp_path / "journal.jsonl"
    probes = probes_for(path, f"crash@tool:charge#1/{window}")

    ended, history = in_a_process(path, lambda: asyncio.run(probes.body(CHARGE, charge)))

    assert ended == -signal.SIGKILL
    assert [type(event) for event in history] == [StepEntered, StepLeft, FaultFired]


@pytest.mark.parametrize("window", ["between", "after"])
@pytest.mark.parametrize("threaded", [False, True], ids=["in-the-loop", "in-a-thread"])
def test_a_body_that_raised_has_ended_too_so_a_crash_after_it_fires(
    tmp_path: Path, window: str, threaded: bool
) -> None:
    path = tmp_path / "journal.jsonl"
    probes = probes_for(path, f"crash@tool:charge#1/{window}")

    async def asks_again() -> None:
        raise ModelRetry("other arguments, please")

    def asks_again_in_a_thread() -> None:
        raise ModelRetry("other arguments, please")

    def call() -> None:
        if threaded:
            probes._run_sync(CHARGE, asks_again_in_a_thread, None)
        else:
            asyncio.run(probes.body(CHARGE, asks_again))

    ended, history = in_a_process(path, call)

    assert ended == -signal.SIGKILL
    assert [type(event) for event in history] == [StepEntered, StepLeft, FaultFired]
    assert history.of(FaultFired)[0].window == window


def test_a_tool_that_leaves_its_answer_to_somebody_else_has_not_failed(tmp_path: Path) -> None:
    probes = probes_for(path := tmp_path / "journal.jsonl", "")

    async def submits() -> None:
        raise CallDeferred(metadata={"job": 7})

    with pytest.raises(CallDeferred):
        asyncio.run(probes.body(CHARGE, submits))

    (left,) = load(path).of(StepLeft)
    assert (left.outcome, left.error) == ("ok", "CallDeferred: ")


def test_a_body_that_raised_in_a_unit_can_be_crashed_before_the_engine_knows(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    probes = probes_for(path, "crash@tool:charge#1/between")

    async def declines() -> None:
        await probes.body(CHARGE, declined)

    async def declined() -> None:
        raise LookupError("no such order")

    ended, history = in_a_process(path, lambda: asyncio.run(probes.unit(declines, "unit-1", "charge")()))

    assert ended == -signal.SIGKILL
    assert history.of(StepLeft)[0].unit == "unit-1"
    assert history.of(FaultFired)[0].window == "between"


def test_a_parallel_call_that_raised_does_not_keep_the_later_ones_waiting(tmp_path: Path) -> None:
    probes = probes_for(tmp_path / "journal", "")

    async def asks_again() -> None:
        raise ModelRetry("other arguments, please")

    with pytest.raises(ModelRetry):
        asyncio.run(probes.body(CHARGE, asks_again))
    assert probes.settled == {"tool:charge#1"}


def test_a_fault_that_has_fired_in_an_earlier_life_is_not_armed_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    plan = "crash@tool:charge#1/before"
    probes = probes_for(path, plan, fired={plan: 1}, incarnation=2)

    ended, history = in_a_process(path, lambda: asyncio.run(recorded_call(probes)))

    assert ended == 0
    assert history.of(FaultFired) == ()


def test_a_fault_of_the_second_life_waits_for_it(tmp_path: Path) -> None:
    plan = "error@tool:charge#1~2"

    assert asyncio.run(recorded_call(probes_for(tmp_path / "one", plan))) == "charged"
    with pytest.raises(RuntimeError, match="injected"):
        asyncio.run(recorded_call(probes_for(tmp_path / "two", plan, incarnation=2)))


def test_an_error_is_raised_as_often_as_the_plan_says_and_the_body_does_not_run(tmp_path: Path) -> None:
    probes = probes_for(tmp_path / "journal", "2*error(TimeoutError)@tool:charge#1")
    ran: list[str] = []

    async def counted() -> None:
        ran.append("body")

    for _ in range(2):
        with pytest.raises(TimeoutError):
            asyncio.run(probes.body(CHARGE, counted))
    asyncio.run(probes.body(CHARGE, counted))

    assert ran == ["body"]


def test_a_lost_answer_comes_after_the_body_has_done_its_work(tmp_path: Path) -> None:
    probes = probes_for(tmp_path / "journal", "lost@tool:charge#1")
    ran: list[str] = []

    async def counted() -> None:
        ran.append("body")

    with pytest.raises(ConnectionError):
        asyncio.run(probes.body(CHARGE, counted))

    assert ran == ["body"]


def test_a_hang_never_returns_and_an_engine_can_time_it_out(tmp_path: Path) -> None:
    probes = probes_for(tmp_path / "journal", "hang@tool:charge#1")

    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(probes.body(CHARGE, charge), 0.05))


def test_only_the_first_step_inside_a_unit_is_what_the_unit_records(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    probes = probes_for(path, "")
    inner = Body(StepId.of("model"))

    async def delegate() -> str:
        return await probes.body(inner, charge)

    async def outer() -> str:
        return await probes.body(CHARGE, delegate)

    async def run() -> None:
        await probes.unit(outer, "7", "call_tool")()
        with probes.commit("7"):
            pass

    asyncio.run(run())

    units = {entered.step: entered.unit for entered in load(path).of(StepEntered)}
    assert units == {"tool:charge#1": "7", "tool:charge#1.model#1": None}
    assert load(path).recorded_steps() == {"tool:charge#1"}


def test_each_agent_run_inside_one_body_has_steps_of_its_own_and_a_new_attempt_has_the_same(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    probes = probes_for(path, "")

    async def asks() -> str:
        with probes.run():
            return await probes.body(Body(StepId.of("model")), charge)

    async def delegate() -> str:
        return "".join(await asyncio.gather(asks(), asks()))

    for _attempt in range(2):
        asyncio.run(probes.body(CHARGE, delegate))

    inner = [entered.step for entered in load(path).of(StepEntered) if "model" in entered.step]
    assert inner == ["tool:charge#1.model#1", "tool:charge#1.run#2.model#1"] * 2


@pytest.mark.parametrize(("own", "tries"), [(True, 2), (False, 1)], ids=["own workflow", "agent"])
def test_the_code_of_a_persons_own_workflow_is_the_run_and_says_so(tmp_path: Path, own: bool, tries: int) -> None:
    probes = probes_for(tmp_path / "journal.jsonl", "", is_own=own)

    for _try in range(tries):  # in the same process, after a failure
        with probes.container(), probes.run():
            pass

    entered = load(tmp_path / "journal.jsonl").of(StepEntered)
    assert [(event.step, event.own) for event in entered] == [("run", own)]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_a_unit_in_which_no_step_runs_is_a_step_of_its_own(tmp_path: Path, is_async: bool) -> None:
    path = tmp_path / "journal"
    probes = probes_for(path, "")

    async def reserve() -> str:
        return "reserved"

    body = probes.unit(reserve if is_async else lambda: "reserved", "3", "reserve")
    result = asyncio.run(body()) if is_async else body()
    with probes.commit("3"):
        pass

    assert result == "reserved"
    assert load(path).steps == ("step:reserve#1",)
    assert load(path).recorded_steps() == {"step:reserve#1"}


def test_a_unit_is_told_with_what_tells_its_arguments_apart_and_nothing_of_them_is_used_up(tmp_path: Path) -> None:
    probes = probes_for(tmp_path / "journal", "")
    lines = (line for line in ("one", "two"))
    same = UUID(int=1)

    for number, (key, more) in enumerate([("k1", same), ("k1", UUID(int=1)), ("k2", same), ("k1", lines)]):
        left = probes.unit(lambda _key, more: more, str(number), "post")(key, more=more)

    given = [event.given for event in load(tmp_path / "journal").of(UnitEntered)]
    assert given[0] == given[1]
    assert len({*given}) == 3
    assert [*left] == ["one", "two"]


def test_an_answer_for_a_unit_is_told_where_the_body_has_not_run_beside_what_the_body_had_returned(
    tmp_path: Path,
) -> None:
    returned = {"orders": (7, 8), "ready": True}
    stored = {"ready": True, "orders": [7, 8]}
    first, second = (probes_for(tmp_path / "journal.jsonl", "", incarnation=life) for life in (1, 2))

    first.answered("ship#1", first.unit(lambda: returned, "ship#1", "ship")())
    first.unit(object, "pack#1", "pack")()
    second.answered("ship#1", stored)
    second.answered("pack#1", object())

    history = load(tmp_path / "journal.jsonl")
    [answer] = history.of(UnitAnswered)
    assert [(left.unit, left.said) for left in history.of(UnitLeft)] == [("ship#1", answer.said), ("pack#1", None)]
    assert (answer.unit, answer.incarnation) == ("ship#1", 2)


def test_what_a_unit_of_a_workflows_own_tells_the_world_is_told_of_its_step(tmp_path: Path) -> None:
    probes = probes_for(tmp_path / "journal.jsonl", "")
    places: list[str | None] = [probes.place()]

    async def told() -> str:
        places.append(probes.place())
        return "told"

    async def outer() -> str:
        await probes.body(CHARGE, told)
        return await probes.unit(told, "9", "bank")()

    async def tool() -> str:
        return await probes.body(Body(StepId.of("tool", "outer")), probes.unit(told, "8", "bank"))

    asyncio.run(probes.unit(told, "1", "bank")())
    asyncio.run(probes.unit(outer, "2", "call_tool")())
    asyncio.run(tool())
    assert places == [None, "step:bank#1", "tool:charge#1", "step:bank#2", "tool:outer#1"]


def test_a_tool_that_is_itself_a_unit_has_run_only_if_the_engine_ran_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    probes = probes_for(path, "")

    async def replayed() -> str:
        return "from the record"

    async def executed() -> str:
        result: str = await probes.unit(charge, "4", "charge")()
        return result

    asyncio.run(probes.body(CHARGE, replayed, opens_unit=True))
    assert load(path).steps == ()

    asyncio.run(probes.body(CHARGE, executed, opens_unit=True))
    assert load(path).steps == ("tool:charge#1",)
    assert load(path).of(UnitEntered) == ()


@pytest.mark.parametrize("first", [0, 1, 2])
def test_parallel_calls_around_a_fault_happen_in_message_order(tmp_path: Path, first: int) -> None:
    path = tmp_path / "journal"
    steps = [StepId.of("tool", "charge", number) for number in (1, 2, 3)]
    siblings = {str(step): tuple(map(str, steps)) for step in steps}
    probes = probes_for(path, "crash@tool:charge#2/before", siblings=siblings)

    async def together() -> None:
        order = steps[first:] + steps[:first]
        await asyncio.gather(*(recorded_call(probes, Body(step), str(step)) for step in order))

    ended, history = in_a_process(path, lambda: asyncio.run(together()))

    assert ended == -signal.SIGKILL
    assert [commit.step for commit in history.of(CommitLeft)] == ["tool:charge#1"]
    assert [entered.step for entered in history.of(StepEntered)] == ["tool:charge#1"]


def test_a_call_whose_error_nobody_records_holds_no_other_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.subjects.turns.PATIENCE", math.inf)
    path = tmp_path / "journal"
    steps = [StepId.of("tool", "charge", number) for number in (1, 2)]
    siblings = {str(step): tuple(map(str, steps)) for step in steps}
    probes = probes_for(path, "error@tool:charge#1", siblings=siblings)

    async def together() -> list[Any]:
        calls = [recorded_call(probes, Body(step), str(step)) for step in steps]
        return await asyncio.gather(*calls, return_exceptions=True)

    failed, done = asyncio.run(asyncio.wait_for(together(), 30))

    assert (type(failed), done) == (RuntimeError, "charged")


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        pytest.param(None, "RuntimeError", id="nothing"),
        pytest.param("503", "ModelHTTPError", id="status"),
        pytest.param("TimeoutError", "TimeoutError", id="builtin"),
        pytest.param("ModelRetry: again", "ModelRetry", id="pydantic-ai"),
        pytest.param("sqlite3.OperationalError", "OperationalError", id="import-path"),
        pytest.param("pydantic.ValidationError: no", "ValidationError", id="pydantic's, which no message makes"),
    ],
)
def test_an_error_can_be_a_status_or_an_exception(argument: str | None, kind: str) -> None:
    assert type(exception(argument)).__name__ == kind


@pytest.mark.parametrize("plan", ["hang@step:pack#1/before", "slow(2s)@step:pack#1", "hang@step:pack#1/between"])
def test_code_that_may_not_pause_is_not_said_to_have_been_held_up(tmp_path: Path, plan: str) -> None:
    probes = probes_for(tmp_path / "journal.jsonl", plan)
    with probes.child("pack#1", "pack"):
        pass
    history = load(tmp_path / "journal.jsonl")
    assert [type(event) for event in history] == [StepEntered, StepLeft]
    assert history.of(StepEntered)[0].step == "step:pack#1"


def test_what_is_replayed_or_goes_on_neither_begins_nor_ends_and_has_its_steps_where_they_were(tmp_path: Path) -> None:
    probes = probes_for(tmp_path / "journal.jsonl", "")

    async def ship() -> None:
        pass

    def once(*, again: bool) -> None:
        with probes.child("pack#1", "pack", again=again):
            asyncio.run(probes.unit(ship, "pack#1.ship#1", "ship")())

    once(again=False)
    once(again=True)
    history = load(tmp_path / "journal.jsonl")
    assert [event.step for event in history.of(StepEntered)] == ["step:pack#1"]
    assert [event.step for event in history.of(UnitEntered)] == ["step:pack#1.step:ship#1"] * 2
    with probes.commit("pack#1"):
        pass
    assert [event.step for event in load(tmp_path / "journal.jsonl").of(CommitLeft)] == ["step:pack#1"]


def test_a_crash_follows_a_unit_that_raises_as_it_does_a_body(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"

    async def ship() -> None:
        raise ValueError("no")

    def run() -> None:
        asyncio.run(probes_for(path, "crash@step:ship#1/between").unit(ship, "ship#1", "ship")())

    code, history = in_a_process(path, run)
    assert code == -signal.SIGKILL
    assert [fired.window for fired in history.fired] == ["between"]


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "sync"])
def test_the_answer_of_a_unit_is_lost_after_it_has_done_its_work(tmp_path: Path, is_async: bool) -> None:
    probes = probes_for(tmp_path / "journal.jsonl", "lost@step:ship#1; slow(1ms)@step:pack#1")
    done = []

    def work() -> None:
        done.append(1)

    async def awaited() -> None:
        work()

    def call(name: str) -> None:
        unit = probes.unit(awaited if is_async else work, f"{name}#1", name)
        asyncio.run(unit()) if is_async else unit()

    with pytest.raises(ConnectionError, match="the answer was lost"):
        call("ship")
    call("pack")

    history = load(tmp_path / "journal.jsonl")
    assert done == [1, 1]
    assert [(fired.step, fired.window) for fired in history.fired] == [
        ("step:ship#1", "between"),
        ("step:pack#1", "between"),
    ]
