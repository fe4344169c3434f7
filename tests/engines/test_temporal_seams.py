"""What we hold of the SDK's private names, and what is said when one has moved."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import AsyncMock, Mock

import pytest

from harness.engines.base import Case, Store, Unsupported
from harness.engines.temporal import expiry, seams, versions
from harness.engines.temporal.binding import bind
from harness.engines.temporal.expiry import AT_ONCE, ATTEMPT, BEAT, WHOLE, Held
from harness.engines.temporal.interceptors import _as_taken
from harness.engines.temporal.worker import TemporalWorker
from harness.errors import EngineUnavailable
from harness.subjects.loading import load_subject
from harness.subjects.loops import run_once


def test_the_installed_sdk_has_every_name_that_we_hold() -> None:
    seams.check()
    assert versions.problems() == []


@pytest.mark.parametrize("name", [name for _, name, _ in seams.HELD])
def test_a_name_that_is_gone_is_told_with_versions_that_are_known_to_work(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [owner] = [owner for owner, held, _ in seams.HELD if held == name]
    monkeypatch.delattr(owner, name)
    with pytest.raises(EngineUnavailable, match=f"{versions.installed()} is not supported: .*{name} is gone"):
        seams.check()


def test_a_limit_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seams.WorkflowWorker, "__init__", lambda self: None)
    with pytest.raises(EngineUnavailable, match="_deadlock_timeout_seconds"):
        seams.check()


def test_a_seam_that_is_no_coroutine_any_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seams.Bridge, "complete_activity_task", lambda self, comp: None)
    with pytest.raises(EngineUnavailable, match=f"known to work: {versions.KNOWN[0]}"):
        seams.check()


def test_a_missing_or_old_sdk_is_a_problem_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "installed", lambda: None)
    assert versions.problems() == [f"engine 'temporal' is not installed: run `{versions.INSTALL}`"]
    monkeypatch.setattr(versions, "installed", lambda: "1.2.3")
    [problem] = versions.problems()
    assert "1.2.3 is too old" in problem


@pytest.mark.parametrize(
    ("timeouts", "used", "gone", "expired", "ends", "waited"),
    [
        ({ATTEMPT: 60.0}, 0.0, 0.0, {ATTEMPT: AT_ONCE}, False, {}),
        ({ATTEMPT: 60.0, BEAT: 30.0}, 0.0, 0.0, {BEAT: AT_ONCE}, False, {}),
        ({ATTEMPT: 60.0, WHOLE: 200.0}, 0.0, 0.0, {ATTEMPT: AT_ONCE}, False, {WHOLE: 140.0}),
        ({ATTEMPT: 60.0, WHOLE: 200.0}, 0.0, 20.0, {ATTEMPT: AT_ONCE}, False, {WHOLE: 160.0}),
        ({ATTEMPT: 60.0, WHOLE: 200.0}, 150.0, 0.0, {WHOLE: AT_ONCE}, True, {WHOLE: 150.0}),
        ({WHOLE: 60.0}, 0.0, 0.0, {WHOLE: AT_ONCE}, True, {WHOLE: AT_ONCE}),
    ],
    ids=[
        "one attempt",
        "a heartbeat comes first",
        "part of the whole is used up",
        "part of that has really passed",
        "the whole is over",
        "only a whole",
    ],
)
def test_the_timeout_that_comes_first_is_made_to_pass(
    timeouts: dict[str, float],
    used: float,
    gone: float,
    expired: dict[str, float],
    ends: bool,
    waited: dict[str, float],
) -> None:
    held = Held("1", timeouts, used, gone=gone)
    assert (held.expired(), held.ends, held.waited()) == (expired, ends, waited)
    assert replace(held, last=True).ends


def test_an_attempt_that_another_follows_has_failed_as_the_server_says_it() -> None:
    said = Held("1", {ATTEMPT: 60.0, BEAT: 30.0}).failure()
    assert (said.message, said.source) == ("activity Heartbeat timeout", "Server")
    assert Held("1", {ATTEMPT: 60.0}).failure().message == "activity StartToClose timeout"


def test_waits_that_are_to_be_short_are_so_where_timeouts_are_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "is_possible", AsyncMock(return_value=True))
    worker = TemporalWorker()
    worker._case = Case(None, AsyncMock(), {}, auto_scale=True, haste=500.0)
    worker._hook = Mock(plans=lambda *_actions: False, pace=lambda: None, ease=lambda: 1.0)
    clock = run_once(worker._clock(Mock(), Store("run", "folder", {"factor": 50.0, "usual": {}})))
    assert (clock.wait(100.0), clock.timeout("ask", 60.0)) == (0.2, 60.0)


def test_what_keeps_a_worker_from_starting_is_said_also_where_nothing_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "dummy")
    subject = load_subject("fixtures.workflows.temporal_parent:Careless")
    refused = bind(Case(subject, AsyncMock(), {}, runs=False))
    assert isinstance(refused, Unsupported)
    assert "'bare' listed in `__pydantic_ai_agents__` has no `TemporalDurability` capability" in refused.reason


def test_no_timeout_is_longer_than_the_one_around_it() -> None:
    given = {BEAT: 30.0, ATTEMPT: 10.0, "schedule_to_start_timeout": 90.0, WHOLE: 60.0}
    assert _as_taken(given) == {BEAT: 10.0, ATTEMPT: 10.0, "schedule_to_start_timeout": 60.0, WHOLE: 60.0}
    assert _as_taken({WHOLE: 5.0, BEAT: 30.0}) == {WHOLE: 5.0, BEAT: 5.0}
    assert _as_taken({ATTEMPT: 60.0}) == {ATTEMPT: 60.0}
